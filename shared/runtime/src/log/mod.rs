//! What a function writes to its standard output: one line an event, as flat JSON or as text. No
//! message, token or address belongs in one; control characters never get through.
//!
//! Not `lambda_runtime`'s own subscriber: its JSON has no `timestamp`, and a line without one counts
//! as INFO whatever its level says (AWS: "Configuring JSON and plain text log formats").

mod line;
pub(crate) mod value;

use std::fmt;
use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Environment;

/// `JSON`, or `Text` (default). Lambda sets it from `LoggingConfig`.
pub const AWS_LAMBDA_LOG_FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
/// `TRACE`, `DEBUG`, `INFO` (default), `WARN`, `ERROR` or `FATAL`. Lambda sets it from
/// `LoggingConfig`.
pub const AWS_LAMBDA_LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
/// The level where [`AWS_LAMBDA_LOG_LEVEL`] is absent, also by target: `info,gatepost_chat=debug`.
pub const RUST_LOG: &str = "RUST_LOG";

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// For a person.
    Text,
}

/// What is written, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// See [`AWS_LAMBDA_LOG_FORMAT`].
    pub format: Format,
    targets: Targets,
}

impl LogConfig {
    /// Reads how to log. What is not understood is no reason not to start: it counts as absent.
    #[must_use]
    pub fn read(environment: &dyn Environment) -> Self {
        let json = |format: String| format.eq_ignore_ascii_case("json");
        let format = match environment.get(AWS_LAMBDA_LOG_FORMAT).is_some_and(json) {
            true => Format::Json,
            false => Format::Text,
        };
        let level = environment
            .get(AWS_LAMBDA_LOG_LEVEL)
            .and_then(|level| match &*level {
                "FATAL" => Some(LevelFilter::ERROR),
                level => level.parse().ok(),
            });
        let targets = level
            .map(|level| Targets::new().with_default(level))
            .or_else(|| {
                environment
                    .get(RUST_LOG)
                    .and_then(|targets| targets.parse().ok())
            })
            .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
        // Below WARN these write whole events and requests; and what the handler failed with is
        // said by this crate, once.
        let targets = targets
            .with_target("lambda_runtime", LevelFilter::WARN)
            .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
            .with_target("hyper", LevelFilter::WARN)
            .with_target("hyper_util", LevelFilter::WARN);
        Self { format, targets }
    }

    /// Begins to log to standard output, panics included. Once a process.
    pub fn start(&self) {
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(line::Fields(self.format))
            .event_format(line::Line(self.format))
            .with_writer(io::stdout);
        // A second subscriber is refused; the first goes on.
        let _ = tracing_subscriber::registry()
            .with(layer)
            .with(self.targets.clone())
            .try_init();
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string);
            tracing::error!(at, "panicked: {}", Panicked(panic.payload()));
        }));
    }

    /// What writes these lines elsewhere, for tests.
    pub fn subscriber<W>(&self, writer: W) -> impl tracing::Subscriber + use<W>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(line::Fields(self.format))
            .event_format(line::Line(self.format))
            .with_writer(writer);
        tracing_subscriber::registry()
            .with(layer)
            .with(self.targets.clone())
    }
}

/// What a panic said.
struct Panicked<'a>(&'a (dyn std::any::Any + Send));

impl fmt::Display for Panicked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.downcast_ref::<&str>().copied();
        let text = text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str));
        f.write_str(text.unwrap_or("without a word"))
    }
}

#[cfg(test)]
mod tests;
