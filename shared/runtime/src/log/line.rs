//! The form of a line.

use std::fmt;
use std::fmt::Write as _;

use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::registry::LookupSpan;

use super::Format;
use super::value::Escape;
use super::value::quoted;
use crate::clock;

/// Fields as they stand in a line: `,"key":value` or ` key=value`. A span's are written once, when
/// it begins.
pub(super) struct Fields(pub(super) Format);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut visit = WriteFields {
            format: self.0,
            out: &mut writer,
            result: Ok(()),
        };
        fields.record(&mut visit);
        visit.result
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// A line: time, level, message, the fields of the spans around it, its own fields.
pub(super) struct Line(pub(super) Format);

impl<S> FormatEvent<S, Fields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = event.metadata().level();
        match self.0 {
            Format::Json => {
                out.write_str("{\"timestamp\":\"")?;
                clock::rfc3339(clock::now(), &mut out)?;
                write!(out, "\",\"level\":\"{level}\",\"message\":\"")?;
                event.record(&mut WriteMessage(&mut Escape::in_quotes(&mut out)));
                out.write_char('"')?;
            }
            Format::Text => {
                clock::rfc3339(clock::now(), &mut out)?;
                write!(out, " {level:>5} ")?;
                event.record(&mut WriteMessage(&mut Escape::bare(&mut out)));
            }
        }
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<FormattedFields<Fields>>() {
                out.write_str(fields)?;
            }
        }
        context.format_fields(out.by_ref(), event)?;
        if self.0 == Format::Json {
            out.write_str(",\"target\":")?;
            quoted(&mut out, event.metadata().target())?;
            out.write_char('}')?;
        }
        out.write_char('\n')
    }
}

/// Writes only the message.
struct WriteMessage<'a, 'b>(&'a mut Escape<'b>);

impl Visit for WriteMessage<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            // The writer is a buffer in memory.
            let _ = self.0.write_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// Writes everything but the message.
struct WriteFields<'a> {
    format: Format,
    out: &'a mut dyn fmt::Write,
    result: fmt::Result,
}

impl WriteFields<'_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) {
        // `log.…` repeats, for events of the `log` crate, what is known already.
        if field.name() == "message" || field.name().starts_with("log.") || self.result.is_err() {
            return;
        }
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.result = match self.format {
            Format::Json => write!(self.out, ",\"{name}\":"),
            Format::Text => write!(self.out, " {name}="),
        }
        .and_then(|()| value(self.out));
    }
}

impl Visit for WriteFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |out| quoted(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.write(field, |out| {
            out.write_char('"')?;
            let mut escape = Escape::in_quotes(out);
            write!(escape, "{value}")?;
            let mut source = value.source();
            while let Some(error) = source {
                write!(escape, ": {error}")?;
                source = error.source();
            }
            out.write_char('"')
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, |out| {
            out.write_char('"')?;
            write!(Escape::in_quotes(out), "{value:?}")?;
            out.write_char('"')
        });
    }
}
