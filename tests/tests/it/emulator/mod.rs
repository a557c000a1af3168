//! The `gatepost` binary: its start, its functions, its console, its end. Functions are those of
//! `tests/fixtures/emulator`.

mod apis;
mod asynchronous;
mod attach;
mod clock;
mod commands;
mod conform;
mod console;
mod credentials;
mod domains;
mod faults;
mod file_system;
mod functions;
mod inline;
mod integrations;
mod node;
mod port;
mod python;
mod quotas;
mod refusal;
mod reload;
mod remains;
mod signatures;
mod start;
mod tls;
mod told;
