//! What an answer other than success says.

use http::StatusCode;
use serde_json::Value;

/// A status that the service has no reason to answer with, or that says it is in trouble.
#[derive(Debug, thiserror::Error)]
#[error("the answer was {status}: {message}")]
pub(crate) struct UnexpectedStatus {
    pub(crate) status: StatusCode,
    pub(crate) message: Box<str>,
}

/// The first line of the message in an error's JSON body, at most 300 characters.
///
/// The lines after it repeat the request, the session token included: they belong in no log.
pub(crate) fn message(body: &[u8]) -> Box<str> {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let text = parsed
        .as_ref()
        .and_then(|value| value.get("message").or_else(|| value.get("Message")));
    let line = text
        .and_then(Value::as_str)
        .and_then(|text| text.lines().next());
    line.unwrap_or("it gave no reason")
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn only_the_first_line_of_the_message_is_kept() {
        let refused = br#"{"message":"The signature does not match.\n\nThe Canonical String\nx-amz-security-token:secret"}"#;
        assert_eq!(&*message(refused), "The signature does not match.");
        assert_eq!(
            &*message(br#"{"Message":"User: arn:x is not authorized"}"#),
            "User: arn:x is not authorized"
        );
        assert_eq!(&*message(b"<html>"), "it gave no reason");
    }
}
