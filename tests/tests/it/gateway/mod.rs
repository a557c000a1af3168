//! The gateway by raw bytes: each test names the AWS page or the section of RFC 6455 it rests on.
//! Functions are scripted; nothing here knows of processes.

#![cfg(test)]

mod api_keys;
mod authorizer;
mod backends;
mod client;
mod clocks;
mod closing;
mod deflate;
mod domains;
mod endpoint;
mod events;
mod faults;
mod frames;
mod golden;
mod guesses;
mod handshake;
mod iam;
mod integrations;
mod management;
mod messages;
mod models;
mod order;
mod pressure;
mod rfc6455;
mod routes;
mod script;
mod sdks;
mod served;
mod signatures;
mod signer;
mod throttles;
