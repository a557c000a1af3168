//! API Gateway's WebSocket front, as AWS's pages and observations of the service describe it:
//! handshake, authorizer, routing, proxy events, limits and `@connections`. It knows nothing of
//! processes: functions are called through [`Invoke`].
//!
//! [`serve_connection`] speaks HTTP/1.1 on an accepted socket; whatever [`Gateway::owns`] goes to
//! [`Gateway::serve`]. Everything the gateway does is told to an [`Observer`].

mod activity;
mod api_key;
mod authorizer;
mod backend;
mod casing;
mod close;
mod config;
mod connection;
mod date;
mod deflate;
mod deployment;
mod endpoint;
mod error_frame;
mod event;
mod expiry;
mod fault;
mod frame;
mod gateway;
mod guess;
mod handshake;
mod head;
mod id;
mod invoke;
mod json;
mod management;
mod message;
mod model;
mod observer;
mod outbox;
mod policy;
mod proxy_response;
mod random;
mod refusal;
mod registry;
mod route;
mod sample;
mod session;
mod stream;
mod throttle;
mod upgrade;

pub use config::*;
pub use connection::ConnectionView;
pub use fault::Fault;
pub use fault::Faults;
pub use fault::Injected;
pub use fault::NoFaults;
pub use fault::Site;
pub use fault::Step;
pub use gateway::Gateway;
pub use guess::*;
pub use id::Id;
pub use id::InvalidId;
pub use invoke::*;
pub use json::Reading;
pub use management::PostError;
pub use observer::*;
pub use random::*;
pub use stream::serve_connection;
pub use throttle::Account;
pub use throttle::AccountQuotas;
pub use throttle::Throttled;
