//! The `connect` binary.

use std::process::ExitCode;

use gatepost_connect::Connect;

fn main() -> ExitCode {
    gatepost_runtime::run(Connect::start)
}
