//! The connect function.
