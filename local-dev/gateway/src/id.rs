//! Ids as API Gateway makes them.
//!
//! 16 characters: base64url of 11 bytes and one `=`. The layout was worked out from published ids
//! (bits from the left): 0 zero; 1–29 a clock of 100 ms; 30–33 the kind; 34–48 random; 49–63
//! constant in a region; 64–71 the kind again; 72–87 a tail. So ids sort by time, need `%3D` in a
//! URL, may hold `-` and `_`, and a message's id ends in the two bytes in which its connection's
//! does.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde::Serialize;
use serde::Serializer;

use crate::Random;

/// A connection, message or request id: 16 ASCII characters, the last `=`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an Id is made of ASCII only")
    }

    fn from_bytes(bytes: [u8; 11]) -> Self {
        let mut text = [0; 16];
        URL_SAFE
            .encode_slice(bytes, &mut text)
            .expect("11 bytes are 16 characters of padded base64");
        Self(text)
    }

    fn tail(self) -> u16 {
        let bytes = URL_SAFE.decode(self.0).expect("an Id is valid base64url");
        u16::from_be_bytes([bytes[9], bytes[10]])
    }
}

/// Not 16 characters of base64url that end in `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a connection id: 16 characters of base64url, the last `=`")]
pub struct InvalidId;

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let id: [u8; 16] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
        let mut bytes = [0; 12];
        match URL_SAFE.decode_slice(id, &mut bytes) {
            Ok(11) => Ok(Self(id)),
            _ => Err(InvalidId),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Makes the ids of one gateway.
#[derive(Debug)]
pub(crate) struct Ids {
    region: u16,
    connections: AtomicU16,
    requests: AtomicU16,
}

const CONNECTION: (u64, u8) = (0b0111, 0x02);
const REQUEST: (u64, u8) = (0b0001, 0x05);

impl Ids {
    pub(crate) fn new(region: &str, random: &dyn Random) -> Self {
        let seed = random.next().to_be_bytes();
        Self {
            region: region_bits(region),
            connections: AtomicU16::new(u16::from_be_bytes([seed[0], seed[1]])),
            requests: AtomicU16::new(u16::from_be_bytes([seed[2], seed[3]])),
        }
    }

    /// A connection id. Tails are counted, so that of 8,192 in a row no two are equal.
    pub(crate) fn connection(&self, now_ms: u64, random: &dyn Random) -> Id {
        let count = self.connections.fetch_add(1, Ordering::Relaxed);
        self.make(
            now_ms,
            CONNECTION,
            low_15(random.next()),
            0x1000 + count % 0x2000,
        )
    }

    /// A request id. Tails are counted, so that of 65,536 in a row no two are equal.
    pub(crate) fn request(&self, now_ms: u64, random: &dyn Random) -> Id {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        self.make(now_ms, REQUEST, low_15(random.next()), count)
    }

    /// The id of the `nth` message of a connection. The random bits are counted, so that no two of
    /// 32,768 in a row are equal: people use a message id as the key of idempotency.
    pub(crate) fn message(&self, now_ms: u64, connection: Id, nth: u16) -> Id {
        self.make(now_ms, CONNECTION, nth & 0x7fff, connection.tail())
    }

    fn make(&self, now_ms: u64, (kind, marker): (u64, u8), random: u16, tail: u16) -> Id {
        // 0 in 1982, which nobody saw; the offset makes published ids agree with their times.
        const OFFSET: u64 = 115_262_464;
        let clock = (now_ms / 100).wrapping_sub(OFFSET) & 0x1fff_ffff;
        let head = clock << 34 | kind << 30 | u64::from(random) << 15 | u64::from(self.region);
        let mut bytes = [0; 11];
        bytes[..8].copy_from_slice(&head.to_be_bytes());
        bytes[8] = marker;
        bytes[9..].copy_from_slice(&tail.to_be_bytes());
        Id::from_bytes(bytes)
    }
}

fn low_15(random: u64) -> u16 {
    u16::try_from(random & 0x7fff).expect("15 bits fit")
}

/// The constant 15 bits of a region; where none was seen, a hash of its name.
fn region_bits(region: &str) -> u16 {
    match region {
        "us-east-1" => 0x2003,
        "us-west-2" => 0x3c77,
        "ap-northeast-1" => 0x3633,
        "ap-southeast-1" => 0x490d,
        "ap-south-1" => 0x05cc,
        other => {
            other
                .bytes()
                .fold(0x4d2b, |h: u16, b| h.wrapping_mul(31) ^ u16::from(b))
                & 0x7fff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SplitMix;

    /// Bits of an id's bytes, from the left.
    fn bits(id: Id, from: usize, to: usize) -> u64 {
        let bytes = URL_SAFE.decode(id.as_str()).unwrap();
        (from..to).fold(0, |n, i| {
            n << 1 | u64::from(bytes[i / 8] >> (7 - i % 8) & 1)
        })
    }

    #[test]
    fn published_ids_fit_the_layout() {
        let connection: Id = "PJqB0fHsqRcCHlw=".parse().unwrap();
        let message: Id = "PJqCFfHyKRcCHlw=".parse().unwrap();
        let request: Id = "PJqCFEqHqRcFd0w=".parse().unwrap();
        assert_eq!(bits(connection, 30, 34), CONNECTION.0);
        assert_eq!(bits(connection, 64, 72), u64::from(CONNECTION.1));
        assert_eq!(bits(message, 30, 34), CONNECTION.0);
        assert_eq!(message.tail(), connection.tail());
        assert_eq!(bits(request, 30, 34), REQUEST.0);
        assert_eq!(bits(request, 64, 72), u64::from(REQUEST.1));
        // connectedAt of that connection; a published id is up to three ticks ahead.
        let ours =
            Ids::new("x", &SplitMix::new(1)).connection(1_701_245_041_796, &SplitMix::new(1));
        assert!(bits(connection, 1, 30) - bits(ours, 1, 30) <= 3);
    }

    #[test]
    fn ours_fit_it_too() {
        let random = SplitMix::new(3);
        let ids = Ids::new("eu-west-1", &random);
        let now = 1_701_245_041_796;
        let connection = ids.connection(now, &random);
        let message = ids.message(now + 100, connection, 9);
        let request = ids.request(now, &random);
        for (id, kind) in [
            (connection, CONNECTION),
            (message, CONNECTION),
            (request, REQUEST),
        ] {
            let text = id.as_str();
            assert_eq!(text.parse::<Id>(), Ok(id));
            assert!(text.ends_with('=') && !text[..15].contains('='), "{text}");
            assert!("AEIMQUYcgkosw048".contains(&text[14..15]), "{text}");
            assert_eq!((bits(id, 0, 1), bits(id, 30, 34)), (0, kind.0));
            assert_eq!(bits(id, 64, 72), u64::from(kind.1));
            assert_eq!(bits(id, 49, 64), u64::from(region_bits("eu-west-1")));
        }
        assert!("cdef".contains(&connection.as_str()[5..6]));
        assert!("EFGH".contains(&request.as_str()[5..6]));
        assert_eq!(message.tail(), connection.tail());
        assert!(
            message > connection,
            "a later id sorts after an earlier one"
        );
    }

    #[test]
    fn messages_of_one_connection_differ_within_one_tick() {
        let random = SplitMix::new(3);
        let ids = Ids::new("eu-west-1", &random);
        let connection = ids.connection(0, &random);
        let mut seen: Vec<Id> = (0..0x8000).map(|n| ids.message(0, connection, n)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 0x8000);
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "PJqB0fHsqRcCHlw",
            "PJqB0fHsqRcCHlw==",
            "PJqB0fHsqRcCHl+=",
            "PJqB0fHsqRcCHlx=",
            "PJqB0fHsqRcCHlwA",
            "ckx3w0q9y0000a1b2c3d4e5f6",
            "PJqB0fHsqRcCHl\u{e9}",
        ] {
            assert_eq!(text.parse::<Id>(), Err(InvalidId), "{text}");
        }
    }
}
