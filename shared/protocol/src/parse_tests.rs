use std::fmt::Write;

use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::proptest;

use super::*;

fn outcome(text: &str) -> String {
    match parse(text) {
        Ok(ClientFrame::Action { id, action }) => {
            let id = id.map_or(String::from("-"), |id| id.to_string());
            format!("{id} {}", serde_json::to_string(&action).unwrap())
        }
        Ok(ClientFrame::Seed(frame)) => format!("seed {}", frame.to_frame()),
        Err(refusal) => {
            let id = refusal.id.map_or(String::from("-"), |id| id.to_string());
            format!("{id} {}: {}", refusal.code, refusal.message)
        }
    }
}

#[test]
fn every_action_is_read_and_what_it_leaves_out_is_filled_in() {
    let mut table = String::new();
    for text in [
        r#"{"action":"hello"}"#,
        r#"{"action":"hello","id":"1","client":"0123456789abcdef","resume":{"lobby":{"epoch":1,"seq":2}},"take":true}"#,
        r#"{"action":"join","id":"2","room":"lobby","history":50,"unknown":[1]}"#,
        r#"{"action":"leave","room":"lobby"}"#,
        r#"{"action":"send","id":"3","room":"lobby","body":{"text":"hi","x":1},"client":"0123456789abcdef","n":1,"reply_to":9}"#,
        r#"{"action":"edit","room":"lobby","target":1,"body":{"text":"ho"},"n":2}"#,
        r#"{"action":"delete","room":"lobby","target":1}"#,
        r#"{"action":"react","room":"lobby","target":1,"emoji":"👩‍👩‍👧","on":true}"#,
        r#"{"action":"history","room":"lobby"}"#,
        r#"{"action":"history","room":"lobby","before":5,"limit":100}"#,
        r#"{"action":"sync","rooms":{"lobby":{"epoch":1,"seq":0}}}"#,
        r#"{"action":"ping"}"#,
        r#"{"action":"ping","rooms":{"lobby":3}}"#,
        r#"{"action":"rooms"}"#,
        r#"{"action":"who","room":"lobby","cursor":"ann","limit":1}"#,
        r#"{"action":"direct","to":"bob","body":{"text":"hi"}}"#,
        r#"{"action":"create","room":"den","kind":"private"}"#,
        r#"{"action":"invite","room":"den","user":"bob"}"#,
        r#"{"action":"typing","room":"den","on":false}"#,
        r#"{"action":"read","room":"den","seq":4}"#,
        r#"{"action":"moderate","room":"den","op":"ban","user":"bob","seconds":60}"#,
    ] {
        writeln!(table, "{}", outcome(text)).unwrap();
    }
    expect_test::expect![[r#"
        - {"action":"hello"}
        1 {"action":"hello","client":"0123456789abcdef","resume":{"lobby":{"epoch":1,"seq":2}},"take":true}
        2 {"action":"join","room":"lobby","history":50}
        - {"action":"leave","room":"lobby"}
        3 {"action":"send","room":"lobby","body":{"text":"hi","x":1},"client":"0123456789abcdef","n":1,"reply_to":9}
        - {"action":"edit","room":"lobby","target":1,"body":{"text":"ho"},"n":2}
        - {"action":"delete","room":"lobby","target":1}
        - {"action":"react","room":"lobby","target":1,"emoji":"👩‍👩‍👧","on":true}
        - {"action":"history","room":"lobby","limit":50}
        - {"action":"history","room":"lobby","before":5,"limit":100}
        - {"action":"sync","rooms":{"lobby":{"epoch":1,"seq":0}}}
        - {"action":"ping"}
        - {"action":"ping","rooms":{"lobby":3}}
        - {"action":"rooms","limit":100}
        - {"action":"who","room":"lobby","cursor":"ann","limit":1}
        - {"action":"direct","to":"bob","body":{"text":"hi"}}
        - {"action":"create","room":"den","kind":"private"}
        - {"action":"invite","room":"den","user":"bob"}
        - {"action":"typing","room":"den","on":false}
        - {"action":"read","room":"den","seq":4}
        - {"action":"moderate","room":"den","op":"ban","user":"bob","seconds":60}
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_refusal_says_what_is_wrong_and_keeps_the_id() {
    let mut table = String::new();
    let long_id = format!(r#"{{"action":"ping","id":"{}"}}"#, "é".repeat(65));
    let long_action = format!(r#"{{"action":"{}","id":"x"}}"#, "é".repeat(1_000));
    let large = format!(
        r#"{{"action":"send","id":"x","room":"lobby","body":{{"text":"{}"}}}}"#,
        "a".repeat(8_192)
    );
    let deep = format!(
        r#"{{"action":"send","id":"x","room":"lobby","body":{{"text":"","x":{}1{}}}}}"#,
        "[".repeat(16),
        "]".repeat(16)
    );
    let rooms: Vec<_> = (0..101).map(|room| format!(r#""r{room}":1"#)).collect();
    let many = format!(
        r#"{{"action":"ping","id":"x","rooms":{{{}}}}}"#,
        rooms.join(",")
    );
    for text in [
        "",
        "hello",
        "{",
        r#"{"action":"ping"} {}"#,
        r#""text""#,
        "[]",
        "{}",
        r#"{"id":"x"}"#,
        r#"{"id":7,"action":"ping"}"#,
        &long_id,
        r#"{"id":"x","action":null}"#,
        r#"{"id":"x","action":"fly"}"#,
        &long_action,
        r#"{"id":"x","action":"join"}"#,
        r#"{"id":"x","action":"join","room":"Lobby"}"#,
        r#"{"id":"x","action":"join","room":"lobby","history":51}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":"hi"}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":{}}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":{"text":1}}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":{"text":""},"n":0}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":{"text":""},"n":9007199254740992}"#,
        r#"{"id":"x","action":"send","room":"lobby","body":{"text":""},"n":-1}"#,
        &large,
        &deep,
        r#"{"id":"x","action":"history","room":"lobby","before":1,"after":1}"#,
        r#"{"id":"x","action":"history","room":"lobby","limit":0}"#,
        r#"{"id":"x","action":"history","room":"lobby","limit":101}"#,
        &many,
        r#"{"id":"x","action":"react","room":"lobby","target":1,"emoji":"ok","on":true}"#,
        r#"{"id":"x","action":"react","room":"lobby","target":1,"emoji":"👍\u202e","on":true}"#,
        r#"{"id":"x","action":"create","room":"dm:1","kind":"public"}"#,
        r#"{"id":"x","action":"create","room":"den","kind":"direct"}"#,
        r#"{"id":"x","action":"moderate","room":"den","op":"ban","user":"bob","seconds":0}"#,
        r#"{"userid":null,"username":"a","msg":""}"#,
        r#"{"userid":"","username":"a","msg":""}"#,
        r#"{"userid":"1","username":"a"}"#,
        r#"{"userid":"1","username":"a\u200b","msg":""}"#,
    ] {
        writeln!(table, "{}", outcome(text)).unwrap();
    }
    expect_test::expect![[r#"
        - bad_json: the frame is not JSON: EOF while parsing a value at line 1 column 0
        - bad_json: the frame is not JSON: expected value at line 1 column 1
        - bad_json: the frame is not JSON: EOF while parsing an object at line 1 column 1
        - bad_json: the frame is not JSON: trailing characters at line 1 column 19
        - bad_request: the frame is not a JSON object
        - bad_request: the frame is not a JSON object
        - bad_request: action: is missing
        x bad_request: action: is missing
        - bad_request: id: is not a string
        - bad_request: id: is longer than 64 characters
        x bad_request: action: is not a string
        x unknown_action: there is no action fly
        x unknown_action: there is no action éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…
        x bad_request: missing field `room`
        x bad_request: room: does not begin with a-z or 0-9
        x bad_request: history: is above 50
        x bad_request: invalid type: string "hi", expected a map
        x bad_request: body: has no string text
        x bad_request: body: has no string text
        x bad_request: n and reply_to count from 1
        x bad_request: an integer is above 2^53 - 1
        x bad_request: invalid value: integer `-1`, expected u64
        x too_large: body: is longer than 8,192 bytes
        x bad_request: body: is nested deeper than 16 levels
        x bad_request: before: not together with after
        x bad_request: limit: is not 1 to 100
        x bad_request: limit: is not 1 to 100
        x bad_request: rooms: names more than 100 rooms
        x bad_request: emoji: is no emoji
        x bad_request: emoji: is no emoji
        x bad_request: room: a name with a colon is reserved
        x bad_request: kind: is neither public nor private
        x bad_request: seconds: is 0
        - bad_request: userid: is neither a string nor a number
        - bad_request: userid: is empty or longer than 59 bytes
        - bad_request: msg: is not a string
        - bad_request: username: has a control, bidi-override or zero-width character
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_body_of_the_largest_size_passes() {
    let text = "a".repeat(8_192 - br#"{"text":""}"#.len());
    let frame = format!(r#"{{"action":"send","room":"lobby","body":{{"text":"{text}"}}}}"#);
    assert!(parse(&frame).is_ok());
}

#[test]
fn deep_nesting_is_refused_without_going_deep() {
    for open in ["[", r#"{"a":"#] {
        let text = open.repeat(32_768 / open.len());
        assert_eq!(parse(&text).unwrap_err().code, Code::BadJson);
    }
}

#[test]
fn of_a_key_that_occurs_twice_the_last_counts() {
    let text = r#"{"action":"fly","action":"ping","id":"a","id":"b"}"#;
    assert_eq!(outcome(text), r#"b {"action":"ping"}"#);
}

/// Something near a frame: JSON-like pieces in any order.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\u",
        "\\ud800",
        "null",
        "true",
        "-",
        "1e999",
        "0",
        "\"action\":\"send\",",
        "\"id\":\"x\",",
        "\"userid\":1,",
        "\"body\":{\"text\":\"\"}",
        "\"room\":\"a\",",
        "\"msg\":\"\"",
        "\u{0}",
        "é",
        "\u{202e}",
        " ",
    ]);
    proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_or_the_refusal_grow(text in hostile()) {
        if let Err(refusal) = parse(&text) {
            assert!(refusal.message.len() <= 300);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn an_action_that_is_written_is_read_again(
        room in "[a-z0-9][a-z0-9._-]{0,63}",
        text in any::<String>(),
        n in proptest::option::of(1..=limits::INTEGER),
        id in proptest::option::of(".{0,64}"),
    ) {
        let mut body = Body::new();
        body.insert(String::from("text"), Value::from(text));
        let action = Action::Send(crate::action::Send {
            room: room.parse().unwrap(),
            body,
            numbering: crate::action::Numbering { client: None, n },
            reply_to: n,
        });
        let mut frame = serde_json::to_value(&action).unwrap();
        frame["id"] = Value::from(id.clone());
        let id = id.map(|id| id.parse().unwrap());
        assert_eq!(parse(&frame.to_string()), Ok(ClientFrame::Action { id, action }));
    }
}
