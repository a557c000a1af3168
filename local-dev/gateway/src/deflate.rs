//! `permessage-deflate` (RFC 7692): AWS agrees to it, so clients that offer it find it here.
//!
//! Messages of a client may refer to earlier ones (context takeover), which costs a window a
//! connection once the first compressed one came. Those to a client refer to none, which RFC 7692
//! leaves to each sender: one compressor a thread is enough for all connections.

use std::cell::RefCell;

use flate2::Compress;
use flate2::Compression;
use flate2::Decompress;
use flate2::FlushCompress;
use flate2::FlushDecompress;
use flate2::Status;
use http::HeaderMap;
use http::HeaderValue;
use http::header;

use crate::close::Ending;

const NAME: &str = "permessage-deflate";
/// What ends a compressed message, and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Windows of 2⁸ to 2¹⁵ bytes (RFC 7692 §7.1.2).
const WINDOW_BITS: std::ops::RangeInclusive<u8> = 8..=15;

thread_local! {
    /// Of all connections of this thread; 300 KB, made when the first client wants it.
    static COMPRESSOR: RefCell<Option<Box<Compress>>> = const { RefCell::new(None) };
}

/// What the handshake is answered when the client offers what the gateway takes.
///
/// One answer of AWS is known, to `server_max_window_bits=12; client_max_window_bits=12`: it has the
/// first and not the second, written `permessage-deflate;server_max_window_bits=12`. That is what
/// Netty's `PerMessageDeflateServerExtensionHandshaker` does by default, and the rest is done as it
/// does it: `client_no_context_takeover` is let be, an offer with `server_no_context_takeover` or
/// with anything unknown is not taken. AWS then compresses with a larger window than it agreed to,
/// which such clients cannot read (python-websockets pull request 1067); so they cannot here.
pub(crate) fn agree(headers: &HeaderMap) -> Option<HeaderValue> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let offers = offers.iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|value| value.split(',')).find_map(answer)
}

/// The answer to one offer, if it is taken.
fn answer(offer: &str) -> Option<HeaderValue> {
    let mut parts = offer.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut answer = NAME.to_owned();
    for parameter in parts {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim().trim_matches('"'))),
            None => (parameter, None),
        };
        match name.to_ascii_lowercase().as_str() {
            "client_max_window_bits" | "client_no_context_takeover" => {}
            "server_max_window_bits" => {
                let bits = value?.parse().ok()?;
                if !WINDOW_BITS.contains(&bits) {
                    return None;
                }
                if bits != *WINDOW_BITS.end() {
                    answer = format!("{NAME};server_max_window_bits={bits}");
                }
            }
            _ => return None,
        }
    }
    HeaderValue::try_from(answer).ok()
}

/// A message to a client, compressed, without its tail.
pub(crate) fn message(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        // §7.2.3.6: an empty block.
        return vec![0];
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = compressor
            .get_or_insert_with(|| Box::new(Compress::new(Compression::default(), false)));
        compressor.reset();
        let mut deflated = Vec::new();
        loop {
            let rest = &text[usize::try_from(compressor.total_in()).unwrap_or(usize::MAX)..];
            deflated.reserve(rest.len() / 2 + 64);
            compressor
                .compress_vec(rest, &mut deflated, FlushCompress::Sync)
                .expect("nothing is wrong with a stream that was just begun");
            let is_all_in = compressor.total_in() == text.len() as u64;
            if is_all_in && deflated.len() < deflated.capacity() {
                break;
            }
        }
        deflated.truncate(deflated.len() - TAIL.len());
        deflated
    })
}

/// Messages of one client, which may refer to its earlier ones.
#[derive(Debug)]
pub(crate) struct Inflater(Box<Decompress>);

impl Inflater {
    pub(crate) fn new() -> Self {
        Self(Box::new(Decompress::new(false)))
    }

    /// What a compressed message says, at most `most` bytes.
    ///
    /// # Errors
    /// It says more, or is not compressed as RFC 7692 asks: the connection ends.
    pub(crate) fn message(&mut self, payload: &[u8], most: usize) -> Result<Vec<u8>, Ending> {
        let mut inflated = Vec::new();
        for part in [payload, &TAIL] {
            self.part(part, &mut inflated, most)?;
        }
        Ok(inflated)
    }

    fn part(&mut self, mut part: &[u8], inflated: &mut Vec<u8>, most: usize) -> Result<(), Ending> {
        loop {
            inflated.reserve((2 * part.len()).clamp(64, most + 1));
            let before = (self.0.total_in(), self.0.total_out());
            let status = self
                .0
                .decompress_vec(part, inflated, FlushDecompress::Sync)
                .map_err(|_| Ending::NOT_UTF8)?;
            let read = usize::try_from(self.0.total_in() - before.0).unwrap_or(usize::MAX);
            let is_stuck = (self.0.total_in(), self.0.total_out()) == before;
            part = part.get(read..).unwrap_or_default();
            if inflated.len() > most {
                return Err(Ending::TOO_BIG);
            }
            if status == Status::StreamEnd {
                // §7.2.3.4: a block may say that it is the last one, and more come.
                self.0.reset(false);
            }
            if part.is_empty() && inflated.len() < inflated.capacity() {
                return Ok(());
            }
            if is_stuck && status != Status::StreamEnd {
                return Err(Ending::NOT_UTF8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agreed(offers: &[&str]) -> Option<String> {
        let values = offers.iter().map(|offer| {
            let value = HeaderValue::from_str(offer).unwrap();
            (header::SEC_WEBSOCKET_EXTENSIONS, value)
        });
        let answer = agree(&values.collect());
        answer.map(|answer| answer.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_offer_is_answered_as_aws_answers_it() {
        for (offers, answer) in [
            (&[][..], None),
            (&["x-webkit-deflate-frame"], None),
            (&["permessage-deflate"], Some("permessage-deflate")),
            // A browser's.
            (
                &["permessage-deflate; client_max_window_bits"],
                Some("permessage-deflate"),
            ),
            // The logged one.
            (
                &["permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"],
                Some("permessage-deflate;server_max_window_bits=12"),
            ),
            (
                &["Permessage-Deflate;Server_Max_Window_Bits=\"15\""],
                Some("permessage-deflate"),
            ),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_max_window_bits=16"], None),
            (&["permessage-deflate; server_max_window_bits=x"], None),
            (&["permessage-deflate; server_no_context_takeover"], None),
            (
                &["permessage-deflate; client_no_context_takeover"],
                Some("permessage-deflate"),
            ),
            (&["permessage-deflate; unknown"], None),
            // The first that can be taken.
            (
                &[
                    "other, permessage-deflate; server_no_context_takeover",
                    "permessage-deflate; server_max_window_bits=9, permessage-deflate",
                ],
                Some("permessage-deflate;server_max_window_bits=9"),
            ),
        ] {
            assert_eq!(agreed(offers).as_deref(), answer, "{offers:?}");
        }
    }

    /// §7.2.3.
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (payload, said) in [
            (&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], "Hello"),
            // The second of two that share a window follows below; stored blocks; a last block; an
            // empty one; two blocks.
            (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
            (b"\x00", ""),
            (
                b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
                "Hello",
            ),
        ] {
            let inflated = Inflater::new().message(payload, 100).unwrap();
            assert_eq!(inflated, said.as_bytes(), "{payload:x?}");
        }
        let mut inflater = Inflater::new();
        for payload in [
            &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
            b"\xf2\x00\x11\x00\x00",
        ] {
            assert_eq!(inflater.message(payload, 100).unwrap(), b"Hello");
        }
    }

    #[test]
    fn what_is_not_compressed_or_says_too_much_ends_the_connection() {
        let end = |payload: &[u8], most| Inflater::new().message(payload, most).unwrap_err().code;
        assert_eq!(end(b"\xff\xff\xff", 100), 1007);
        assert_eq!(end(b"Hello", 100), 1007);
        let bomb = message(&vec![b'0'; 10_000_000]);
        assert!(bomb.len() < 32 * 1024 * 2);
        assert_eq!(end(&bomb, 128 * 1024), 1009);
        let exact = message(&[b'0'; 1000]);
        assert_eq!(Inflater::new().message(&exact, 1000).unwrap().len(), 1000);
        assert_eq!(end(&exact, 999), 1009);
    }

    proptest! {
        #[test]
        fn any_messages_come_back(
            texts in proptest::collection::vec(".{0,40}", 1..6),
            times in 1_usize..2000,
        ) {
            let mut inflater = Inflater::new();
            for text in texts {
                let text = text.repeat(times);
                let inflated = inflater.message(&message(text.as_bytes()), usize::MAX / 2).unwrap();
                prop_assert_eq!(inflated, text.as_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(payload: Vec<u8>) {
            let mut inflater = Inflater::new();
            for _ in 0..2 {
                if let Ok(inflated) = inflater.message(&payload, 1000) {
                    prop_assert!(inflated.len() <= 1000);
                }
            }
        }
    }
}
