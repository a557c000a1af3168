//! The `disconnect` binary.

fn main() {}
