//! `$connect`: records the connection. It is no post target before its `hello`.

use gatepost_chat::Refusal;
use gatepost_protocol::Code;
use gatepost_runtime::Answer;
use gatepost_runtime::Backend;
use gatepost_runtime::ConnectionEvent;
use gatepost_runtime::Failure;
use gatepost_runtime::Fault;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::ProxyResponse;
use gatepost_runtime::Reach;
use gatepost_runtime::StartError;
use gatepost_runtime::config::Environment;

/// Records connections.
#[derive(Debug)]
pub struct Connect {
    backend: Backend,
}

impl Connect {
    /// Reads where connections are recorded.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub async fn start(environment: &dyn Environment) -> Result<Self, StartError> {
        let backend = Backend::start(environment, Reach::Stores).await?;
        Ok(Self { backend })
    }

    /// Takes one connection. The registry may be away: `hello` makes up for it.
    ///
    /// # Errors
    /// If the event has no identity, or the registry is not one that this version can use.
    pub async fn connect(&self, event: &ConnectionEvent<'_>) -> Result<ProxyResponse, Failure> {
        let caller = event.request_context.caller()?;
        if let Err(refusal) = self.backend.chat.connected(&caller).await {
            return Ok(ProxyResponse::refused(status_of(refusal)?));
        }
        tracing::info!(connectionId = %caller.connection, userId = %caller.user, "connected");
        // A token offered beside it is never repeated.
        Ok(match event.headers.offers_v1() {
            true => ProxyResponse::with_subprotocol(),
            false => ProxyResponse::ok(),
        })
    }
}

/// What the client's handshake is answered.
fn status_of(refusal: Refusal) -> Result<u16, Fault> {
    match (refusal.fault, refusal.code) {
        (Some(fault), _) => Err((*fault).into()),
        (None, Code::Unauthorized) => Ok(401),
        (None, _) => Ok(403),
    }
}

impl Function for Connect {
    type Response = ProxyResponse;

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<ProxyResponse>, Failure> {
        Ok(Answer::new(self.connect(&invocation.parse()?).await?))
    }
}

#[cfg(test)]
mod tests;
