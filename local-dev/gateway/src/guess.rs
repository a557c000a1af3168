//! What AWS does not document and nobody was seen to report, with how it is here.
//!
//! Each can be chosen; docs/emulator.md, "Switches", says why the default is what it is.

use std::borrow::Cow;

use crate::ClosedBy;
use crate::Reading;
use crate::close::Ending;

/// Answers to questions that AWS leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guesses {
    /// `disconnectReason`, and the reason in the close frame, of a violation of RFC 6455 §5: 1002.
    pub reason_1002: String,
    /// Of a binary frame: 1003.
    pub reason_1003: String,
    /// `disconnectReason` of a TCP connection that ended without a close frame: 1006.
    pub reason_1006: String,
    /// Of text that is not UTF-8: 1007.
    pub reason_1007: String,
    /// Of a frame or message beyond its quota: 1009.
    pub reason_1009: String,
    /// Whether the close frame to the client has the reason that `$disconnect` is told.
    pub close_reason: bool,
    /// How the client sees that `DELETE @connections` ended its connection.
    pub delete_close: DeleteClose,
    /// Whether the client gets the body with which `$connect` refused it.
    pub connect_body: bool,
    /// Whether `requestContext.authorizer` says how long the authorizer took, as REST APIs do.
    pub authorizer_latency: Latency,
    /// Whether a plain GET, which gets 426, also gets a body.
    pub plain_get_body: bool,
    /// Whether a handshake for a path below the stage is one for the stage; else it is 403.
    pub path_below: bool,
    /// Whether an offer of `permessage-deflate` is taken, as AWS takes it.
    pub deflate: bool,
    /// HTTP status of a URL longer than 4096 characters.
    pub url_too_long: u16,
    /// How messages that are not strict JSON are read.
    pub json: Reading,
    /// Whether a message whose key is `$connect` or `$disconnect` goes to `$default`; else it has no
    /// route.
    pub predefined_to_default: bool,
    /// `message` of the frame that a throttled message is answered.
    pub throttled_text: String,
    /// HTTP status of `No method found matching route …`.
    pub no_method: u16,
    /// `message` of the 413 for a post of more than 128 KB.
    pub too_large_text: String,
    /// HTTP status of a post without a payload; 200 sends nothing.
    pub empty_post: u16,
    /// Whether a post that is not UTF-8 is refused with 400; else what cannot be text is replaced.
    pub refuse_not_utf8: bool,
    /// Whether events after `$connect` say who signed the handshake, with `AWS_IAM`.
    pub caller_in_every_event: bool,
}

/// How `integrationLatency` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// It is not there.
    Absent,
    /// As a number of milliseconds.
    Number,
    /// As a string of digits.
    String,
}

/// How a connection ends for its client when it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteClose {
    /// With the code and the reason that `$disconnect` is told: 1000.
    Status,
    /// With an empty close frame, which clients show as 1005.
    Empty,
    /// Without a close frame, which clients show as 1006.
    Absent,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            reason_1002: "Protocol error".to_owned(),
            reason_1003: "Invalid message type".to_owned(),
            reason_1006: "Abnormal closure".to_owned(),
            reason_1007: "Invalid payload data".to_owned(),
            reason_1009: "Message too big".to_owned(),
            close_reason: true,
            delete_close: DeleteClose::Status,
            connect_body: false,
            authorizer_latency: Latency::Absent,
            plain_get_body: false,
            path_below: false,
            deflate: true,
            url_too_long: 414,
            json: Reading::Lenient,
            predefined_to_default: true,
            throttled_text: "Too Many Requests".to_owned(),
            no_method: 404,
            too_large_text: "Request Too Long".to_owned(),
            empty_post: 400,
            refuse_not_utf8: false,
            caller_in_every_event: true,
        }
    }
}

/// Longest text: the reason of a close frame, of which a control frame has 125 bytes, 2 of them the
/// status (RFC 6455 §5.5).
const LONGEST_TEXT: usize = 123;

impl Guesses {
    /// The names that [`Guesses::set`] takes, and the values.
    pub const NAMES: &'static [(&'static str, &'static str)] = &[
        ("reason-1002", "TEXT"),
        ("reason-1003", "TEXT"),
        ("reason-1006", "TEXT"),
        ("reason-1007", "TEXT"),
        ("reason-1009", "TEXT"),
        ("close-reason", "send|drop"),
        ("delete-close", "1000|1005|1006"),
        ("connect-body", "drop|send"),
        ("authorizer-latency", "absent|number|string"),
        ("plain-get-body", "drop|send"),
        ("path-below", "403|101"),
        ("deflate", "agree|decline"),
        ("url-too-long", "414|403|400"),
        ("json", "lenient|strict"),
        ("predefined-key", "default|forbidden"),
        ("throttled-text", "TEXT"),
        ("no-method", "404|403"),
        ("too-large-text", "TEXT"),
        ("empty-post", "400|200"),
        ("post-not-utf8", "replace|refuse"),
        ("iam-identity", "every|connect"),
    ];

    /// Chooses by name, as a command line does.
    ///
    /// # Errors
    /// There is no such name, or it takes no such value; the text says what there is.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some((_, values)) = Self::NAMES.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = Self::NAMES.iter().map(|(known, _)| *known).collect();
            return Err(format!("`{name}` is none of {}", names.join(", ")));
        };
        if *values == "TEXT" {
            if value.len() > LONGEST_TEXT {
                return Err(format!("a text has at most {LONGEST_TEXT} bytes"));
            }
        } else if !values.split('|').any(|known| known == value) {
            return Err(format!("`{name}` is {}", values.replace('|', " or ")));
        }
        let status = || value.parse().unwrap_or_default();
        match name {
            "reason-1002" => value.clone_into(&mut self.reason_1002),
            "reason-1003" => value.clone_into(&mut self.reason_1003),
            "reason-1006" => value.clone_into(&mut self.reason_1006),
            "reason-1007" => value.clone_into(&mut self.reason_1007),
            "reason-1009" => value.clone_into(&mut self.reason_1009),
            "close-reason" => self.close_reason = value == "send",
            "delete-close" => {
                self.delete_close = match value {
                    "1005" => DeleteClose::Empty,
                    "1006" => DeleteClose::Absent,
                    _ => DeleteClose::Status,
                };
            }
            "connect-body" => self.connect_body = value == "send",
            "plain-get-body" => self.plain_get_body = value == "send",
            "deflate" => self.deflate = value == "agree",
            "path-below" => self.path_below = value == "101",
            "json" => {
                self.json = match value {
                    "strict" => Reading::Strict,
                    _ => Reading::Lenient,
                };
            }
            "predefined-key" => self.predefined_to_default = value == "default",
            "throttled-text" => value.clone_into(&mut self.throttled_text),
            "too-large-text" => value.clone_into(&mut self.too_large_text),
            "url-too-long" => self.url_too_long = status(),
            "no-method" => self.no_method = status(),
            "empty-post" => self.empty_post = status(),
            "post-not-utf8" => self.refuse_not_utf8 = value == "refuse",
            "iam-identity" => self.caller_in_every_event = value == "every",
            _ => {
                self.authorizer_latency = match value {
                    "number" => Latency::Number,
                    "string" => Latency::String,
                    _ => Latency::Absent,
                };
            }
        }
        Ok(())
    }

    /// Payload of the close frame to the client, if it gets one.
    pub(crate) fn close_frame(&self, ending: &Ending) -> Option<Vec<u8>> {
        let mut payload = ending.close_frame()?;
        match (ending.by, self.delete_close) {
            (ClosedBy::Client, _) => {}
            (ClosedBy::Management, DeleteClose::Absent) => return None,
            (ClosedBy::Management, DeleteClose::Empty) => payload.clear(),
            _ if self.close_reason => {}
            _ => payload.truncate(2),
        }
        Some(payload)
    }

    /// An ending of the gateway or the network with the reason that was chosen for its code.
    pub(crate) fn phrase(&self, ending: Ending) -> Ending {
        let reason = match (ending.by, ending.code) {
            (ClosedBy::Client | ClosedBy::Management, _) => return ending,
            (_, 1002) => &self.reason_1002,
            (_, 1003) => &self.reason_1003,
            (_, 1006) => &self.reason_1006,
            (_, 1007) => &self.reason_1007,
            (_, 1009) => &self.reason_1009,
            _ => return ending,
        };
        if *reason == ending.reason {
            return ending;
        }
        Ending {
            reason: Cow::Owned(reason.clone()),
            ..ending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_takes_its_values_and_nothing_else() {
        for (name, values) in Guesses::NAMES {
            let mut guesses = Guesses::default();
            let mut seen = Vec::new();
            for value in values.split('|') {
                guesses.set(name, value).unwrap();
                seen.push(guesses.clone());
            }
            let default = Guesses::default();
            match seen.as_slice() {
                [text] => assert_ne!(*text, default, "{name}"),
                [first, others @ ..] => {
                    assert_eq!(*first, default, "{name}: the default is named first");
                    assert!(others.iter().all(|other| *other != default), "{name}");
                    assert!(guesses.set(name, "other").is_err(), "{name}");
                }
                [] => unreachable!("splitting gives one piece at least"),
            }
        }
        let mut guesses = Guesses::default();
        assert!(guesses.set("reason-1009", &"x".repeat(124)).is_err());
        let said = guesses.set("reason-1000", "x").unwrap_err();
        assert!(said.contains("reason-1009"), "{said}");
    }

    #[test]
    fn only_the_gateways_own_reasons_are_phrased() {
        let mut guesses = Guesses::default();
        assert_eq!(guesses.phrase(Ending::BINARY), Ending::BINARY);
        guesses.set("reason-1003", "no").unwrap();
        assert_eq!(guesses.phrase(Ending::BINARY).reason, "no");
        let by_client = Ending::by_client(Some((1003, "mine")));
        assert_eq!(guesses.phrase(by_client.clone()), by_client);
        assert_eq!(guesses.phrase(Ending::DELETED), Ending::DELETED);
    }
}
