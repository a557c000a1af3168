//! The `disconnect` binary.

use std::process::ExitCode;

use gatepost_disconnect::Disconnect;

fn main() -> ExitCode {
    gatepost_runtime::run(Disconnect::start)
}
