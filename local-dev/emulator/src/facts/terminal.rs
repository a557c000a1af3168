//! Facts as lines for a person, on standard error.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use gatepost_gateway::Cause;
use gatepost_runtime_api::Condition;

use super::ByWhom;
use super::Entry;
use super::Fact;
use super::Kind;
use super::Opening;
use super::Result;
use super::outlet::Sink;
use crate::style::Style;

/// How often an error of which clients are told is shown at most, for each route and cause.
const SHOWN_EVERY_MS: u64 = 1000;

/// Lines for a person: what functions print, who comes and goes, and what goes wrong. What goes
/// right all the time is in the console.
#[derive(Debug)]
pub(crate) struct Terminal<W> {
    to: W,
    style: Style,
    repeats: Repeats,
    /// When the table said how functions were doing.
    opened: Option<u64>,
    /// Functions are being ended, whatever they do.
    stopping: bool,
}

/// Errors of which clients were told, by route and cause: a client that goes wrong does so with every
/// message.
#[derive(Debug, Default)]
struct Repeats(BTreeMap<(Option<String>, Cause), Repeat>);

#[derive(Debug)]
struct Repeat {
    /// When one was shown last, in milliseconds since 1970.
    at: u64,
    /// Those after it.
    left_out: u64,
}

impl Repeats {
    /// How often the same happened since it was shown last; `None` if it was shown within the last
    /// second, and is not to be shown now.
    fn since_shown(&mut self, at: u64, route: Option<&str>, cause: Cause) -> Option<u64> {
        let before = self.0.get_mut(&(route.map(str::to_owned), cause));
        if let Some(repeat) = before
            && at < repeat.at + SHOWN_EVERY_MS
        {
            repeat.left_out += 1;
            return None;
        }
        let shown = Repeat { at, left_out: 0 };
        let before = self.0.insert((route.map(str::to_owned), cause), shown);
        Some(before.map_or(0, |repeat| repeat.left_out))
    }
}

impl<W: Write> Terminal<W> {
    /// Lines to `to`.
    pub(crate) fn new(to: W, style: Style) -> Self {
        Self {
            to,
            style,
            repeats: Repeats::default(),
            opened: None,
            stopping: false,
        }
    }
}

impl<W: Write + Send> Sink for Terminal<W> {
    fn fact(&mut self, entry: &Entry) -> io::Result<()> {
        let Fact { at, kind } = &entry.fact;
        let Some(line) = line(kind, self.style) else {
            return Ok(());
        };
        self.stopping |= *kind == Kind::Stopping;
        if self.stopping && is_of_the_end(kind) {
            return Ok(());
        }
        let left_out = match kind {
            // The table says it, once for all that fail alike.
            Kind::FunctionFailed { .. } if self.opened.is_none_or(|opened| *at <= opened) => {
                return Ok(());
            }
            Kind::ErrorSent { route, cause, .. } => {
                match self.repeats.since_shown(*at, route.as_deref(), *cause) {
                    Some(left_out) => left_out,
                    None => return Ok(()),
                }
            }
            _ => 0,
        };
        match left_out {
            0 => writeln!(self.to, "{line}"),
            _ => writeln!(self.to, "{line} ({left_out} more since it was shown)"),
        }
    }

    fn opening(&mut self, opening: &Opening) -> io::Result<()> {
        self.opened = Some(opening.at);
        self.to.write_all(opening.banner.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Whether a person wants to see it.
pub(crate) fn is_shown(kind: &Kind) -> bool {
    line(kind, Style::new(false)).is_some()
}

/// The line of a fact, if a person wants one.
fn line(kind: &Kind, style: Style) -> Option<String> {
    Some(match kind {
        Kind::Log { line, .. } if is_metrics(line) => return None,
        Kind::Log {
            function,
            request,
            line,
        } => {
            let request = short(request.as_deref());
            // Within an entry of the log Lambda's runtimes end lines with a carriage return alone,
            // which a terminal would write over.
            let indent = " ".repeat(function.chars().count() + request.len() + 2);
            let line = line.replace('\r', &format!("\n{indent}"));
            format!("{} {} {line}", style.blue(function), style.dim(request))
        }
        Kind::Connected {
            connection,
            principal,
            ..
        } => {
            let principal = principal
                .as_ref()
                .map(|p| format!(" as {p}"))
                .unwrap_or_default();
            format!("{} {connection} connected{principal}", style.green("+"))
        }
        Kind::Disconnected {
            connection,
            code,
            reason,
            by,
        } => {
            let by = match by {
                ByWhom::Client => "by the client",
                ByWhom::Gateway => "by the gateway",
                ByWhom::Management => "through @connections",
                ByWhom::Network => "without a close frame",
            };
            let reason = if reason.is_empty() {
                String::new()
            } else {
                format!(" {reason}")
            };
            format!(
                "{} {connection} closed {by}: {code}{reason}",
                style.dim("-")
            )
        }
        Kind::Refused { status, why, .. } => {
            format!(
                "{} handshake refused with {status}: {why}",
                style.yellow("!")
            )
        }
        Kind::BadSignature {
            service,
            cause,
            count: 1,
            refused,
        } => {
            let request = match *service {
                "lambda" => "a call of a function",
                _ => "a request to the gateway",
            };
            let cause = cause.replace('_', " ");
            let but = if *refused {
                "answered 403"
            } else {
                "answered here, but 403 on AWS (--sigv4 strict refuses it)"
            };
            format!(
                "{} {request} has a bad signature, {cause}: {but}; said once",
                style.yellow("!")
            )
        }
        Kind::FunctionFailed { function, message } => {
            format!("{} {function}: {message}", style.red("!"))
        }
        Kind::Invoked {
            function,
            request,
            outcome: Result::FunctionError,
            error_type,
            ..
        } => {
            let error = error_type.as_deref().unwrap_or("function error");
            format!(
                "{} {function} {} {error}",
                style.red("!"),
                style.dim(short(Some(request)))
            )
        }
        Kind::Routed {
            route,
            function,
            outcome: Result::TimedOut,
            duration_ms,
            ..
        } => format!(
            "{} {route}: {function} did not answer within {duration_ms:.0} ms",
            style.red("!")
        ),
        Kind::Integrated {
            route,
            calls,
            why: Some(why),
            ..
        } => format!("{} {route}: {calls}: {why}", style.red("!")),
        // What else can go wrong has a line of its own.
        Kind::ErrorSent {
            route,
            cause:
                Cause::NoRoute
                | Cause::NoTarget
                | Cause::NotEmulated
                | Cause::Model
                | Cause::NotInvoked
                | Cause::Answer,
            why,
            message,
            ..
        } => {
            let route = route.as_ref().map(|route| format!("{route}: "));
            let route = route.unwrap_or_default();
            let mark = style.yellow("!");
            format!("{mark} {route}{why}: the client gets {message}")
        }
        Kind::Throttled { function } => {
            format!(
                "{} {function} is throttled: its reserved concurrency is used up, or too many callers wait",
                style.yellow("!")
            )
        }
        Kind::AttemptFailed {
            function,
            request,
            attempt,
            retry_in_ms,
        } => {
            let next = match retry_in_ms {
                Some(ms) => format!("again in {:.0} s", ms / 1000.0),
                None => "given up".into(),
            };
            let request = style.dim(short(Some(request)));
            format!(
                "{} {function} {request} attempt {attempt} failed: {next}",
                style.yellow("!")
            )
        }
        Kind::FaultInjected {
            rule,
            effect,
            step,
            connection,
            function,
            ..
        } => {
            let at = function.as_deref();
            let at = at.or(connection.as_ref().map(gatepost_gateway::Id::as_str));
            let at = at.unwrap_or_default();
            format!(
                "{} fault {rule}: {effect} at {step} {at}",
                style.yellow("!")
            )
        }
        Kind::RequestThrottled {
            connection,
            request,
            quota,
        } => {
            let what = request.map_or("a call of @connections", |_| "a message");
            format!(
                "{} {connection} {what} was throttled: --quota {quota}",
                style.yellow("!")
            )
        }
        Kind::ClockAdvanced { by_ms } => {
            let seconds = *by_ms as f64 / 1000.0;
            format!(
                "{} the clock was put forward by {seconds} s",
                style.dim(">")
            )
        }
        Kind::Reloaded {
            functions,
            removed,
            template,
            took_ms,
        } => {
            let mut what = functions.clone();
            what.extend(removed.iter().map(|id| format!("without {id}")));
            if *template || what.is_empty() {
                what.insert(0, "the template".into());
            }
            format!(
                "{} reloaded {} in {took_ms:.0} ms",
                style.green("↻"),
                what.join(", ")
            )
        }
        Kind::ReloadFailed { reason } => format!(
            "{} not reloaded, what ran before goes on: {reason}",
            style.red("!")
        ),
        Kind::AsyncEnded {
            function,
            request,
            condition,
            destination,
        } if *condition != Condition::Success => {
            let then = match destination {
                Some(destination) => format!("{destination} gets a record"),
                None => "the event is lost".into(),
            };
            format!(
                "{} {function} {} {condition:?}: {then}",
                style.red("!"),
                style.dim(short(Some(request)))
            )
        }
        Kind::Memory {
            function,
            max_memory_mb,
            memory_size_mb,
            ..
        } if max_memory_mb > memory_size_mb => format!(
            "{} {function} has {max_memory_mb} MB of its {memory_size_mb} MB: Lambda would kill it",
            style.yellow("!")
        ),
        Kind::Detached { function } => {
            format!("{} {function}: its process is gone", style.yellow("!"))
        }
        Kind::Stopping => style.dim("stopping"),
        Kind::Received { .. }
        | Kind::AsyncEnded { .. }
        | Kind::Listening { .. }
        | Kind::Memory { .. }
        | Kind::Routed { .. }
        | Kind::Integrated { .. }
        | Kind::Invoked { .. }
        | Kind::Posted { .. }
        | Kind::Answered { .. }
        | Kind::ErrorSent { .. }
        | Kind::NotSent { .. }
        | Kind::BadSignature { .. }
        | Kind::EnvironmentStarted { .. }
        | Kind::EnvironmentStopped { .. }
        | Kind::Queued { .. }
        | Kind::Scheduled { .. } => return None,
    })
}

/// Whether it is what becomes of an invocation under way when the emulator stops.
fn is_of_the_end(kind: &Kind) -> bool {
    match kind {
        Kind::Invoked { error_type, .. } => error_type.as_deref() == Some("Runtime.ExitError"),
        Kind::ErrorSent { cause, .. } => *cause == Cause::NotInvoked,
        _ => false,
    }
}

/// Whether AWS makes metrics of a line (AWS: "Specification: Embedded metric format"): figures at every invocation, which nobody reads between what matters.
fn is_metrics(line: &str) -> bool {
    // Most lines are none, which is seen at once.
    if !line.starts_with('{') || !line.contains("\"_aws\"") {
        return false;
    }
    let json: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    json["_aws"]["CloudWatchMetrics"].is_array()
}

/// The first 8 characters of a request id: enough to tell the invocations on a screen apart.
fn short(request: Option<&str>) -> &str {
    request.map_or("init    ", |request| request.get(..8).unwrap_or(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_function_has_its_name_and_a_short_request_id() {
        let kind = Kind::Log {
            function: "Message".into(),
            request: Some("5f3c2a1b-0000-0000-0000-000000000000".into()),
            line: "hello".into(),
        };
        assert_eq!(
            line(&kind, Style::plain()).unwrap(),
            "Message 5f3c2a1b hello"
        );
    }

    #[test]
    fn what_the_end_interrupts_is_no_failure() {
        let mut terminal = Terminal::new(Vec::new(), Style::plain());
        let invoked = |error_type: &str| Kind::Invoked {
            function: "Echo".into(),
            request: "5f3c2a1b-0000".into(),
            environment: 1,
            cold: false,
            outcome: Result::FunctionError,
            error_type: Some(error_type.into()),
            queued_ms: 0.0,
            duration_ms: 1.0,
        };
        let exit = "Runtime.ExitError";
        let kinds = [
            invoked(exit),
            Kind::Stopping,
            invoked(exit),
            invoked("KeyError"),
        ];
        for kind in kinds {
            let fact = Fact { at: 0, kind };
            terminal.fact(&Entry { number: 1, fact }).unwrap();
        }
        assert_eq!(
            String::from_utf8(terminal.to).unwrap(),
            "! Echo 5f3c2a1b Runtime.ExitError\nstopping\n! Echo 5f3c2a1b KeyError\n"
        );
    }

    #[test]
    fn metrics_are_not_between_what_matters() {
        for (text, shown) in [
            (
                r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N"}]},"Sent":3}"#,
                false,
            ),
            (r#"{"_aws":"a word","message":"hello"}"#, true),
            (r#"{"message":"\"_aws\""}"#, true),
            ("{ \"_aws\" is no JSON", true),
        ] {
            let kind = Kind::Log {
                function: "Message".into(),
                request: None,
                line: text.into(),
            };
            assert_eq!(line(&kind, Style::plain()).is_some(), shown, "{text}");
        }
    }

    #[test]
    fn lines_of_one_entry_stand_below_each_other() {
        let kind = Kind::Log {
            function: "Send".into(),
            request: Some("5f3c2a1b-0000-0000-0000-000000000000".into()),
            line: "[ERROR] KeyError: 'a'\rTraceback:\r  File".into(),
        };
        let text =
            "Send 5f3c2a1b [ERROR] KeyError: 'a'\n              Traceback:\n                File";
        assert_eq!(line(&kind, Style::plain()).unwrap(), text);
    }

    #[test]
    fn a_bad_signature_is_said_once_a_cause() {
        let bad = |count| Kind::BadSignature {
            service: "execute-api",
            cause: "unknown_key",
            count,
            refused: false,
        };
        let said = line(&bad(1), Style::plain()).unwrap();
        assert!(said.contains("unknown key"), "{said}");
        assert_eq!(line(&bad(2), Style::plain()), None);
    }

    fn error(at: u64, route: Option<&str>, cause: Cause, why: &str) -> Entry {
        let kind = Kind::ErrorSent {
            connection: "PJqB0fHsqRcCHlw=".parse().unwrap(),
            request: "PJqB0fHsqRcCHlw=".parse().unwrap(),
            route: route.map(str::to_owned),
            cause,
            why: why.into(),
            message: "Forbidden".into(),
            bytes: 91,
        };
        let fact = Fact { at, kind };
        Entry { number: 1, fact }
    }

    #[test]
    fn a_function_that_does_not_start_is_left_to_the_table() {
        let mut terminal = Terminal::new(Vec::new(), Style::plain());
        let kind = Kind::FunctionFailed {
            function: "F".into(),
            message: "Init.Error: no URL".into(),
        };
        let fact = Fact { at: 0, kind };
        let entry = Entry { number: 1, fact };
        terminal.fact(&entry).unwrap();
        assert_eq!(terminal.to, b"");
        terminal.opened = Some(0);
        terminal.fact(&entry).unwrap();
        assert_eq!(terminal.to, b"", "the table has it");
        let entry = Entry {
            fact: Fact {
                at: 1,
                ..entry.fact
            },
            ..entry
        };
        terminal.fact(&entry).unwrap();
        assert_eq!(terminal.to, b"! F: Init.Error: no URL\n");
    }

    #[test]
    fn an_error_that_repeats_is_shown_once_a_second_with_how_often() {
        let mut terminal = Terminal::new(Vec::new(), Style::plain());
        let (lost, other) = (
            r#"no route for "a" (x) and no $default"#,
            Cause::NotEmulated,
        );
        for (at, route, cause) in [
            (5_000, None, Cause::NoRoute),
            (5_001, None, Cause::NoRoute),
            (5_001, Some("echo"), other),
            (5_999, None, Cause::NoRoute),
            (6_000, None, Cause::NoRoute),
            (7_000, None, Cause::NoRoute),
            // Its own line says it.
            (9_000, Some("echo"), Cause::FunctionError),
        ] {
            let why = if cause == other { "not emulated" } else { lost };
            terminal.fact(&error(at, route, cause, why)).unwrap();
        }
        let shown = r#"! no route for "a" (x) and no $default: the client gets Forbidden"#;
        let text = format!(
            "{shown}\n! echo: not emulated: the client gets Forbidden\n\
             {shown} (2 more since it was shown)\n{shown}\n"
        );
        assert_eq!(String::from_utf8(terminal.to).unwrap(), text);
    }

    #[test]
    fn a_reload_says_what_it_replaced() {
        let reloaded = |functions: &[&str], removed: &[&str], template| {
            let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
            let kind = Kind::Reloaded {
                functions: names(functions),
                removed: names(removed),
                template,
                took_ms: 211.7,
            };
            line(&kind, Style::plain()).unwrap()
        };
        for (line, expected) in [
            (
                reloaded(&["A", "B"], &[], false),
                "↻ reloaded A, B in 212 ms",
            ),
            (
                reloaded(&["A"], &["B"], true),
                "↻ reloaded the template, A, without B in 212 ms",
            ),
            (
                reloaded(&[], &[], false),
                "↻ reloaded the template in 212 ms",
            ),
        ] {
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn who_comes_and_goes_is_shown() {
        let kind = Kind::Disconnected {
            connection: "PJqB0fHsqRcCHlw=".parse().unwrap(),
            code: 1006,
            reason: String::new(),
            by: ByWhom::Network,
        };
        assert_eq!(
            line(&kind, Style::plain()).unwrap(),
            "- PJqB0fHsqRcCHlw= closed without a close frame: 1006"
        );
    }
}
