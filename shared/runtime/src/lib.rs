//! What joins a Lambda function to the chat: configuration, events, answers, the work after an
//! answer, logs and figures. The only crate that knows Lambda's Runtime API and the environment.

mod after;
mod backend;
mod boot;
pub mod clock;
pub mod config;
mod fault;
mod function;
mod identity;
pub mod log;
pub mod metric;
mod policy;
mod posts;
mod proxy_event;
mod response;
mod secrets;

pub use after::MARGIN;
pub use after::Work;
pub use backend::Backend;
pub use backend::Reach;
pub use boot::StartError;
pub use boot::run;
pub use fault::Failure;
pub use fault::Fault;
pub use function::Answer;
pub use function::Function;
pub use function::Invocation;
pub use gatepost_gateway_client::Document;
pub use gatepost_gateway_client::DocumentError;
pub use gatepost_gateway_client::Limits;
pub use identity::Identity;
pub use identity::NoIdentity;
pub use policy::Authorization;
pub use posts::Posts;
pub use proxy_event::AuthorizerEvent;
pub use proxy_event::ConnectionEvent;
pub use proxy_event::Headers;
pub use proxy_event::MessageEvent;
pub use proxy_event::RequestContext;
pub use response::ProxyResponse;
pub use secrets::SecretError;
pub use secrets::secret;
pub use secrets::signing_secret;
