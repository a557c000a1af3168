//! A history that keeps every promise, and one that breaks each.

use super::*;

/// A run of two clients in one room, with its times left to [`judged`].
const KEPT: &str = r#"
    {"by":"a","event":"client","user":"ann"}
    {"by":"b","event":"client","user":"bob"}
    {"by":"a","event":"greeted"}
    {"by":"b","event":"greeted"}
    {"by":"a","event":"begun","room":"r","epoch":7,"seq":0}
    {"by":"b","event":"begun","room":"r","epoch":7,"seq":0}
    {"by":"a","event":"send","room":"r","send":1,"client":"ca","n":1,"digest":"d1"}
    {"by":"b","event":"received","room":"r","epoch":7,"seq":1,"from":"ann","digest":"d1","via":"push"}
    {"by":"b","event":"delivered","room":"r","epoch":7,"seq":1,"digest":"d1","via":"push"}
    {"by":"a","event":"ok","send":1,"epoch":7,"seq":1}
    {"by":"a","event":"received","room":"r","epoch":7,"seq":1,"from":"ann","digest":"d1","via":"push"}
    {"by":"a","event":"delivered","room":"r","epoch":7,"seq":1,"digest":"d1","via":"push"}
    {"by":"b","event":"closed","code":1006}
    {"event":"fault","what":"kill"}
    {"by":"a","event":"send","room":"r","send":2,"client":"ca","n":2,"digest":"d2"}
    {"by":"a","event":"refused","send":2,"code":"unavailable"}
    {"by":"a","event":"ok","send":2,"epoch":7,"seq":2,"duplicate":true}
    {"by":"a","event":"received","room":"r","epoch":7,"seq":2,"from":"ann","digest":"d2","via":"push"}
    {"by":"a","event":"delivered","room":"r","epoch":7,"seq":2,"digest":"d2","via":"push"}
    {"by":"b","event":"resume","room":"r","epoch":7,"seq":1}
    {"by":"b","event":"greeted"}
    {"by":"b","event":"received","room":"r","epoch":7,"seq":2,"from":"ann","digest":"d2","via":"replay","follows":1}
    {"by":"b","event":"delivered","room":"r","epoch":7,"seq":2,"digest":"d2","via":"replay"}
    {"by":"b","event":"head","room":"r","seq":2,"asked":19000}
    {"event":"settled"}
    {"event":"log","room":"r","epoch":7,"head":2}
    {"event":"row","room":"r","seq":1,"from":"ann","client":"ca","n":1,"digest":"d1"}
    {"event":"row","room":"r","seq":2,"from":"ann","client":"ca","n":2,"digest":"d2"}
    {"event":"registry","room":"r","users":["ann","bob"]}
"#;

/// Judges a history whose lines are a millisecond apart.
fn judged(lines: &str) -> Report {
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    let timed: Vec<String> = (1..)
        .zip(lines)
        .map(|(number, line)| line.replacen('{', &format!("{{\"at\":{number}000,"), 1))
        .collect();
    check(&read(timed.join("\n").as_bytes()).unwrap())
}

/// The first violation of [`KEPT`] with one text in place of another, everywhere.
#[track_caller]
fn broken(from: &str, to: &str) -> Check {
    assert!(KEPT.contains(from), "{from}");
    first(&KEPT.replace(from, to))
}

#[track_caller]
fn first(lines: &str) -> Check {
    judged(lines).first.expect("a violation").check
}

/// [`KEPT`] with more lines before the line that contains `at`.
fn before(at: &str, more: &str) -> String {
    assert!(KEPT.contains(at), "{at}");
    let lines = KEPT.lines().map(|line| match line.contains(at) {
        true => format!("{more}\n{line}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_that_kept_every_promise_is_told_so_with_its_figures() {
    let report = judged(KEPT);
    report.ensure_kept().unwrap();
    let figures = &report.figures;
    assert_eq!(
        (
            figures.sends,
            figures.ok,
            figures.duplicates,
            figures.failed,
            figures.unknown
        ),
        (2, 2, 1, 0, 0)
    );
    assert_eq!(figures.ack.max_ms, 3.0);
    assert_eq!((figures.delivered, figures.by_replay_percent), (4, 25.0));
    assert_eq!((figures.delivery.count, figures.delivery.max_ms), (2, 8.0));
    assert_eq!((figures.outages.count, figures.outages.max_ms), (2, 8.0));
    assert_eq!(figures.longest_outage_ms["a"], 1.0);
    assert_eq!(figures.faults, 1);
}

#[test]
fn c1_a_log_with_a_hole_or_two_truths_at_one_place() {
    let short = judged(&KEPT.replace(r#""head":2"#, r#""head":3"#));
    assert!(short.violations.contains_key(&Check::C1));
    let doubled = before(
        r#""event":"registry""#,
        r#"{"event":"row","room":"r","seq":2,"from":"ann","digest":"d2"}"#,
    );
    assert!(judged(&doubled).violations.contains_key(&Check::C1));
    let other = r#"{"by":"b","event":"received","room":"r","epoch":7,"seq":1,"from":"bob","digest":"d9","via":"push"}"#;
    let report = judged(&before(r#""event":"closed""#, other));
    assert_eq!(report.first.unwrap().check, Check::C1);
}

#[test]
fn c2_an_acknowledged_send_that_is_not_in_the_log() {
    let lost = KEPT.replace(
        r#"{"event":"row","room":"r","seq":2,"from":"ann","client":"ca","n":2,"digest":"d2"}"#,
        "",
    );
    let report = judged(&lost.replace(r#""head":2"#, r#""head":1"#));
    assert!(report.violations.contains_key(&Check::C2));
    assert_eq!(report.first.unwrap().line, 17, "where it was acknowledged");
    let elsewhere = judged(&KEPT.replace(
        r#"{"by":"a","event":"ok","send":2,"epoch":7,"seq":2"#,
        r#"{"by":"a","event":"ok","send":2,"epoch":8,"seq":2"#,
    ));
    assert_eq!(elsewhere.first.unwrap().check, Check::C2, "another log");
}

#[test]
fn c2_a_text_that_is_there_after_its_end_or_gone_before() {
    let emptied = KEPT.replace(
        r#"{"event":"row","room":"r","seq":1,"from":"ann","client":"ca","n":1,"digest":"d1"}"#,
        r#"{"event":"row","room":"r","seq":1,"from":"ann","client":"ca","n":1,"digest":"retracted"}"#,
    );
    let told = r#"{"event":"retracted","room":"r","seq":1}"#;
    let both = emptied.replace(
        r#"{"event":"settled"}"#,
        &format!("{told}\n{{\"event\":\"settled\"}}"),
    );
    judged(&both).ensure_kept().unwrap();
    assert_eq!(first(&emptied), Check::C2);
    assert_eq!(first(&before(r#""event":"settled""#, told)), Check::C2);
}

#[test]
fn c3_a_send_of_unknown_outcome_twice_or_a_refused_one_at_all() {
    let unknown = KEPT.replace(
        r#"{"by":"a","event":"ok","send":2,"epoch":7,"seq":2,"duplicate":true}"#,
        r#"{"by":"a","event":"unknown","send":2}"#,
    );
    judged(&unknown).ensure_kept().unwrap();
    let twice = unknown
        .replace(r#""head":2"#, r#""head":3"#)
        .replace(
            r#"{"event":"registry""#,
            "{\"event\":\"row\",\"room\":\"r\",\"seq\":3,\"from\":\"ann\",\"client\":\"ca\",\"n\":2,\"digest\":\"d2\"}\n{\"event\":\"registry\"",
        );
    assert!(judged(&twice).violations.contains_key(&Check::C3));
    let refused = unknown.replace(
        r#"{"by":"a","event":"unknown","send":2}"#,
        r#"{"by":"a","event":"failed","send":2,"code":"muted"}"#,
    );
    assert_eq!(first(&refused), Check::C3);
}

#[test]
fn c4_an_acknowledged_send_twice() {
    for key in [r#""client":"ca","n":2,"#, ""] {
        let row =
            format!(r#"{{"event":"row","room":"r","seq":3,"from":"ann",{key}"digest":"d2"}}"#);
        let twice = before(r#""event":"registry""#, &row).replace(r#""head":2"#, r#""head":3"#);
        assert!(judged(&twice).violations.contains_key(&Check::C4));
    }
    let again = r#"{"by":"a","event":"ok","send":1,"epoch":7,"seq":2}"#;
    let report = judged(&before(r#""event":"fault""#, again));
    assert!(report.violations.contains_key(&Check::C4));
}

#[test]
fn c5_an_entry_that_the_log_does_not_hold_or_that_nobody_sent() {
    let phantom = r#"{"by":"b","event":"received","room":"r","epoch":7,"seq":3,"from":"ann","digest":"d1","via":"push"}"#;
    assert_eq!(first(&before(r#""event":"closed""#, phantom)), Check::C5);
    let forged = KEPT.replace(
        r#"{"by":"a","event":"send","room":"r","send":1,"client":"ca","n":1,"digest":"d1"}"#,
        "",
    );
    assert!(judged(&forged).violations.contains_key(&Check::C5));
}

#[test]
fn c6_an_application_that_misses_doubles_reorders_or_begins_anew() {
    let seen =
        r#"{"by":"b","event":"delivered","room":"r","epoch":7,"seq":1,"digest":"d1","via":"push"}"#;
    assert_eq!(
        first(&KEPT.replace(seen, "")),
        Check::C7,
        "it resumes at what it did not see"
    );
    let missed = KEPT.replace(seen, "").replace(
        r#"{"by":"b","event":"resume","room":"r","epoch":7,"seq":1}"#,
        "",
    );
    assert_eq!(first(&missed), Check::C6);
    assert_eq!(first(&before(r#""event":"closed""#, seen)), Check::C6);
    let anew = r#"{"by":"b","event":"begun","room":"r","epoch":7,"seq":1}"#;
    assert_eq!(first(&before(r#""event":"closed""#, anew)), Check::C6);
    let left = format!("{{\"by\":\"b\",\"event\":\"left\",\"room\":\"r\"}}\n{anew}");
    judged(&before(r#""event":"closed""#, &left))
        .ensure_kept()
        .unwrap();
}

#[test]
fn c7_a_resume_elsewhere_or_an_answer_with_a_hole() {
    let resume = r#""event":"resume","room":"r","epoch":7,"seq":1"#;
    assert_eq!(
        broken(resume, r#""event":"resume","room":"r","epoch":7,"seq":0"#),
        Check::C7
    );
    assert_eq!(broken(r#""follows":1"#, r#""follows":0"#), Check::C7);
    assert_eq!(broken(r#""follows":1"#, r#""follows":2"#), Check::C7);
}

#[test]
fn c8_a_send_before_what_was_acknowledged_when_it_began() {
    let swapped = KEPT
        .replace(
            r#""send":1,"epoch":7,"seq":1"#,
            r#""send":1,"epoch":7,"seq":2"#,
        )
        .replace(
            r#""send":2,"epoch":7,"seq":2"#,
            r#""send":2,"epoch":7,"seq":1"#,
        );
    assert!(judged(&swapped).violations.contains_key(&Check::C8));
    // Numbered anew, two sends that say the same are told apart by the place that one was told.
    let anew = KEPT
        .replace(
            r#""client":"ca","n":1,"digest":"d1"}"#,
            r#""client":"cb","n":1,"digest":"d1"}"#,
        )
        .replace(
            r#""send":2,"client":"ca","n":2,"digest":"d2""#,
            r#""send":2,"client":"cc","n":2,"digest":"d1""#,
        );
    assert!(!judged(&anew).violations.contains_key(&Check::C8));
    // Of a log that was restored in between the places are given anew.
    let begins = r#"{"by":"a","event":"send","room":"r","send":2"#;
    let remade = r#"{"event":"remade","room":"r"}"#;
    let restored = swapped.replace(begins, &format!("{remade}\n{begins}"));
    assert!(!judged(&restored).violations.contains_key(&Check::C8));
}

#[test]
fn c9_sends_of_one_page_load_out_of_order() {
    let swapped = KEPT.replace(
        r#""seq":1,"from":"ann","client":"ca","n":1"#,
        r#""seq":1,"from":"ann","client":"ca","n":2"#,
    );
    assert!(judged(&swapped).violations.contains_key(&Check::C9));
}

#[test]
fn c10_a_client_that_is_not_back_or_lacks_something_at_the_end() {
    let last = r#"{"by":"b","event":"delivered","room":"r","epoch":7,"seq":2,"digest":"d2","via":"replay"}"#;
    assert_eq!(first(&KEPT.replace(last, "")), Check::C10);
    let away = before(
        r#""event":"settled""#,
        r#"{"by":"b","event":"closed","code":1006}"#,
    );
    assert_eq!(first(&away), Check::C10);
    let ended = before(r#""event":"settled""#, r#"{"by":"b","event":"ended"}"#);
    let report = judged(&ended.replace(r#"["ann","bob"]"#, r#"["ann"]"#));
    report.ensure_kept().unwrap();
}

#[test]
fn c11_a_head_below_what_was_acknowledged() {
    assert_eq!(
        broken(
            r#""event":"head","room":"r","seq":2"#,
            r#""event":"head","room":"r","seq":1"#
        ),
        Check::C11
    );
    let early = KEPT.replace(
        r#""event":"head","room":"r","seq":2,"asked":19000"#,
        r#""event":"head","room":"r","seq":1,"asked":17000"#,
    );
    judged(&early).ensure_kept().unwrap();
}

#[test]
fn c12_entries_for_somebody_who_may_not_read_them() {
    let restricted = |more: &str| {
        let open = format!(
            "{{\"event\":\"restricted\",\"room\":\"r\"}}\n{{\"event\":\"admitted\",\"room\":\"r\",\"user\":\"ann\"}}\n{more}"
        );
        before(r#""event":"client","user":"ann""#, &open)
    };
    assert_eq!(first(&restricted("")), Check::C12);
    let bob = r#"{"event":"admitted","room":"r","user":"bob"}"#;
    judged(&restricted(bob)).ensure_kept().unwrap();
    let expelled = r#"{"event":"expelled","room":"r","user":"bob"}"#;
    let all = restricted(bob);
    let at = |marker: &str| all.replacen(marker, &format!("{expelled}\n{marker}"), 1);
    let report = judged(&at(r#"{"event":"fault""#));
    assert_eq!(report.first.unwrap().check, Check::C12, "sent after it");
    let under_way = at(r#"{"by":"b","event":"received","room":"r","epoch":7,"seq":1"#);
    let report = judged(&under_way);
    assert_eq!(
        report.violations[&Check::C12],
        1,
        "the first was on its way, the second not"
    );
}

#[test]
fn c13_ghosts_and_deaf_clients() {
    assert_eq!(broken(r#"["ann","bob"]"#, r#"["ann"]"#), Check::C13);
    assert_eq!(
        broken(r#"["ann","bob"]"#, r#"["ann","bob","bob"]"#),
        Check::C13
    );
    assert_eq!(
        broken(r#"["ann","bob"]"#, r#"["ann","bob","cy"]"#),
        Check::C13
    );
}

#[test]
fn the_first_violation_is_shown_with_the_twenty_records_around_it() {
    let report = judged(&KEPT.replace(r#""follows":1"#, r#""follows":0"#));
    assert_eq!(report.first.as_ref().unwrap().line, 22);
    let lines: Vec<usize> = report.around.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, (12..=29).collect::<Vec<_>>());
    let error = report.ensure_kept().unwrap_err().to_string();
    assert!(error.contains("> 22: "), "{error}");
}

#[test]
fn a_line_that_is_no_record_or_goes_back_in_time_is_named() {
    for (lines, expected) in [
        ("{\"at\":1,\"event\":\"settled\"}\n\n{\"at\":2}", "line 3"),
        ("{\"at\":1,\"event\":\"dance\"}", "line 1"),
        (
            "{\"at\":2,\"event\":\"settled\"}\n{\"at\":1,\"event\":\"settled\"}",
            "line 2",
        ),
    ] {
        let error = format!("{:#}", read(lines.as_bytes()).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_history_is_read_as_it_was_written() {
    let recorder = Recorder::new();
    let witness = recorder.witness("a");
    witness.note(Event::Client {
        user: String::from("ann"),
    });
    recorder.note(Event::Settled);
    let mut lines = Vec::new();
    recorder.write(&mut lines).unwrap();
    assert_eq!(read(lines.as_slice()).unwrap(), recorder.records());
}
