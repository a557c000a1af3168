//! Client of API Gateway's `@connections` management API, of Lambda's asynchronous Invoke and of
//! Secrets Manager, over HTTP/1.1 with Signature Version 4; and of public documents, without.
//!
//! Callers know the two traits [`Connections`] and [`InvokeAsync`]; [`Gateway`] and [`Function`] speak
//! to the services, or to an emulator of them at another endpoint.

mod client;
mod connections;
mod credentials;
mod document;
mod endpoint;
mod function;
mod gateway;
mod invoke;
mod pool;
mod refusal;
mod secrets;
mod signature;
mod timestamp;

pub use connections::ConnectionState;
pub use connections::Connections;
pub use connections::Payload;
pub use connections::PostError;
pub use credentials::Access;
pub use credentials::Clock;
pub use credentials::CredentialSource;
pub use credentials::Credentials;
pub use document::Document;
pub use document::DocumentError;
pub use endpoint::InvalidEndpoint;
pub use function::Function;
pub use gateway::Gateway;
pub use invoke::InvokeAsync;
pub use invoke::InvokeError;
pub use pool::Limits;
pub use secrets::SecretError;
pub use secrets::SecretsManager;
pub use signature::InvalidCredentials;
pub use signature::Scope;
pub use signature::Signer;

/// Why no usable answer came: a failed connection, a time limit, an answer that nobody expects.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
