//! A machine with functions, its facts, and the puppets among its processes.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gatepost_runtime_api::Config;
use gatepost_runtime_api::FunctionSpec;
use gatepost_runtime_api::InvokeError;
use gatepost_runtime_api::Lambda;
use gatepost_runtime_api::Outcome;
use gatepost_tests::machine;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::facts::Facts;
use super::facts::PATIENCE;
use super::puppet::Puppet;

pub(super) const SUPERVISOR: &str = env!("CARGO_BIN_EXE_lambda_machine");
pub(super) const PUPPET: &str = env!("CARGO_BIN_EXE_puppet");

/// A machine with functions, its facts, and the puppets among its processes.
pub(super) struct Stage {
    pub(super) lambda: Arc<Lambda>,
    pub(super) facts: Facts,
    puppets: TcpListener,
}

impl Stage {
    /// A machine with one function, a puppet called `f`.
    pub(super) async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    /// The same, changed.
    pub(super) async fn with(
        configure: impl FnOnce(&mut Config),
        specify: impl FnOnce(&mut FunctionSpec),
    ) -> Self {
        let puppets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let facts = Facts::new();
        let mut config = config(&facts);
        configure(&mut config);
        let mut function = puppet("f", &puppets);
        specify(&mut function);
        let lambda = Arc::new(Lambda::new(config, vec![function]).unwrap());
        Self {
            lambda,
            facts,
            puppets,
        }
    }

    /// Another puppet function on this machine.
    pub(super) fn puppet_spec(&self, id: &str) -> FunctionSpec {
        puppet(id, &self.puppets)
    }

    /// The next process that starts.
    pub(super) async fn puppet(&self) -> Puppet {
        let (stream, _) = timeout(PATIENCE, self.puppets.accept())
            .await
            .expect("no process started")
            .unwrap();
        Puppet::new(stream).await
    }

    /// Invokes `f`.
    pub(super) fn invoke(&self, payload: &str) -> JoinHandle<Result<Outcome, InvokeError>> {
        let (lambda, payload) = (self.lambda.clone(), Bytes::from(payload.to_owned()));
        tokio::spawn(async move { lambda.invoke("f", payload).await })
    }
}

pub(super) fn config(facts: &Facts) -> Config {
    machine::config(PathBuf::from(SUPERVISOR), facts.observer())
}

fn puppet(id: &str, puppets: &TcpListener) -> FunctionSpec {
    let mut function = machine::function(id, PathBuf::from(PUPPET));
    let control = puppets.local_addr().unwrap().to_string();
    function.environment.insert("CONTROL".to_owned(), control);
    function
}

/// What an invocation came to, as text; waits for it.
pub(super) async fn outcome(
    invocation: JoinHandle<Result<Outcome, InvokeError>>,
) -> Result<String, String> {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    match timeout(PATIENCE, invocation)
        .await
        .expect("no outcome")
        .unwrap()
    {
        Ok(Outcome::Response(body)) => Ok(text(body)),
        Ok(Outcome::FunctionError(json)) => Err(text(json)),
        Err(error) => Err(error.to_string()),
    }
}
