//! The chain of invocations that led to one, as tracing headers carry it: SDKs in functions pass
//! `_X_AMZN_TRACE_ID` on as `X-Amzn-Trace-Id`, and Lambda counts in its `Lineage` how often a
//! function came by. Lambda guide, "Use Lambda recursive loop detection to prevent infinite loops";
//! X-Ray guide, "Tracing header". How `Lineage` is written is not documented: as is seen in logs,
//! `1:` and pairs of a function's hash and a count, between `|`.

use http::HeaderValue;
use uuid::Uuid;

/// "If your function is invoked approximately 16 times in the same chain of requests, Lambda
/// automatically stops the next invocation".
const MAX_INVOCATIONS: u32 = 16;
/// A header that is longer is not read.
const MAX_HEADER: usize = 2048;

/// The chain of invocations that led to one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// `Root` of the first, if the header had one.
    root: Option<String>,
    /// Hashes of the functions in it, and how often each was invoked before its last time.
    lineage: Vec<(u32, u32)>,
}

impl Chain {
    /// From `X-Amzn-Trace-Id`; `None` if it says nothing that is understood.
    pub(crate) fn read(header: &str) -> Option<Box<Self>> {
        if header.len() > MAX_HEADER {
            return None;
        }
        let mut chain = Self::default();
        for field in header.split(';') {
            match field.trim().split_once('=') {
                Some(("Root", root)) if is_root(root) => chain.root = Some(root.to_owned()),
                Some(("Lineage", lineage)) => chain.lineage = read_lineage(lineage),
                _ => {}
            }
        }
        (chain != Self::default()).then(|| Box::new(chain))
    }

    /// Whether this function was invoked too often in it already.
    pub(crate) fn is_loop(&self, function: u32) -> bool {
        self.lineage
            .iter()
            .any(|(known, count)| *known == function && count + 1 >= MAX_INVOCATIONS)
    }
}

fn is_root(root: &str) -> bool {
    root.bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && root.starts_with("1-")
}

fn read_lineage(text: &str) -> Vec<(u32, u32)> {
    let Some(functions) = text.strip_prefix("1:") else {
        return Vec::new();
    };
    let read = |pair: &str| {
        let (hash, count) = pair.split_once(':')?;
        Some((u32::from_str_radix(hash, 16).ok()?, count.parse().ok()?))
    };
    functions.split('|').filter_map(read).collect()
}

/// What stands for a function in `Lineage`: FNV-1a, 32 bits, of its ARN.
pub(crate) fn hash(arn: &[u8]) -> u32 {
    arn.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The tracing header of an invocation of `function`: `Root=…;Parent=…;Sampled=0;Lineage=…`, from
/// its request ID: unique, and without asking for more randomness.
pub(crate) fn header(
    chain: Option<&Chain>,
    function: u32,
    epoch: u64,
    request_id: Uuid,
) -> HeaderValue {
    use std::io::Write;
    let id = request_id.as_bytes();
    let mut text = Vec::with_capacity(112);
    // Writing to a vector does not fail.
    match chain.and_then(|chain| chain.root.as_deref()) {
        Some(root) => drop(write!(text, "Root={root}")),
        None => {
            let _ = write!(text, "Root=1-{epoch:08x}-");
            id[..12]
                .iter()
                .for_each(|byte| drop(write!(text, "{byte:02x}")));
        }
    }
    text.extend_from_slice(b";Parent=");
    id[8..]
        .iter()
        .for_each(|byte| drop(write!(text, "{byte:02x}")));
    text.extend_from_slice(b";Sampled=0;Lineage=1:");
    let before = chain.map_or(&[][..], |chain| &chain.lineage);
    let mut count = 0;
    for (known, times) in before {
        if *known == function {
            count = times + 1;
        } else {
            let _ = write!(text, "{known:08x}:{times}|");
        }
    }
    let _ = write!(text, "{function:08x}:{count}");
    HeaderValue::try_from(text).expect("it is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

    #[test]
    fn a_chain_begins_as_x_ray_writes_it() {
        assert_eq!(
            header(None, 0xabc, 0x5759_e988, ID),
            "Root=1-5759e988-000102030405060708090a0b;Parent=08090a0b0c0d0e0f;Sampled=0;\
             Lineage=1:00000abc:0"
        );
    }

    #[test]
    fn a_function_is_stopped_when_it_came_by_sixteen_times() {
        let mut chain = None;
        for invocation in 1..=16 {
            let ours = header(chain.as_deref(), 7, 1, ID);
            // Another function in between.
            let between = Chain::read(ours.to_str().unwrap()).unwrap();
            let theirs = header(Some(&between), 8, 1, ID);
            let next = Chain::read(theirs.to_str().unwrap()).unwrap();
            assert_eq!(next.is_loop(7), invocation == 16, "{theirs:?}");
            assert_eq!(
                next.root.as_deref(),
                Some("1-00000001-000102030405060708090a0b")
            );
            assert!(!next.is_loop(9));
            chain = Some(next);
        }
    }

    #[test]
    fn what_is_no_tracing_header_is_no_chain() {
        for text in [
            "",
            "Root=x\"y;Parent=1",
            "Lineage=2:00000007:15",
            "Lineage=1:zz:15|:|7",
            &"Root=1-".repeat(1000),
        ] {
            assert_eq!(Chain::read(text), None, "{text}");
        }
    }
}
