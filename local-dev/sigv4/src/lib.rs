//! Verifies AWS Signature Version 4, as the services behind `execute-api` and `lambda` do.
//!
//! It is written from AWS's pages ("Create a signed AWS API request", IAM User Guide) and from what
//! services were seen to answer; nothing here signs, and nothing is shared with the code that does:
//! two independent readings check each other.
//!
//! [`Verifier`] knows one pair of credentials; [`Signatures`] is what a server asks, and does with
//! a [`SignatureError`] what `--sigv4` says.

mod canonical;
mod claim;
mod error;
mod signatures;
mod time;
mod verifier;

pub use error::Cause;
pub use error::SignatureError;
pub use signatures::Mode;
pub use signatures::Signatures;
pub use verifier::Credentials;
pub use verifier::Request;
pub use verifier::Verifier;
