//! Tests and benchmarks of the whole: the only crate that sees both sides.

pub mod bench;
pub mod checker;
pub mod client;
pub mod emulator;
pub mod ending;
pub mod faults;
pub mod machine;
pub mod member;
pub mod mutants;
pub mod seed;
pub mod sender;
pub mod servers;
pub mod simulation;
pub mod socket;
pub mod stack;
pub mod stalled;
