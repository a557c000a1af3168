//! The `authorizer` binary.

fn main() {}
