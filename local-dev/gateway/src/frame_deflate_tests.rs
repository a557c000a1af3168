//! Frames of clients with which `permessage-deflate` was agreed (RFC 7692 §6).

use flate2::Compress;
use flate2::Compression;
use flate2::FlushCompress;

use super::tests::Got;
use super::tests::frame;
use super::tests::owned;
use super::*;

/// The first frame of a compressed message, and its only one.
const FIRST: u8 = 0x41;
const ONLY: u8 = 0xc1;

fn read(frames: &[Vec<u8>]) -> Vec<Got> {
    let mut reader = FrameReader::new(32 * 1024, 128 * 1024, true);
    let mut got = Vec::new();
    for bytes in frames {
        let fed = reader.feed(&mut bytes.clone(), &mut |incoming| {
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

fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// A client's compressor, which goes on from message to message.
struct Client(Compress);

impl Client {
    fn new() -> Self {
        Self(Compress::new(Compression::best(), false))
    }

    fn deflate(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + 64);
        let done = self.0.compress_vec(text, &mut out, FlushCompress::Sync);
        done.unwrap();
        out.truncate(out.len() - 4);
        out
    }
}

#[test]
fn compressed_messages_may_refer_to_earlier_ones_and_stand_among_others() {
    let mut client = Client::new();
    let said = "the same words again and again";
    let (first, second) = (
        client.deflate(said.as_bytes()),
        client.deflate(said.as_bytes()),
    );
    assert!(second.len() < first.len() / 2, "it refers to the first");
    let frames = [
        frame(ONLY, &first),
        frame(0x81, b"plain"),
        frame(ONLY, &second),
    ];
    assert_eq!(read(&frames), [text(said), text("plain"), text(said)]);
}

#[test]
fn a_compressed_message_comes_in_fragments_with_control_frames_between_them() {
    let deflated = Client::new().deflate("grüße".repeat(100).as_bytes());
    let (first, rest) = deflated.split_at(3);
    let frames = [
        frame(FIRST, first),
        frame(0x89, b"?"),
        frame(0x00, rest),
        frame(0x80, b""),
        frame(0x81, b"plain"),
    ];
    let got = [
        Got::Ping(b"?".to_vec()),
        text(&"grüße".repeat(100)),
        text("plain"),
    ];
    assert_eq!(read(&frames), got);
}

#[test]
fn the_bit_stands_on_first_frames_of_messages_only() {
    let deflated = Client::new().deflate(b"text");
    for frames in [
        vec![frame(FIRST, &deflated), frame(0xc0, b"")],
        vec![frame(0x01, b"plain"), frame(0xc0, &deflated)],
        vec![frame(0xc9, b"ping")],
        vec![frame(0xca, b"pong")],
        vec![frame(0xc8, b"")],
        // The other two bits mean nothing.
        vec![frame(0xa1, b"text")],
        vec![frame(0xd1, b"text")],
        vec![frame(0xe1, &deflated)],
    ] {
        assert_eq!(read(&frames), [Got::End(1002)], "{:x?}", frames[0][0]);
    }
}

#[test]
fn what_a_compressed_message_says_is_bounded_and_text() {
    let mut frames = [Vec::new()];
    for (said, code) in [(vec![b'0'; 131_073], 1009), (b"\xc3\x28".to_vec(), 1007)] {
        frames[0] = frame(ONLY, &Client::new().deflate(&said));
        assert_eq!(read(&frames), [Got::End(code)]);
    }
    frames[0] = frame(ONLY, &Client::new().deflate(&[b'0'; 131_072]));
    assert_eq!(read(&frames), [text(&"0".repeat(131_072))]);
    frames[0] = frame(ONLY, b"\xff\xff\xff");
    assert_eq!(read(&frames), [Got::End(1007)]);
}
