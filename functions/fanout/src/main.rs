//! The `fanout` binary.

fn main() {}
