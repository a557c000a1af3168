//! The clients against a scripted HTTP server on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod connections;
mod secrets;
mod server;
