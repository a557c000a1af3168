//! What docs/protocol.md says of the wire is what the types say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gatepost_protocol::ClientFrame;
use gatepost_protocol::Code;
use gatepost_protocol::Event;
use gatepost_protocol::limits;
use serde_json::Value;

fn document() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("docs/protocol.md")).unwrap()
}

/// The lines that begin with an arrow.
fn examples<'d>(document: &'d str, arrow: &str) -> Vec<&'d str> {
    let lines = document.lines();
    lines.filter_map(|line| line.strip_prefix(arrow)).collect()
}

/// What stands in backticks in the first cells of the table below `head`.
fn first_cells(document: &str, head: &str) -> BTreeSet<String> {
    let (_, table) = document.split_once(head).expect("the table");
    let rows = table.lines().skip(1).take_while(|row| row.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

/// The names of an enum's variants on the wire, as serde tells them of one that there is not.
fn variants<T: serde::de::DeserializeOwned>(unknown: &str) -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(unknown) else {
        panic!("{unknown} is one");
    };
    let told = error.to_string();
    let (_, names) = told.split_once("expected one of ").expect(&told);
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[test]
fn every_action_of_the_document_is_one_and_every_one_is_there() {
    let document = document();
    let mut named = BTreeSet::new();
    for frame in examples(&document, "→ ") {
        let Ok(ClientFrame::Action { action, .. }) = gatepost_protocol::parse(frame) else {
            panic!("this is no action: {frame}");
        };
        // No field that the type would ignore.
        let mut written: Value = serde_json::to_value(&action).unwrap();
        let mut read: Value = serde_json::from_str(frame).unwrap();
        read.as_object_mut().unwrap().remove("id");
        if action.name() == "who" {
            // Bounds that are left out have their defaults.
            written.as_object_mut().unwrap().remove("limit");
        }
        assert_eq!(read, written);
        named.insert(action.name().to_owned());
    }
    let head = "| action | may be repeated | answers in `ok` |\n";
    assert_eq!(first_cells(&document, head), named);
    let source = include_str!("../../../../shared/protocol/src/action.rs");
    let (_, names) = source.split_once("pub const fn name").unwrap();
    let (names, _) = names.split_once("/// What a client has").unwrap();
    let names = names.split('"').skip(1).step_by(2).map(str::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), named);
}

#[test]
fn every_event_of_the_document_is_one_and_every_one_is_there() {
    let document = document();
    let mut named = BTreeSet::new();
    for frame in examples(&document, "← ") {
        let read: Value = serde_json::from_str(frame).unwrap();
        let Some(name) = read["event"].as_str() else {
            continue;
        };
        let event: Event = serde_json::from_value(read.clone()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), read, "{frame}");
        named.insert(name.to_owned());
    }
    assert_eq!(named, variants::<Event>(r#"{"event":"none"}"#));
    let head = "| event | when |\n";
    assert_eq!(first_cells(&document, head), named);
}

#[test]
fn every_code_is_in_the_document_with_what_to_do_about_it() {
    let document = document();
    for code in Code::ALL {
        let again = if code.is_final() {
            "final"
        } else {
            "temporary"
        };
        let row = format!("| `{code}` | {again} | ");
        assert!(document.contains(&row), "there is no row {row}");
    }
    let head = "| code | again? | means |\n";
    assert_eq!(first_cells(&document, head).len(), Code::ALL.len());
    for reply in examples(&document, "← {\"reply\"") {
        let reply: Value = serde_json::from_str(&format!("{{\"reply\"{reply}")).unwrap();
        if let Some(error) = reply.get("error") {
            assert!(serde_json::from_value::<Code>(error["code"].clone()).is_ok());
        }
    }
}

#[test]
fn the_bounds_of_the_document_are_those_of_the_types() {
    let document = document();
    let thousands = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    for bound in [
        format!("{} bytes (1009)", thousands(limits::FRAME_BYTES)),
        format!("{} bytes as JSON", thousands(limits::BODY_BYTES)),
        format!(
            "at most {} characters) gets a reply",
            limits::ACTION_ID_CHARS
        ),
        format!("names have at most {} characters", limits::NAME_CHARS),
        format!("User ids have at most {} bytes", limits::USER_ID_BYTES),
        format!("Up to {} sends", limits::UNANSWERED_SENDS),
        format!("more than {} subscriptions", limits::INTIMATE_SUBSCRIPTIONS),
        format!("at most every {} s |", limits::OCCUPANCY_MS / 1_000),
        format!("at most every {} s of a user", limits::TYPING_MS / 1_000),
        format!("stored at most every {} s", limits::READ_MS / 1_000),
    ] {
        assert!(
            document.contains(&bound),
            "the document does not say {bound}"
        );
    }
}
