//! Lambda's execution environments: the Runtime API, the Extensions API, the Invoke API and the
//! pool, with real processes.

#![expect(
    clippy::unwrap_used,
    reason = "clippy allows it in tests, but does not see that their helpers are tests"
)]

mod after_the_answer;
mod attached;
mod destinations;
mod extensions;
mod facts;
mod failures;
mod file_system;
mod freeze;
mod golden;
mod http;
mod init;
mod interpreted;
mod invoke_api;
mod lifetime;
mod memory;
mod misbehaving;
mod misbehaving_extensions;
mod node_client;
mod output;
mod pool;
mod puppet;
mod python_client;
mod real_runtimes;
mod recursion;
mod requests;
mod retries;
mod stage;
mod streaming;
