//! Tests and benchmarks of the whole: the only crate that sees both sides.

pub mod member;
pub mod socket;
