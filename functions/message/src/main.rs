//! The `message` binary.

use std::process::ExitCode;

use gatepost_message::Message;

fn main() -> ExitCode {
    gatepost_runtime::run(Message::start)
}
