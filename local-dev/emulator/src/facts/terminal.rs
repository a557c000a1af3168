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

/// Whether AWS makes metrics of a line (AWS: "Specification: Embedded metric format"): figures at
/// every invocation, which nobody reads between what matters.
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
mod tests;
