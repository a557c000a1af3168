//! Tests of the whole: real servers, real binaries, real sockets.

mod gateway;
mod workspace;
