//! The `message` binary.

fn main() {}
