//! What the person sees when everything is ready.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use crate::board::State;
use crate::overview;
use crate::overview::Overview;
use crate::overview::duration;
use crate::style::Style;

/// The banner and the table of routes.
pub(crate) fn banner(
    overview: &Overview,
    states: &BTreeMap<String, State>,
    took: Duration,
    style: Style,
) -> String {
    let took = if took < Duration::from_secs(10) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{} s", took.as_secs())
    };
    let waiting = states
        .values()
        .filter(|state| **state != State::Ready)
        .count();
    let how = if waiting == 0 {
        format!("ready in {took}")
    } else {
        let waiting = format!("{waiting} of {} functions not ready", states.len());
        format!("started in {took}, {}", style.red(&waiting))
    };
    let name = style.bold("gatepost");
    let mut text = format!("\n  {name} {}  {how}\n\n", env!("CARGO_PKG_VERSION"));
    let endpoints = &overview.endpoints;
    let mut url = |name: &str, url: &str, of: &str| {
        let url = format!("{}{of}", style.blue(url));
        line(
            &mut text,
            &format!("  {} {name:<13}{url}", style.green("➜")),
        );
    };
    if endpoints.page != endpoints.console {
        url("Page", &endpoints.page, "");
    }
    let stages = overview.stages.as_slice();
    if let [only] = stages {
        url("WebSocket", &only.websocket, "");
        url("@connections", &only.management, "");
    } else {
        let widths = stages.iter().map(|row| row.websocket.chars().count());
        let width = widths.max().unwrap_or(0);
        for row in stages {
            let gap = width - row.websocket.chars().count();
            let api = format!("{:gap$}  {}", "", style.dim(&row.api));
            url("WebSocket", &row.websocket, &api);
        }
        let any = format!("{}/{{stage}}/@connections", endpoints.origin);
        url("@connections", &any, "");
    }
    url("Console", &endpoints.console, "");
    for domain in &endpoints.domains {
        url("Domain", domain, "");
    }
    line(
        &mut text,
        &format!("    {:<13}{}", "Template", overview.template),
    );
    line(&mut text, &format!("    {:<13}{}", "Store", overview.store));
    if let Some(authority) = &overview.authority {
        let trust =
            format!("trust {authority} (NODE_EXTRA_CA_CERTS, AWS_CA_BUNDLE, SSL_CERT_FILE)");
        line(&mut text, &format!("    {:<13}{trust}", "TLS"));
    }
    if let Some(whose) = &overview.credentials {
        line(&mut text, &format!("    {:<13}{whose}", "Credentials"));
    }
    if let Some(files) = &overview.file_system {
        line(&mut text, &format!("    {:<13}{files}", "Files"));
    }
    text.push('\n');
    table(&mut text, overview, states, style);
    if !overview.findings.is_empty() {
        text.push('\n');
    }
    for finding in &overview.findings {
        let help = finding
            .help
            .as_ref()
            .map(|help| format!("; {help}"))
            .unwrap_or_default();
        let at = finding.at.to_string();
        line(
            &mut text,
            &format!(
                "  {} {} {}{help}",
                style.yellow("!"),
                style.dim(&at),
                overview::labelled(finding)
            ),
        );
    }
    text.push('\n');
    text
}

/// The rows of the routes. Why a function is not ready stands in its first row only, and once for all
/// that have the same reason.
fn table(text: &mut String, overview: &Overview, states: &BTreeMap<String, State>, style: Style) {
    const NOTHING: &str = "—";
    let apis: BTreeSet<&str> = overview.stages.iter().map(|row| row.api.as_str()).collect();
    let has_apis = apis.len() > 1;
    let mut rows = vec![["API", "ROUTE", "FUNCTION", "BINARY", "TIMEOUT"].map(str::to_owned)];
    let mut ends = vec![String::new()];
    let mut told: BTreeMap<&str, &str> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for route in &overview.routes {
        let function = route.function.as_deref();
        let program = function.and_then(|function| overview.programs.get(function));
        rows.push([
            route.api.clone().unwrap_or_else(|| NOTHING.to_owned()),
            route.key.clone(),
            function.unwrap_or(NOTHING).to_owned(),
            program.map_or(NOTHING, String::as_str).to_owned(),
            route.timeout.map_or_else(|| NOTHING.to_owned(), duration),
        ]);
        let note = route
            .note
            .as_ref()
            .map(|note| style.dim(&format!("  {note}")));
        let note = note.unwrap_or_default();
        ends.push(
            match (
                &route.reason,
                function.and_then(|function| states.get(function)),
            ) {
                (Some(reason), _) => format!("{}  {reason}", style.red("not emulated")),
                (None, Some(State::Ready)) => format!("{}{note}", style.green("ready")),
                (None, Some(State::Starting)) => format!("{}{note}", style.yellow("starting")),
                (None, Some(state)) => {
                    let word = style.red(state.word());
                    let (name, reason) = (function.unwrap_or_default(), state.brief_reason());
                    let reason = reason.filter(|_| named.insert(name)).unwrap_or_default();
                    match told.get(reason) {
                        _ if reason.is_empty() => word,
                        Some(first) => format!("{word}  as {first}"),
                        None => {
                            told.insert(reason, name);
                            format!("{word}  {reason}")
                        }
                    }
                }
                (None, None) => style.dim("no integration"),
            },
        );
    }
    let widths: [usize; 5] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for (index, (row, end)) in rows.iter().zip(&ends).enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            // With one API all rows are its.
            .skip(usize::from(!has_apis))
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let cells = cells.join("  ");
        let cells = if index == 0 { style.dim(&cells) } else { cells };
        line(text, &format!("  {cells}  {end}"));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{}", line.trim_end()).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use expect_test::expect;
    use gatepost_template::At;
    use gatepost_template::Finding;
    use gatepost_template::FindingKind;

    use super::*;
    use crate::overview::Endpoints;
    use crate::overview::RouteRow;
    use crate::overview::StageRow;

    fn stage(api: &str, stage: &str) -> StageRow {
        StageRow {
            api: api.into(),
            stage: stage.into(),
            websocket: format!("ws://127.0.0.1:3001/{stage}"),
            management: format!("http://127.0.0.1:3001/{stage}/@connections"),
        }
    }

    #[test]
    fn the_banner_of_several_apis_tells_which_is_where() {
        let row = |api: Option<&str>, key: &str| RouteRow {
            api: api.map(str::to_owned),
            key: key.into(),
            function: Some("Message".into()),
            note: None,
            timeout: Some(Duration::from_secs(3)),
            reason: None,
        };
        let overview = Overview {
            endpoints: Endpoints::new("127.0.0.1:3001".parse().unwrap(), "local", false, false),
            template: "t.yaml".into(),
            stages: vec![
                stage("Chat", "local"),
                stage("Chat", "b"),
                stage("Admin", "prod"),
            ],
            store: "d".into(),
            authority: Some("/d/tls/ca.pem".into()),
            credentials: Some("yours, AKIAOWN in eu-west-1".into()),
            file_system: Some("this machine's".into()),
            routes: vec![
                row(Some("Chat"), "$default"),
                row(Some("Admin"), "$connect"),
                row(None, "every 60 s"),
            ],
            programs: BTreeMap::new(),
            functions: BTreeMap::new(),
            findings: Vec::new(),
        };
        let states = BTreeMap::from([("Message".to_owned(), State::Ready)]);
        let text = banner(&overview, &states, Duration::ZERO, Style::plain());
        let text: String = text.lines().map(|line| format!("|{line}\n")).collect();
        expect![[r#"
            |
            |  gatepost 0.1.0  ready in 0 ms
            |
            |  ➜ WebSocket    ws://127.0.0.1:3001/local  Chat
            |  ➜ WebSocket    ws://127.0.0.1:3001/b      Chat
            |  ➜ WebSocket    ws://127.0.0.1:3001/prod   Admin
            |  ➜ @connections http://127.0.0.1:3001/{stage}/@connections
            |  ➜ Console      http://127.0.0.1:3001/_gatepost/
            |    Template     t.yaml
            |    Store        d
            |    TLS          trust /d/tls/ca.pem (NODE_EXTRA_CA_CERTS, AWS_CA_BUNDLE, SSL_CERT_FILE)
            |    Credentials  yours, AKIAOWN in eu-west-1
            |    Files        this machine's
            |
            |  API    ROUTE       FUNCTION  BINARY  TIMEOUT
            |  Chat   $default    Message   —       3 s      ready
            |  Admin  $connect    Message   —       3 s      ready
            |  —      every 60 s  Message   —       3 s      ready
            |
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn the_banner_shows_where_everything_is_and_what_is_not_emulated() {
        let row = |key: &str, function: Option<&str>, reason: Option<&str>| RouteRow {
            api: Some("Api".to_owned()),
            key: key.into(),
            function: function.map(str::to_owned),
            note: (key == "$default").then(|| "two-way".to_owned()),
            timeout: function.map(|_| Duration::from_secs(10)),
            reason: reason.map(str::to_owned),
        };
        let at = At {
            file: Arc::new(PathBuf::from("infra/template.yaml")),
            line: 84,
            column: 14,
        };
        let overview = Overview {
            endpoints: Endpoints::new("127.0.0.1:3001".parse().unwrap(), "local", true, false),
            template: "infra/template.yaml".into(),
            stages: vec![stage("Api", "local")],
            store: "sqlite:.gatepost/log.db".into(),
            authority: None,
            credentials: None,
            file_system: None,
            routes: vec![
                row("$connect", Some("Connect"), None),
                row("$disconnect", Some("Leave"), None),
                row("$default", Some("Message"), None),
                row("idle", Some("Idle"), None),
                row("again", Some("Message"), None),
                row("typing", None, Some("FunctionArn is an !ImportValue")),
            ],
            programs: BTreeMap::from([("Connect".to_owned(), "target/debug/connect".to_owned())]),
            functions: BTreeMap::new(),
            findings: vec![Finding {
                kind: FindingKind::NotEmulated,
                at,
                what: "VPC is not emulated".into(),
                help: Some("functions reach this machine's network".into()),
            }],
        };
        let failed = || State::Failed {
            reason: "Init.Error: no URL\n  of the log; it printed: no URL".into(),
            brief: "Init.Error: no URL of the log".into(),
        };
        let states = BTreeMap::from([
            ("Connect".to_owned(), State::Ready),
            ("Leave".to_owned(), failed()),
            ("Idle".to_owned(), failed()),
            (
                "Message".to_owned(),
                State::Unsupported {
                    reason: "no bootstrap".into(),
                },
            ),
        ]);
        let text = banner(
            &overview,
            &states,
            Duration::from_millis(212),
            Style::plain(),
        );
        // With a margin, because the indentation is part of it.
        let text: String = text.lines().map(|line| format!("|{line}\n")).collect();
        expect![[r#"
            |
            |  gatepost 0.1.0  started in 212 ms, 3 of 4 functions not ready
            |
            |  ➜ Page         http://127.0.0.1:3001/
            |  ➜ WebSocket    ws://127.0.0.1:3001/local
            |  ➜ @connections http://127.0.0.1:3001/local/@connections
            |  ➜ Console      http://127.0.0.1:3001/_gatepost/
            |    Template     infra/template.yaml
            |    Store        sqlite:.gatepost/log.db
            |
            |  ROUTE        FUNCTION  BINARY                TIMEOUT
            |  $connect     Connect   target/debug/connect  10 s     ready
            |  $disconnect  Leave     —                     10 s     failed  Init.Error: no URL of the log
            |  $default     Message   —                     10 s     unsupported  no bootstrap
            |  idle         Idle      —                     10 s     failed  as Leave
            |  again        Message   —                     10 s     unsupported
            |  typing       —         —                     —        not emulated  FunctionArn is an !ImportValue
            |
            |  ! infra/template.yaml:84:14 VPC is not emulated; functions reach this machine's network
            |
        "#]]
        .assert_eq(&text);
    }
}
