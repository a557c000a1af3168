//! The function under test: each event says what it should do.

use gatepost_runtime::Answer;
use gatepost_runtime::Failure;
use gatepost_runtime::Fault;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::Work;
use gatepost_runtime::config;
use gatepost_runtime::config::Environment as _;
use gatepost_runtime::config::Process;
use gatepost_runtime::config::StoresConfig;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;

/// Set where this binary is called as the function.
pub(crate) const IS_FUNCTION: &str = "GATEPOST_TEST_IS_FUNCTION";

#[derive(Serialize)]
pub(crate) struct Done {
    answer: String,
}

struct UnderTest {
    runtime_api: String,
}

impl Function for UnderTest {
    type Response = Done;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<Done>, Failure> {
        let event: String = invocation.parse()?;
        let after: Option<Work> = match &*event {
            "work" => Some(Box::pin(work(self.runtime_api.clone()))),
            "panic later" => Some(Box::pin(async { panic!("on purpose") })),
            "panic" => panic!("on purpose"),
            "refuse" => return Err(Failure::Unauthorized),
            "fail" => {
                return Err(Failure::Fault(Fault {
                    error_type: "Store.Unavailable",
                    what: String::from("no store"),
                    source: Some("refused by 10.0.0.7".into()),
                }));
            }
            _ => None,
        };
        Ok(Answer::then(Done { answer: event }, after))
    }
}

/// Is done when the test says so.
async fn work(runtime_api: String) {
    let mut stream = TcpStream::connect(runtime_api).await.unwrap();
    let request = b"POST /work HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream.read_u8().await.unwrap();
}

/// This binary, to be called as the function.
pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "function::a_function_under_test", "--nocapture"])
        .env_remove("NEXTEST")
        .kill_on_drop(true);
    command
}

#[test]
fn a_function_under_test() {
    if Process.get(IS_FUNCTION).is_none() {
        return;
    }
    let code = gatepost_runtime::run(async |environment| {
        if environment.get("DATABASE_URL").is_some() {
            config::read(environment, StoresConfig::read)?;
        }
        let runtime_api = environment
            .get("AWS_LAMBDA_RUNTIME_API")
            .unwrap_or_default();
        Ok(UnderTest { runtime_api })
    });
    // Not by way of the test's own result.
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}
