//! The `fanout` binary.

use std::process::ExitCode;

use gatepost_fanout::Fanout;

fn main() -> ExitCode {
    gatepost_runtime::run(Fanout::start)
}
