//! The `gatepost` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatepost_emulator::run(std::env::args_os())
}
