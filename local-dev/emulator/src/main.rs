//! The `gatepost` binary.

use std::process::ExitCode;

/// It gives back what was freed; the emulator's `allocator` says how.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatepost_emulator::run(std::env::args_os())
}
