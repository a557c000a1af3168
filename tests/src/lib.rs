//! Tests and benchmarks of the whole: the only crate that sees both sides.

pub mod emulator;
pub mod machine;
pub mod member;
pub mod servers;
pub mod socket;
