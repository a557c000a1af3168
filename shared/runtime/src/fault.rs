//! What a function that does not answer says instead.

use std::error::Error;
use std::fmt;

use gatepost_store::StoreError;
use lambda_runtime::Diagnostic;

/// Why an invocation ends without an answer. What a client did wrong is an answer, wherever API
/// Gateway lets it be one.
#[derive(Debug)]
pub enum Failure {
    /// The client's fault, where only a failed invocation says so: an authorizer that fails with
    /// exactly `Unauthorized` makes API Gateway answer 401. (AWS: "Control access to WebSocket APIs
    /// with AWS Lambda REQUEST authorizers".)
    Unauthorized,
    /// Ours.
    Fault(Fault),
}

/// A fault of ours: a client reads "Internal server error", an operator `error_type` and the log.
#[derive(Debug)]
pub struct Fault {
    /// What alarms and retries go by, for example `Store.Unavailable`. Never changes.
    pub error_type: &'static str,
    /// What was being done.
    pub what: String,
    /// The cause; for the log only.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// An event that is not of the kind this function is for. `error` must not repeat its text.
    #[must_use]
    pub fn payload(what: impl Into<String>) -> Self {
        Self {
            error_type: "Payload.Invalid",
            what: what.into(),
            source: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let what = error.to_string();
        let (error_type, source) = match error {
            StoreError::Unavailable { source, .. } => ("Store.Unavailable", source),
            StoreError::Unusable { source, .. } => ("Store.Unusable", source),
            StoreError::InvalidUrl(_) => ("Config.Invalid", None),
        };
        Self {
            error_type,
            what,
            source,
        }
    }
}

impl<T: Into<Fault>> From<T> for Failure {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unauthorized => Self {
                error_type: String::from("Unauthorized"),
                error_message: String::from("Unauthorized"),
            },
            Failure::Fault(fault) => Self {
                error_type: String::from(fault.error_type),
                error_message: fault.what,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_a_stable_type_and_keeps_its_cause_for_the_log() {
        let store = StoreError::Unavailable {
            store: "mysql",
            what: "append",
            source: Some("connection refused by 10.0.0.7".into()),
        };
        let fault = Fault::from(store);
        assert_eq!(
            fault.source().unwrap().to_string(),
            "connection refused by 10.0.0.7"
        );
        let told = Diagnostic::from(Failure::from(fault));
        assert_eq!(told.error_type, "Store.Unavailable");
        assert_eq!(told.error_message, "mysql is unavailable: append");
    }

    #[test]
    fn a_refused_client_gets_the_word_that_api_gateway_looks_for() {
        assert_eq!(
            Diagnostic::from(Failure::Unauthorized).error_message,
            "Unauthorized"
        );
    }
}
