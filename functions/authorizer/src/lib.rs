//! The authorizer function.
