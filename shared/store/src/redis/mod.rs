//! The registry in Redis or Valkey: one server or a cluster.

mod key;
mod link;
mod record;
mod registry;
mod script;

pub(crate) use registry::RedisRegistry;
