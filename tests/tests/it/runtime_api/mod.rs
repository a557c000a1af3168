//! Lambda's execution environments: the Runtime API, the Extensions API, the Invoke API and the
//! pool, with real processes.

mod after_the_answer;
mod extensions;
mod facts;
mod failures;
mod freeze;
mod http;
mod init;
mod invoke_api;
mod lifetime;
mod output;
mod pool;
mod puppet;
mod real_runtimes;
mod retries;
mod runtime_api;
mod stage;
