//! The functions of one machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::chain::Chain;
use crate::config::Config;
use crate::environment::variables;
use crate::event::Answer;
use crate::event::Event;
use crate::event::MAX_ASYNC_PAYLOAD;
use crate::event::MAX_PAYLOAD;
use crate::event::Reply;
use crate::fact::FactEvent;
use crate::machine::Machine;
use crate::spec::FunctionSpec;
use crate::spec::InvokeError;
use crate::spec::Outcome;
use crate::status::FunctionStatus;
use crate::status::Readiness;

/// The functions of one machine, as processes. Dropping it kills them; [`Lambda::shutdown`] is the
/// orderly way.
#[derive(Debug)]
pub struct Lambda {
    pub(crate) machine: Arc<Machine>,
}

/// A synchronous invocation with everything that the Invoke API offers.
pub(crate) struct Call {
    pub(crate) payload: Bytes,
    /// `X-Amz-Client-Context`, decoded.
    pub(crate) client_context: Option<HeaderValue>,
    /// From `X-Amzn-Trace-Id`.
    pub(crate) chain: Option<Box<Chain>>,
    /// Whether the answer carries the last lines of output.
    pub(crate) tail: bool,
}

impl Lambda {
    /// Starts one environment of every function; [`Lambda::ready`] waits for them. Needs a tokio
    /// runtime with I/O and time, here and in every other call.
    ///
    /// # Errors
    /// When the supervisor cannot be started.
    pub fn new(config: Config, functions: Vec<FunctionSpec>) -> io::Result<Self> {
        Ok(Self {
            machine: Machine::start(config, functions)?,
        })
    }

    /// Invokes the function with this logical ID and waits for its answer, as long as that takes:
    /// for a free environment, and then for at most the function's timeout. Dropping the future
    /// abandons only the answer.
    ///
    /// # Errors
    /// When it was not invoked. An error of the function is an [`Outcome::FunctionError`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Outcome, InvokeError> {
        let call = Call {
            payload,
            client_context: None,
            chain: None,
            tail: false,
        };
        Ok(self.call(function, call).await?.1.outcome)
    }

    /// [`Lambda::invoke`] with everything that the Invoke API offers. The request ID and the answer.
    pub(crate) async fn call(
        &self,
        function: &str,
        call: Call,
    ) -> Result<(Uuid, Answer), InvokeError> {
        if call.payload.len() > MAX_PAYLOAD {
            return Err(InvokeError::TooLarge(call.payload.len()));
        }
        if call.chain.is_some() {
            let spec = self.machine.spec(function)?;
            if self.machine.is_loop(&spec, call.chain.as_deref()) {
                self.machine.tell(function, FactEvent::RecursionStopped);
                return Err(InvokeError::Recursive(function.to_owned()));
            }
        }
        let request_id = (self.machine.config.new_id)();
        let (sender, answer) = oneshot::channel();
        let event = Event {
            request_id,
            payload: call.payload,
            client_context: call.client_context,
            chain: call.chain,
            reply: Reply::Caller {
                sender,
                tail: call.tail,
            },
            submitted: Instant::now(),
        };
        self.machine.submit(function, event)?;
        let answer = answer.await.map_err(|_| InvokeError::Stopping)?;
        Ok((request_id, answer))
    }

    /// Queues an asynchronous invocation (`Event`) of the function with this logical ID and returns
    /// its request ID. It is invoked as soon as an environment is free, and again after function
    /// errors as [`FunctionSpec::retry_attempts`] says. The queue lives as long as the emulator.
    ///
    /// # Errors
    /// When it was not queued; it is never throttled.
    pub fn invoke_async(&self, function: &str, payload: Bytes) -> Result<Uuid, InvokeError> {
        self.invoke_async_in(function, payload, None)
    }

    /// [`Lambda::invoke_async`] by what `chain` led to.
    pub(crate) fn invoke_async_in(
        &self,
        function: &str,
        payload: Bytes,
        chain: Option<Box<Chain>>,
    ) -> Result<Uuid, InvokeError> {
        if payload.len() > MAX_ASYNC_PAYLOAD {
            return Err(InvokeError::TooLarge(payload.len()));
        }
        self.machine.queue(function, payload, chain)
    }

    /// What a process that somebody starts for this attached function must find in its environment,
    /// without what it inherits anyway; `None` if the function is not attached.
    pub fn variables(&self, function: &str) -> Option<BTreeMap<OsString, OsString>> {
        let spec = self.machine.spec(function).ok()?;
        let config = &self.machine.config;
        let mut variables = variables(config, &spec, spec.attach?, None);
        variables.retain(|name, value| config.inherited.get(name) != Some(value));
        Some(variables)
    }

    /// How every function is doing, in the order of their IDs.
    pub fn status(&self) -> Vec<FunctionStatus> {
        self.machine.status()
    }

    /// Waits until it is known of every function whether it can be started.
    pub async fn ready(&self) -> Vec<FunctionStatus> {
        let mut changes = self.machine.changes();
        loop {
            let status = self.status();
            if status
                .iter()
                .all(|function| function.readiness != Readiness::Starting)
            {
                return status;
            }
            // The machine lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// Puts a new version of a function in the place of the old one, or adds a function: events go
    /// to new environments from now on; old ones end when their invocation does.
    pub fn replace(&self, function: FunctionSpec) {
        self.machine.place(function);
    }

    /// Takes a function away: it is not found from now on, events that wait are dropped, and its
    /// environments end when their invocation does.
    pub fn remove(&self, function: &str) {
        self.machine.remove(function);
    }

    /// Refuses what comes from now on, lets invocations go on for a second, and then ends every
    /// process. Nothing is left when it returns.
    pub async fn shutdown(&self) {
        self.machine.shut_down().await;
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.machine.kill();
    }
}
