//! Verification against requests that others signed, and against requests that nobody should.

#![cfg(test)]

mod answers;
mod aws_signer;
mod captured;
mod hostile;
mod received;
mod sdk;
mod signed;
