//! Frames by bytes; the numbers are sections of RFC 6455.

use proptest::prelude::*;

use super::*;

/// What a reader yielded, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close(Option<(u16, String)>),
    End(u16),
}

fn owned(incoming: &Incoming<'_>) -> Got {
    match incoming {
        Incoming::Text(text) => Got::Text((*text).to_owned()),
        Incoming::Ping(payload) => Got::Ping(payload.to_vec()),
        Incoming::Pong => Got::Pong,
        Incoming::Close(close) => Got::Close(close.map(|(code, reason)| (code, reason.to_owned()))),
    }
}

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    bytes
}

/// Feeds `bytes` in pieces of `size`.
fn read_in(size: usize, bytes: &[u8]) -> Vec<Got> {
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024);
    let mut got = Vec::new();
    for piece in bytes.chunks(size) {
        let fed = reader.feed(&mut piece.to_vec(), &mut |incoming| {
            got.push(owned(&incoming));
            Next::Continue
        });
        if let Err(ending) = fed {
            got.push(Got::End(ending.code));
            break;
        }
    }
    got
}

fn read(bytes: &[u8]) -> Vec<Got> {
    let whole = read_in(bytes.len().max(1), bytes);
    assert_eq!(
        read_in(1, bytes),
        whole,
        "the pieces in which bytes arrive do not matter"
    );
    whole
}

fn text(s: &str) -> Got {
    Got::Text(s.to_owned())
}

#[test]
fn messages_are_read_however_they_are_cut() {
    let long = "x".repeat(200);
    let longest = "y".repeat(32 * 1024);
    for (bytes, got) in [
        (vec![], vec![]),
        (frame(0x81, b"Hello"), vec![text("Hello")]),
        (frame(0x81, b""), vec![text("")]),
        (frame(0x81, long.as_bytes()), vec![text(&long)]),
        (frame(0x81, longest.as_bytes()), vec![text(&longest)]),
        (
            [frame(0x81, b"a"), frame(0x81, b"b"), frame(0x81, b"c")].concat(),
            vec![text("a"), text("b"), text("c")],
        ),
        // §5.4: fragments, with control frames between them.
        (
            [
                frame(0x01, b"Hel"),
                frame(0x89, b"?"),
                frame(0x00, b""),
                frame(0x80, b"lo"),
            ]
            .concat(),
            vec![Got::Ping(b"?".to_vec()), text("Hello")],
        ),
        // A character of UTF-8 may be cut between fragments.
        (
            [
                frame(0x01, &"é".as_bytes()[..1]),
                frame(0x80, &"é".as_bytes()[1..]),
            ]
            .concat(),
            vec![text("é")],
        ),
        (
            [frame(0x8a, b"x"), frame(0x8a, b"")].concat(),
            vec![Got::Pong, Got::Pong],
        ),
        (frame(0x89, &[b'p'; 125]), vec![Got::Ping(vec![b'p'; 125])]),
        (frame(0x88, b""), vec![Got::Close(None)]),
        (
            frame(0x88, b"\x03\xe8bye"),
            vec![Got::Close(Some((1000, "bye".to_owned())))],
        ),
        (
            frame(0x88, b"\x0f\xa0"),
            vec![Got::Close(Some((4000, String::new())))],
        ),
    ] {
        assert_eq!(read(&bytes), got);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let mut unmasked = frame(0x81, b"Hello");
    unmasked[1] &= 0x7f;
    for (why, bytes, code) in [
        ("§5.1 not masked", unmasked, 1002),
        ("§5.2 RSV1", frame(0xc1, b"x"), 1002),
        ("§5.2 RSV2", frame(0xa1, b"x"), 1002),
        ("§5.2 RSV3", frame(0x91, b"x"), 1002),
        ("§5.2 opcode 3", frame(0x83, b"x"), 1002),
        ("§5.2 opcode 15", frame(0x8f, b"x"), 1002),
        (
            "§5.2 length not minimal",
            vec![0x81, 0xfe, 0, 5, 0, 0, 0, 0],
            1002,
        ),
        (
            "§5.2 length not minimal",
            vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            1002,
        ),
        (
            "§5.2 length negative",
            vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
            1002,
        ),
        ("§5.4 continues nothing", frame(0x80, b"x"), 1002),
        (
            "§5.4 begun twice",
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            1002,
        ),
        ("§5.5 ping in fragments", frame(0x09, b"x"), 1002),
        ("§5.5 close of 126 bytes", frame(0x88, &[0; 126]), 1002),
        ("§5.5.1 close of one byte", frame(0x88, b"\x03"), 1002),
        ("§7.4.1 close with 1005", frame(0x88, b"\x03\xed"), 1002),
        ("§7.4.2 close with 999", frame(0x88, b"\x03\xe7"), 1002),
        (
            "§5.5.1 reason not UTF-8",
            frame(0x88, b"\x03\xe8\xff"),
            1007,
        ),
        ("§8.1 text not UTF-8", frame(0x81, b"\xff"), 1007),
        (
            "§8.1 text cut short",
            [frame(0x01, b"\xc3"), frame(0x80, b"")].concat(),
            1007,
        ),
        ("binary", frame(0x82, b"x"), 1003),
        ("binary in fragments", frame(0x02, b"x"), 1003),
        (
            "a frame above 32 KB",
            frame(0x81, &[b'x'; 32 * 1024 + 1])[..8].to_vec(),
            1009,
        ),
        (
            "a frame of 1 EB",
            vec![0x81, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0],
            1009,
        ),
    ] {
        assert_eq!(read(&bytes), [Got::End(code)], "{why}");
    }
}

#[test]
fn a_message_may_have_128_kb_in_fragments_and_no_more() {
    let part = vec![b'x'; 32 * 1024];
    let mut bytes = frame(0x01, &part);
    for _ in 0..3 {
        bytes.extend(frame(0x00, &part));
    }
    assert_eq!(
        read_in(4096, &[bytes.clone(), frame(0x80, b"")].concat()),
        [text(&"x".repeat(128 * 1024))]
    );
    assert_eq!(
        read_in(4096, &[bytes, frame(0x80, b"x")].concat()),
        [Got::End(1009)]
    );
}

#[test]
fn nothing_after_a_close_frame_is_looked_at() {
    let bytes = [frame(0x88, b""), frame(0x81, b"late"), vec![0xff; 30]].concat();
    assert_eq!(read_in(bytes.len(), &bytes), [Got::Close(None)]);
}

#[test]
fn a_paused_reader_goes_on_where_it_was() {
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024);
    let mut bytes = [frame(0x81, b"a"), frame(0x81, b"b"), frame(0x81, b"c")].concat();
    let mut got = Vec::new();
    let mut one = |incoming: Incoming<'_>| {
        got.push(owned(&incoming));
        Next::Pause
    };
    reader.feed(&mut bytes, &mut one).unwrap();
    while reader.is_paused() {
        reader.resume(&mut one).unwrap();
    }
    assert_eq!(got, [text("a"), text("b"), text("c")]);
}

#[test]
fn an_idle_reader_holds_no_memory() {
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024);
    let mut ignore = |_: Incoming<'_>| Next::Continue;
    for piece in [frame(0x01, b"Hel"), frame(0x80, b"lo"), frame(0x81, b"x")]
        .concat()
        .chunks(3)
    {
        reader.feed(&mut piece.to_vec(), &mut ignore).unwrap();
    }
    assert_eq!(
        (reader.rest.capacity(), reader.fragments.capacity()),
        (0, 0)
    );
}

/// Messages, each in fragments, with pings between the fragments.
fn messages() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec("\\PC{0,200}", 1..5), 0..6)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
        prop_assert_eq!(read_in(size, &bytes), read_in(bytes.len().max(1), &bytes));
    }

    #[test]
    fn any_messages_arrive_as_they_were_sent(messages in messages(), size in 1..500_usize) {
        let mut bytes = Vec::new();
        let mut want = Vec::new();
        for parts in &messages {
            for (i, part) in parts.iter().enumerate() {
                let fin = if i + 1 == parts.len() { 0x80 } else { 0 };
                bytes.extend(frame(fin | u8::from(i == 0), part.as_bytes()));
                if fin == 0 {
                    bytes.extend(frame(0x89, b"p"));
                    want.push(Got::Ping(b"p".to_vec()));
                }
            }
            want.push(Got::Text(parts.concat()));
        }
        prop_assert_eq!(read_in(size, &bytes), want);
    }
}
