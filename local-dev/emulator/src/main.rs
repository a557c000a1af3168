//! The `gatepost` binary.

use std::process::ExitCode;

/// The system's keeps what was freed: after a thousand connections that end, the emulator would stay
/// as large as it was with them. `bench memory` has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatepost_emulator::run(std::env::args_os())
}
