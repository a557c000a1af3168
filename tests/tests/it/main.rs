//! Tests of the whole: real servers, real binaries, real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod both_stores;
mod chat;
mod emulator;
mod gateway;
mod mutants;
mod page;
mod runtime_api;
mod seed;
mod simulation;
mod store;
mod template;
mod workspace;
