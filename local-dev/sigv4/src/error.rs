//! Why a request is not who it says it is from, in the words of AWS.

use std::fmt;

/// What is wrong with a request's signature, and what AWS answers.
///
/// Its text may quote the request, session token included, as AWS's does: it is for the client and
/// for nobody's log. [`fmt::Display`] and [`fmt::Debug`] say the cause only.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureError {
    cause: Cause,
    message: String,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// There is none.
    Missing,
    /// Parts of it are missing or malformed, or it is of another algorithm.
    Incomplete,
    /// It was made more than five minutes ago, or a presigned URL has expired.
    Expired,
    /// It was made more than five minutes in the future.
    NotYetCurrent,
    /// Its credential scope is of another day, region or service.
    Scope,
    /// It was made with other credentials than those of this start.
    UnknownKey,
    /// It is not the signature of this request.
    Mismatch,
}

impl Cause {
    /// In one word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Incomplete => "incomplete",
            Self::Expired => "expired",
            Self::NotYetCurrent => "not_yet_current",
            Self::Scope => "scope",
            Self::UnknownKey => "unknown_key",
            Self::Mismatch => "mismatch",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "the request is not signed",
            Self::Incomplete => "the signature is incomplete or malformed",
            Self::Expired => "the signature has expired",
            Self::NotYetCurrent => "the signature is from the future",
            Self::Scope => "the signature is for another day, region or service",
            Self::UnknownKey => "the request is signed with other credentials",
            Self::Mismatch => "the signature does not match the request",
        }
    }
}

impl SignatureError {
    pub(crate) fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// `x-amzn-ErrorType` of the answer, whose status is 403.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self.cause {
            Cause::Missing => "MissingAuthenticationTokenException",
            Cause::Incomplete => "IncompleteSignatureException",
            Cause::Expired | Cause::NotYetCurrent | Cause::Scope | Cause::Mismatch => {
                "InvalidSignatureException"
            }
            Cause::UnknownKey => "UnrecognizedClientException",
        }
    }

    /// The answer's body: `{"message":…}`.
    #[must_use]
    pub fn body(&self) -> String {
        let message = serde_json::Value::from(self.message.as_str());
        format!(r#"{{"message":{message}}}"#)
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.sentence())
    }
}

impl fmt::Debug for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureError")
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for SignatureError {}
