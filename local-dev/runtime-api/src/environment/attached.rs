//! An environment whose process somebody else starts, once or many times: in a debugger, with the
//! variables of [`Lambda::variables`](crate::Lambda::variables).
//!
//! It listens as long as the function is there. Nothing kills the process and nothing times out: a
//! breakpoint may hold it for an hour. Nobody tells when it ends, either; its connections do.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Environment;
use super::http_api;
use super::state::Runtime;
use super::state::State;
use crate::fact::FactEvent;
use crate::fact::StopReason;
use crate::function_error::FunctionError;

/// How soon it is tried again to listen where another environment still does.
const LISTEN_AGAIN: Duration = Duration::from_millis(20);

/// Listens until the environment is stopped.
pub(super) async fn live(environment: Arc<Environment>, address: SocketAddr) {
    let listening = tokio::select! {
        listening = listen(address) => listening,
        () = environment.stopped() => Err(io::ErrorKind::Interrupted.into()),
    };
    let failure = match listening {
        Ok(listener) => {
            environment.reporter.tell(FactEvent::Listening {
                environment: environment.id,
                address,
            });
            let (_close, closing) = oneshot::channel();
            let serving = http_api::serve(environment.clone(), listener, closing);
            tokio::select! {
                () = serving => {}
                () = environment.stopped() => {}
            }
            environment.exited(Ok(ExitStatus::default()))
        }
        Err(error) => environment.not_started(&error),
    };
    environment.machine.gone(&environment, failure);
}

/// Listens there, as soon as the environment of an older version has ceased to.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(LISTEN_AGAIN).await;
            }
            listening => return listening,
        }
    }
}

impl Environment {
    /// Whether its process is started by somebody else.
    pub(super) fn is_attached(&self) -> bool {
        self.spec.attach.is_some()
    }

    async fn stopped(&self) {
        while self.state().stopping.is_none() {
            self.rearm.notified().await;
        }
    }

    /// Ends it: there is nothing to kill.
    pub(super) fn stop_listening(&self, why: StopReason) {
        Self::stop_now(&mut self.state(), why);
        self.rearm.notify_one();
    }

    /// A connection was accepted.
    pub(super) fn connected(&self) {
        self.state().connections += 1;
    }

    /// A connection ended.
    pub(super) fn disconnected(self: &Arc<Self>) {
        let mut state = self.state();
        state.connections -= 1;
        if state.connections > 0 || state.stopping.is_some() {
            return;
        }
        // One that works may have closed its connection, and answers through another.
        state.abandoned = true;
        if state.ready {
            self.detach(&mut state);
            drop(state);
            self.machine.detached(self, None);
        }
    }

    /// Called when a process begins, or goes on: if it is another one than before, what the one
    /// before left is settled.
    pub(super) fn renew(self: &Arc<Self>, extension: Option<&str>) {
        if !self.is_attached() {
            return;
        }
        let mut state = self.state();
        if !std::mem::take(&mut state.abandoned) {
            return;
        }
        let is_known = |name| state.extensions.iter().any(|known| known.name == name);
        if state.initialized
            || matches!(state.runtime, Runtime::InitError)
            || extension.is_some_and(is_known)
        {
            self.detach(&mut state);
            drop(state);
            self.machine.detached(self, None);
        }
    }

    /// The process is gone.
    fn detach(&self, state: &mut State) {
        self.answer_error(state, &FunctionError::Exit(None));
        self.end_current(state);
        state.reset(Instant::now());
        self.reporter.tell(FactEvent::Detached {
            environment: self.id,
        });
    }
}
