//! What a server does with signatures: `--sigv4`.

use std::fmt;
use std::sync::Arc;

use crate::error::SignatureError;
use crate::verifier::Request;
use crate::verifier::Verifier;

/// What is done about a request whose signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is told, and answered all the same.
    Warn,
    /// It is told, and refused as on AWS.
    Strict,
}

type Clock = dyn Fn() -> i64 + Send + Sync;
type Told = dyn Fn(&SignatureError, bool) + Send + Sync;

/// The signatures of one service's requests. Clones are the same.
#[derive(Clone)]
pub struct Signatures(Option<Arc<Checked>>);

struct Checked {
    mode: Mode,
    verifier: Verifier,
    clock: Box<Clock>,
    told: Box<Told>,
}

impl Signatures {
    /// Nobody looks at them.
    #[must_use]
    pub fn unchecked() -> Self {
        Self(None)
    }

    /// They are verified with `verifier` at the time of `clock`, in seconds since 1970: a clock
    /// that is no faster than the clients'. `told` hears of every error, and whether the request is
    /// refused for it.
    pub fn checked(
        mode: Mode,
        verifier: Verifier,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
        told: impl Fn(&SignatureError, bool) + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(Checked {
            mode,
            verifier,
            clock: Box::new(clock),
            told: Box::new(told),
        })))
    }

    /// A request that AWS wants signed: an error means that it must be refused.
    ///
    /// # Errors
    /// In strict mode, what is wrong with the signature.
    pub fn check(&self, request: &Request<'_>) -> Result<(), SignatureError> {
        let Some(checked) = &self.0 else {
            return Ok(());
        };
        checked.verify(request, checked.mode == Mode::Strict)
    }

    /// A request that the template wants signed (`AuthorizationType: AWS_IAM`): who turns
    /// signatures off lets everybody in, who is only warned does not.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub fn authorize(&self, request: &Request<'_>) -> Result<(), SignatureError> {
        let Some(checked) = &self.0 else {
            return Ok(());
        };
        checked.verify(request, true)
    }
}

impl Checked {
    fn verify(&self, request: &Request<'_>, refuse: bool) -> Result<(), SignatureError> {
        let Err(error) = self.verifier.verify(request, (self.clock)()) else {
            return Ok(());
        };
        (self.told)(&error, refuse);
        if refuse { Err(error) } else { Ok(()) }
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.0.as_ref().map(|checked| checked.mode);
        f.debug_tuple("Signatures").field(&mode).finish()
    }
}
