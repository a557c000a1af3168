//! The `authorizer` binary.

use std::process::ExitCode;

use gatepost_authorizer::Authorizer;

fn main() -> ExitCode {
    gatepost_runtime::run(Authorizer::start)
}
