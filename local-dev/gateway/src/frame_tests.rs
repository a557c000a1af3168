//! Frames by bytes; the numbers are sections of RFC 6455.

use proptest::prelude::*;

use super::*;

/// What a reader yielded, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close(Option<(u16, String)>),
    End(u16),
}

pub(super) fn owned(incoming: &Incoming<'_>) -> Got {
    match incoming {
        Incoming::Text(text) => Got::Text((*text).to_owned()),
        Incoming::Ping(payload) => Got::Ping(payload.to_vec()),
        Incoming::Pong => Got::Pong,
        Incoming::Close(close) => Got::Close(close.map(|(code, reason)| (code, reason.to_owned()))),
    }
}

/// A client's frame, masked.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024, false);
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

/// All 256 first bytes of a stream, whatever the rest says.
#[test]
fn of_the_first_bytes_only_those_of_the_rfc_are_taken() {
    for first in 0..=255_u8 {
        let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70 != 0, first & 0x0f);
        let want = match opcode {
            _ if reserved => vec![Got::End(1002)],
            0x1 if fin => vec![text("")],
            0x1 => vec![],
            // API Gateway takes no binary messages.
            0x2 => vec![Got::End(1003)],
            0x8 if fin => vec![Got::Close(None)],
            0x9 if fin => vec![Got::Ping(Vec::new())],
            0xa if fin => vec![Got::Pong],
            _ => vec![Got::End(1002)],
        };
        assert_eq!(read(&frame(first, b"")), want, "{first:#04x}");
    }
}

/// §5.2: lengths of one, two and eight bytes, around each border.
#[test]
fn payloads_of_every_encoding_of_lengths_are_read() {
    for len in [
        0, 1, 124, 125, 126, 127, 128, 255, 256, 4095, 32_767, 32_768,
    ] {
        let payload = "x".repeat(len);
        let bytes = frame(0x81, payload.as_bytes());
        assert_eq!(read_in(1000, &bytes), [text(&payload)], "{len}");
    }
}

/// §5.4: what may and may not come in the middle of a message.
#[test]
fn only_control_frames_come_between_fragments() {
    let begun = frame(0x01, b"a");
    for (frames, want) in [
        (vec![frame(0x8a, b"")], vec![Got::Pong]),
        (
            vec![frame(0x89, b"1"), frame(0x89, b"2")],
            vec![Got::Ping(b"1".to_vec()), Got::Ping(b"2".to_vec())],
        ),
        (
            vec![frame(0x00, b""), frame(0x00, b"b"), frame(0x80, b"c")],
            vec![text("abc")],
        ),
        (
            vec![frame(0x80, b""), frame(0x80, b"c")],
            vec![text("a"), Got::End(1002)],
        ),
        (
            vec![frame(0x80, b""), frame(0x00, b"c")],
            vec![text("a"), Got::End(1002)],
        ),
        (vec![frame(0x81, b"b")], vec![Got::End(1002)]),
        (vec![frame(0x01, b"b")], vec![Got::End(1002)]),
        (vec![frame(0x02, b"b")], vec![Got::End(1002)]),
        (vec![frame(0x88, b"")], vec![Got::Close(None)]),
    ] {
        assert_eq!(read(&[begun.clone(), frames.concat()].concat()), want);
    }
}

/// §8.1 and RFC 3629: what is text, whole and however it is cut into fragments.
#[test]
fn text_is_utf8_and_nothing_else() {
    let valid: &[&[u8]] = &[
        b"",
        "κόσμε".as_bytes(),
        "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
        // The first and last of each length, and characters that no text should have.
        b"\x00",
        b"\x7f",
        b"\xc2\x80",
        b"\xdf\xbf",
        b"\xe0\xa0\x80",
        b"\xef\xbf\xbf",
        b"\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
        b"\xed\x9f\xbf",
        b"\xee\x80\x80",
        b"\xef\xbf\xbd",
        b"\xef\xbf\xbe",
        b"\xf0\x9f\xbf\xbe",
    ];
    let invalid: &[&[u8]] = &[
        // Continuation bytes alone, and sequences that are cut or go on too long.
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xc3\x28",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        // Overlong forms.
        b"\xc0\x80",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f\xbf\xbf",
        // Surrogates, beyond U+10FFFF, five and six bytes, bytes that never occur.
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
    ];
    let cases = valid.iter().map(|bytes| (*bytes, true));
    for (bytes, is_text) in cases.chain(invalid.iter().map(|bytes| (*bytes, false))) {
        let want = match is_text {
            true => text(std::str::from_utf8(bytes).unwrap()),
            false => Got::End(1007),
        };
        assert_eq!(
            read(&frame(0x81, bytes)),
            std::slice::from_ref(&want),
            "{bytes:x?}"
        );
        for cut in 0..=bytes.len() {
            let halves = [frame(0x01, &bytes[..cut]), frame(0x80, &bytes[cut..])].concat();
            assert_eq!(
                read(&halves),
                std::slice::from_ref(&want),
                "{bytes:x?} at {cut}"
            );
        }
        let mut each: Vec<u8> = frame(0x01, b"");
        each.extend(bytes.iter().flat_map(|byte| frame(0x00, &[*byte])));
        each.extend(frame(0x80, b""));
        assert_eq!(read(&each), [want], "{bytes:x?} byte by byte");
    }
}

/// §8.1 lets a server wait for the end of the message; this one does not.
#[test]
fn text_that_cannot_become_utf8_fails_at_once() {
    for bytes in [&b"ok\xff"[..], b"\xf4\x90", b"\xed\xa0", b"\xc3\x28"] {
        assert_eq!(read(&frame(0x01, bytes)), [Got::End(1007)], "{bytes:x?}");
    }
    let cut = [frame(0x01, b"ok\xf4"), frame(0x00, b"\x90")].concat();
    assert_eq!(read(&cut), [Got::End(1007)]);
}

/// §7.4: every status.
#[test]
fn of_all_statuses_those_of_the_registry_close() {
    for code in 0..=u16::MAX {
        let want = match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Got::Close(Some((code, String::new()))),
            _ => Got::End(1002),
        };
        let bytes = frame(0x88, &code.to_be_bytes());
        assert_eq!(read_in(bytes.len(), &bytes), [want], "{code}");
    }
}

/// §5.5: a reason of 123 bytes fits; a character that is cut in it does not.
#[test]
fn reasons_of_a_close_are_text() {
    let reason = "é".repeat(61) + "x";
    let payload = [&b"\x03\xe8"[..], reason.as_bytes()].concat();
    assert_eq!(payload.len(), 125);
    assert_eq!(
        read(&frame(0x88, &payload)),
        [Got::Close(Some((1000, reason)))]
    );
    assert_eq!(read(&frame(0x88, &payload[..123])), [Got::End(1007)]);
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
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024, false);
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
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024, false);
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

    #[test]
    fn any_text_may_be_cut_into_fragments_at_any_byte(whole in "\\PC{0,300}", cuts in prop::collection::vec(0..900_usize, 0..8), size in 1..100_usize) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= whole.len()).collect();
        cuts.push(whole.len());
        cuts.sort_unstable();
        let (mut bytes, mut from) = (Vec::new(), 0);
        for (i, cut) in cuts.iter().enumerate() {
            let fin = if i + 1 == cuts.len() { 0x80 } else { 0 };
            bytes.extend(frame(fin | u8::from(i == 0), &whole.as_bytes()[from..*cut]));
            from = *cut;
        }
        prop_assert_eq!(read_in(size, &bytes), [text(&whole)]);
    }

    #[test]
    fn any_mask_is_taken_off(payload in "\\PC{0,200}", mask in any::<[u8; 4]>()) {
        let mut bytes = frame(0x81, payload.as_bytes());
        let at = bytes.len() - payload.len() - 4;
        bytes[at..at + 4].copy_from_slice(&mask);
        for (i, b) in payload.bytes().enumerate() {
            bytes[at + 4 + i] = b ^ mask[i % 4];
        }
        prop_assert_eq!(read_in(bytes.len(), &bytes), [text(&payload)]);
    }
}
