//! The clients against a scripted HTTP server on loopback.

mod answers;
mod connections;
mod server;
