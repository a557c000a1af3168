//! docs/asyncapi.yaml takes what the types write, and nothing else.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use gatepost_protocol::Code;
use gatepost_protocol::ErrorReply;
use gatepost_protocol::error_reply;
use gatepost_tests::emulator::python;
use serde_json::Value;
use serde_json::json;

/// What the schemas say of each frame, which is its kind and its JSON: `ok`, or what is wrong.
fn judged(frames: &[(&str, String)]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("documents/asyncapi.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run ./tests/run once");
    let mut lines = String::new();
    for (kind, frame) in frames {
        writeln!(lines, "{kind} {frame}").unwrap();
    }
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "see above");
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(said.len(), frames.len());
    said
}

fn kind_of(frame: &str) -> Option<&'static str> {
    [
        ("{\"action\"", "Action"),
        ("{\"reply\"", "Reply"),
        ("{\"event\"", "Event"),
    ]
    .iter()
    .find_map(|(start, kind)| frame.starts_with(start).then_some(*kind))
}

/// The examples of docs/protocol.md, and the frames that the protocol's own tests compare with what
/// the types write.
fn frames() -> Vec<(&'static str, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut texts = vec![fs::read_to_string(root.join("docs/protocol.md")).unwrap()];
    for file in ["event.rs", "reply_tests.rs"] {
        texts.push(fs::read_to_string(root.join("shared/protocol/src").join(file)).unwrap());
    }
    let lines = texts.iter().flat_map(|text| text.lines());
    let frames = lines.map(|line| line.trim_start_matches([' ', '→', '←']));
    frames
        .filter(|frame| serde_json::from_str::<Value>(frame).is_ok())
        .filter_map(|frame| Some((kind_of(frame)?, frame.to_owned())))
        .collect()
}

#[test]
fn the_schemas_take_every_frame_that_the_types_write() {
    let mut frames = frames();
    for code in Code::ALL {
        let error = ErrorReply {
            code,
            message: "why".to_owned(),
            request: "dXrIvEqWoAMFVkQ=".to_owned(),
            retry_after_ms: Some(350),
            expected: Some(3),
            floor: Some(0),
        };
        frames.push(("Reply", error_reply(None, &error)));
    }
    let of = |wanted| frames.iter().filter(|(kind, _)| *kind == wanted).count();
    assert!(of("Action") >= 18 && of("Reply") >= 12 + 21 && of("Event") >= 20);
    for (said, (kind, frame)) in judged(&frames).iter().zip(&frames) {
        assert_eq!(said, "ok", "{kind} {frame}");
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let mut wrong = vec![
        (
            "Action",
            json!({"action": "shout", "room": "lobby"}).to_string(),
        ),
        ("Event", json!({"event": "shout"}).to_string()),
        ("Reply", json!({"reply": "1"}).to_string()),
        (
            "Reply",
            json!({"reply": "1", "ok": {"surprise": 1}}).to_string(),
        ),
        (
            "Reply",
            json!({"reply": null, "error": {"code": "shout", "message": "", "request": ""}})
                .to_string(),
        ),
        (
            "Action",
            json!({"action": "history", "room": "lobby", "before": 1, "after": 2}).to_string(),
        ),
    ];
    // Whatever an example has as a room, a user or a place may be nothing else.
    for (kind, frame) in frames() {
        let frame: Value = serde_json::from_str(&frame).unwrap();
        for field in [
            "room", "user", "to", "seq", "target", "op", "on", "items", "rooms", "id",
        ] {
            if frame.get(field).is_some() {
                let mut frame = frame.clone();
                frame[field] = json!(-1.5);
                wrong.push((kind, frame.to_string()));
            }
        }
    }
    assert!(wrong.len() > 60, "{}", wrong.len());
    for (said, (kind, frame)) in judged(&wrong).iter().zip(&wrong) {
        assert_ne!(said, "ok", "{kind} {frame}");
    }
}
