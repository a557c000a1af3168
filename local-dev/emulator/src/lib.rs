//! The gatepost binary: the emulator and its command line.

mod build;
mod cli;
mod credentials;
mod env_file;
mod environment;
mod facts;
mod port;
mod serve;
mod style;
mod time;
