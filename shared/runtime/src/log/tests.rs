use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;

use super::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(environment: &[(&str, &str)], log: impl FnOnce()) -> Vec<String> {
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = LogConfig::read(&environment).subscriber(move || writer.clone());
    tracing::subscriber::with_default(subscriber, log);
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(String::from)
        .collect()
}

const JSON: (&str, &str) = (AWS_LAMBDA_LOG_FORMAT, "JSON");

#[test]
fn a_json_line_is_flat_and_has_what_lambda_filters_by() {
    let lines = logged(&[JSON], || {
        let _span = tracing::info_span!("invocation", requestId = "r-1").entered();
        tracing::warn!(connectionId = %"c-1", seq = 7_u64, slow = true, "late");
    });
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["message"], "late");
    assert_eq!(line["requestId"], "r-1");
    assert_eq!(line["connectionId"], "c-1");
    assert_eq!(line["seq"], 7);
    assert_eq!(line["slow"], true);
}

#[test]
fn what_a_client_wrote_cannot_forge_a_line() {
    let forged = "x\"}\n{\"level\":\"ERROR\"\u{1b}[31m\u{85}\u{2028}\u{7f}";
    for format in [&[JSON][..], &[]] {
        let lines = logged(format, || tracing::info!(user = forged, "{forged}"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            !lines[0].chars().any(|c| c.is_control() || c == '\u{2028}'),
            "{lines:?}"
        );
    }
    let lines = logged(&[JSON], || tracing::info!(user = forged, "{forged}"));
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["user"], forged);
    assert_eq!(line["message"], forged);
}

#[test]
fn a_long_value_is_cut() {
    let lines = logged(&[JSON], || tracing::info!(name = "é".repeat(5_000), "long"));
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["name"].as_str().unwrap().len(), 2_048);
}

#[test]
fn an_error_is_told_with_its_causes() {
    let cause = io::Error::other(io::Error::other("refused"));
    let lines = logged(&[JSON], || {
        tracing::error!(
            error = &cause as &(dyn std::error::Error + 'static),
            "no luck"
        );
    });
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["error"], "refused");
}

#[test]
fn levels_come_from_lambda_before_rust_log() {
    for (environment, expected) in [
        (&[][..], "info"),
        (&[(AWS_LAMBDA_LOG_LEVEL, "DEBUG")], "debug"),
        (&[(AWS_LAMBDA_LOG_LEVEL, "FATAL")], "error"),
        (
            &[(AWS_LAMBDA_LOG_LEVEL, "ERROR"), (RUST_LOG, "trace")],
            "error",
        ),
        (&[(RUST_LOG, "warn,gatepost_runtime=debug")], "debug"),
        (&[(RUST_LOG, "trace")], "trace"),
        (&[(RUST_LOG, "=!=")], "info"),
    ] {
        let lines = logged(environment, || {
            tracing::error!("error");
            tracing::info!("info");
            tracing::debug!("debug");
            tracing::trace!("trace");
        });
        let last = lines.last().unwrap();
        assert!(last.ends_with(expected), "{environment:?}: {lines:?}");
    }
}

#[test]
fn no_level_makes_the_runtime_write_whole_events() {
    let lines = logged(&[(RUST_LOG, "trace")], || {
        tracing::trace!(target: "lambda_runtime::layers::api_response", body = "secret", "raw");
        tracing::error!(target: "lambda_runtime::layers::panic", "told by this crate already");
        tracing::error!(target: "lambda_runtime::layers::api_response", "kept");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with("kept"));
}
