//! `$disconnect`: removes the connection and has its rooms told. Nothing can be answered.

use gatepost_runtime::Answer;
use gatepost_runtime::Backend;
use gatepost_runtime::ConnectionEvent;
use gatepost_runtime::Failure;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::ProxyResponse;
use gatepost_runtime::Reach;
use gatepost_runtime::StartError;
use gatepost_runtime::config::Environment;

/// Removes connections.
#[derive(Debug)]
pub struct Disconnect {
    backend: Backend,
}

impl Disconnect {
    /// Reads where connections are recorded, and who tells their rooms.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub async fn start(environment: &dyn Environment) -> Result<Self, StartError> {
        Ok(Self::new(Backend::start(environment, Reach::Fanout).await?))
    }

    /// One with its own chat.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }

    /// Takes the end of one connection. Whatever a store does not take now ends with its lease.
    ///
    /// # Errors
    /// If the event names no connection.
    pub async fn disconnect(&self, event: &ConnectionEvent<'_>) -> Result<(), Failure> {
        let connection = event.request_context.connection()?;
        self.backend.chat.disconnected(&connection).await;
        let code = event.request_context.disconnect_status_code;
        tracing::info!(connectionId = %connection, code, "disconnected");
        Ok(())
    }
}

impl Function for Disconnect {
    type Response = ProxyResponse;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<ProxyResponse>, Failure> {
        self.disconnect(&invocation.parse()?).await?;
        Ok(Answer::new(ProxyResponse::ok()))
    }
}

#[cfg(test)]
mod tests;
