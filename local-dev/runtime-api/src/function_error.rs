//! The JSON of function errors that Lambda, not the function, writes.

use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

/// 6 MiB and 100 bytes: the largest response.
pub(crate) const MAX_RESPONSE: usize = 6 * 1024 * 1024 + 100;

/// A function error that Lambda writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FunctionError {
    /// The process ended: `exit status 1`, `signal: killed`; `None` after exit status 0.
    Exit(Option<String>),
    /// The invocation, or the Init phase within it, took longer than this.
    Timeout(Duration),
    /// The response was this large.
    TooLarge(usize),
    /// The process could not be started.
    Entrypoint(String),
    /// What the runtime posted to `/init/error`.
    Reported(Bytes),
    /// The function, by its logical ID, was taken away while the event waited.
    Removed(String),
    /// `Lambda-Runtime-Function-Response-Mode` was something else than `streaming`.
    InvalidResponseMode,
    /// The response broke off with an error of this type, of which nothing more was told.
    BrokenOff(String),
    /// `Extension.InitError` or `Extension.ExitError`, and the type that the extension gave.
    Extension(&'static str, String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    error_type: &'a str,
    error_message: String,
}

impl FunctionError {
    /// Of an ended process.
    pub(crate) fn exit(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self::Exit(match (status.code(), status.signal()) {
            (Some(0), _) => None,
            (Some(code), _) => Some(format!("exit status {code}")),
            (None, Some(9)) => Some("signal: killed".to_owned()),
            (None, Some(11)) => Some("signal: segmentation fault".to_owned()),
            (None, Some(15)) => Some("signal: terminated".to_owned()),
            (None, Some(6)) => Some("signal: aborted".to_owned()),
            (None, signal) => Some(format!("signal: {}", signal.unwrap_or_default())),
        })
    }

    /// The body of the answer, keys in Lambda's order.
    pub(crate) fn json(&self, request_id: Uuid) -> Bytes {
        let (error_type, message) = match self {
            Self::Reported(body) => return body.clone(),
            Self::TooLarge(length) => {
                let message = format!(
                    "Response payload size ({length} bytes) exceeded maximum allowed payload size \
                     ({MAX_RESPONSE} bytes)."
                );
                return body("Function.ResponseSizeTooLarge", message);
            }
            Self::BrokenOff(error_type) => return body(error_type, String::new()),
            Self::InvalidResponseMode => (
                "Runtime.InvalidResponseModeHeader",
                "Invalid function response mode".to_owned(),
            ),
            Self::Exit(None) => (
                "Runtime.ExitError",
                "Runtime exited without providing a reason".to_owned(),
            ),
            Self::Exit(Some(status)) => (
                "Runtime.ExitError",
                format!("Runtime exited with error: {status}"),
            ),
            Self::Timeout(limit) => (
                "Sandbox.Timedout",
                format!("Task timed out after {:.2} seconds", limit.as_secs_f64()),
            ),
            Self::Removed(id) => (
                "ResourceNotFoundException",
                format!("Function not found: {id}"),
            ),
            Self::Entrypoint(reason) => ("Runtime.InvalidEntrypoint", reason.clone()),
            Self::Extension(error_type, reason) => (*error_type, reason.clone()),
        };
        body(
            error_type,
            format!("RequestId: {request_id} Error: {message}"),
        )
    }
}

fn body(error_type: &str, error_message: String) -> Bytes {
    let body = Body {
        error_type,
        error_message,
    };
    serde_json::to_vec(&body)
        .expect("two strings are always JSON")
        .into()
}

/// `errorType` of a function error's JSON, `Unhandled` without one: what Lambda itself calls an
/// error that it knows nothing of.
pub(crate) fn error_type(json: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        error_type: String,
    }
    serde_json::from_slice(json)
        .map_or_else(|_| "Unhandled".to_owned(), |typed: Typed| typed.error_type)
}

/// A function error's JSON for a person: `errorType: errorMessage`.
pub(crate) fn sentence(json: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Told {
        error_type: String,
        #[serde(default)]
        error_message: String,
    }
    match serde_json::from_slice(json) {
        Ok(Told {
            error_type,
            error_message,
        }) if error_message.is_empty() => error_type,
        Ok(Told {
            error_type,
            error_message,
        }) => format!("{error_type}: {error_message}"),
        Err(_) => format!("it reported an error: {}", String::from_utf8_lossy(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn bodies_are_those_of_lambda() {
        let cases = [
            FunctionError::exit(ExitStatus::from_raw(1 << 8)),
            FunctionError::exit(ExitStatus::from_raw(0)),
            FunctionError::exit(ExitStatus::from_raw(9)),
            FunctionError::Timeout(Duration::from_millis(3_000)),
            FunctionError::Timeout(Duration::from_millis(1_500)),
            FunctionError::TooLarge(7_340_060),
            FunctionError::Entrypoint("no such file".to_owned()),
            FunctionError::Extension("Extension.InitError", "Extension.NoConfig".to_owned()),
        ];
        let bodies: Vec<_> = cases
            .iter()
            .map(|case| String::from_utf8(case.json(Uuid::nil()).to_vec()).unwrap())
            .collect();
        expect![[r#"
            {"errorType":"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Runtime exited with error: exit status 1"}
            {"errorType":"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Runtime exited without providing a reason"}
            {"errorType":"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Runtime exited with error: signal: killed"}
            {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Task timed out after 3.00 seconds"}
            {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Task timed out after 1.50 seconds"}
            {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (7340060 bytes) exceeded maximum allowed payload size (6291556 bytes)."}
            {"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: no such file"}
            {"errorType":"Extension.InitError","errorMessage":"RequestId: 00000000-0000-0000-0000-000000000000 Error: Extension.NoConfig"}"#]]
        .assert_eq(&bodies.join("\n"));
    }

    #[test]
    fn a_reported_error_is_passed_on_as_it_is() {
        let body = Bytes::from_static(br#"{"errorMessage":"m","errorType":"T","stackTrace":[]}"#);
        assert_eq!(
            FunctionError::Reported(body.clone()).json(Uuid::nil()),
            body
        );
        assert_eq!(error_type(&body), "T");
        assert_eq!(error_type(b"gibberish"), "Unhandled");
    }

    #[test]
    fn a_reported_error_is_told_in_its_own_words() {
        for (json, told) in [
            (
                r#"{"errorMessage":"no 'left-pad'\nRequire stack","errorType":"Runtime.ImportModuleError"}"#,
                "Runtime.ImportModuleError: no 'left-pad'\nRequire stack",
            ),
            (r#"{"errorType":"T"}"#, "T"),
            (
                r#"{"errorMessage":"m"}"#,
                r#"it reported an error: {"errorMessage":"m"}"#,
            ),
            ("gibberish", "it reported an error: gibberish"),
        ] {
            assert_eq!(sentence(json.as_bytes()), told);
        }
    }
}
