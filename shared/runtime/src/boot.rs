//! From the start of the process to its last event.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Diagnostic;
use lambda_runtime::LambdaEvent;
use lambda_runtime::Runtime;
use lambda_runtime::service_fn;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::Failure;
use crate::Function;
use crate::Invocation;
use crate::after;
use crate::after::AfterLayer;
use crate::after::Slot;
use crate::config;
use crate::config::AfterAnswer;
use crate::config::ConfigError;
use crate::config::Environment;
use crate::config::Process;
use crate::log::LogConfig;
use crate::metric;

/// Where the Runtime API is. Lambda sets it.
const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The function's name. Lambda sets it.
const AWS_LAMBDA_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The environment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A store's URL is wrong.
    #[error(transparent)]
    Store(#[from] gatepost_store::StoreError),
    /// An endpoint's URL is wrong.
    #[error(transparent)]
    Endpoint(#[from] gatepost_gateway_client::InvalidEndpoint),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] crate::SecretError),
}

/// Runs a function until Lambda ends the process. `build` makes it from the environment; it must not
/// wait for a store, because a function starts whether or not one is away.
///
/// What keeps it from starting goes to the log and to Lambda (`/runtime/init/error`), and the exit
/// code is 1.
pub fn run<F: Function>(
    build: impl AsyncFnOnce(&dyn Environment) -> Result<F, StartError>,
) -> ExitCode {
    let log = LogConfig::read(&Process);
    log.start();
    metric::begin(
        log.format,
        Process.get(AWS_LAMBDA_FUNCTION_NAME).unwrap_or_default(),
    );
    let Some(runtime_api) = Process.get(AWS_LAMBDA_RUNTIME_API) else {
        tracing::error!(
            "{AWS_LAMBDA_RUNTIME_API} is not set: this is a Lambda function, `cargo run` in the \
             repository starts it and all the others"
        );
        return ExitCode::FAILURE;
    };
    // One event at a time needs one thread; what is done at once is done on it concurrently.
    let executor = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(executor) => executor,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no executor");
            return ExitCode::FAILURE;
        }
    };
    executor.block_on(async {
        let after = config::read(&Process, AfterAnswer::read).map_err(StartError::from);
        // Both are asked, so that both say what is wrong.
        let (function, after) = match (build(&Process).await, after) {
            (Ok(function), Ok(after)) => (function, after),
            (function, after) => {
                let errors = [function.err(), after.err()];
                let said: Vec<String> = errors
                    .into_iter()
                    .flatten()
                    .map(|error| chain(&error))
                    .collect();
                let said = said.join("\n");
                // One line each, because a line of the log cannot be broken.
                for said in said.lines() {
                    tracing::error!("cannot start: {}", said.trim());
                }
                report_init_error(&runtime_api, &said);
                return ExitCode::FAILURE;
            }
        };
        match serve(function, after).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    "the Runtime API is gone"
                );
                ExitCode::FAILURE
            }
        }
    })
}

/// Takes one event after the other.
async fn serve<F: Function>(function: F, mode: AfterAnswer) -> Result<(), lambda_runtime::Error> {
    let function = Arc::new(function);
    let slot = Slot::default();
    let to_layer = slot.clone();
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let (function, slot) = (Arc::clone(&function), to_layer.clone());
        let span = tracing::info_span!("invocation", requestId = %event.context.request_id);
        async move {
            let deadline = after::deadline(&event.context);
            let invocation = Invocation {
                payload: &event.payload,
                request_id: &event.context.request_id,
                deadline,
            };
            match function.invoke(invocation).await {
                Ok(answer) => {
                    if let Some(work) = answer.after {
                        match mode {
                            AfterAnswer::Layer => {
                                slot.put(work);
                            }
                            AfterAnswer::Before => after::within(work, deadline).await,
                        }
                    }
                    Ok(answer.response)
                }
                Err(failure) => {
                    if let Failure::Fault(fault) = &failure {
                        let error = fault as &dyn std::error::Error;
                        tracing::error!(errorType = fault.error_type, error, "the event failed");
                    }
                    Err(Diagnostic::from(failure))
                }
            }
        }
        .instrument(span)
    });
    Runtime::new(handler).layer(AfterLayer(slot)).run().await
}

/// An error and its causes in one text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said.push_str(": ");
        said.push_str(&cause.to_string());
        source = cause.source();
    }
    said
}

/// Tells Lambda why the function cannot start. `lambda_runtime` has no call for it; the process ends
/// right after, so a plain request will do, and nobody hears of it if that fails.
fn report_init_error(runtime_api: &str, what: &str) {
    let body = serde_json::json!({
        "errorType": "Runtime.InitError",
        "errorMessage": what,
        "stackTrace": [],
    })
    .to_string();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {runtime_api}\r\n\
         Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Runtime.InitError\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let send = || {
        let mut stream = TcpStream::connect(runtime_api)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(request.as_bytes())?;
        // The answer says that it was taken; what it says is of no use any more.
        stream.read(&mut [0; 512]).map(drop)
    };
    if let Err(error) = send() {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "the Runtime API did not take the error");
    }
}
