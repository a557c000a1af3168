//! The `connect` binary.

fn main() {}
