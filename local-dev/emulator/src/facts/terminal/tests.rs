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
