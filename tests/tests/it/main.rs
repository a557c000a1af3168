//! Tests of the whole: real servers, real binaries, real sockets.

mod both_stores;
mod chat;
mod emulator;
mod gateway;
mod page;
mod runtime_api;
mod seed;
mod store;
mod template;
mod workspace;
