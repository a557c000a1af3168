//! Client of API Gateway's `@connections` management API and of Lambda's asynchronous Invoke, over
//! HTTP/1.1 with Signature Version 4.
//!
//! The callers know the two traits [`Connections`] and [`InvokeAsync`].

mod connections;
mod credentials;
mod invoke;

pub use connections::ConnectionState;
pub use connections::Connections;
pub use connections::Payload;
pub use connections::PostError;
pub use credentials::Credentials;
pub use invoke::InvokeAsync;
pub use invoke::InvokeError;

/// Why no usable answer came: a failed connection, a time limit, an answer that nobody expects.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
