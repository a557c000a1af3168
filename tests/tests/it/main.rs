//! Tests of the whole: real servers, real binaries, real sockets.

mod emulator;
mod gateway;
mod runtime_api;
mod store;
mod template;
mod workspace;
