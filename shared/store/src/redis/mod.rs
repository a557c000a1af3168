//! The registry in Redis or Valkey: one server or a cluster.

mod call;
mod key;
mod link;
#[cfg(test)]
mod race;
mod record;
mod registry;
mod script;

pub(crate) use call::RedisRegistry;
