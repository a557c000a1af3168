//! The canonical form of a request, which is what is signed.
//!
//! IAM User Guide, "Create a canonical request". The path is the received one, percent-encoded once
//! more and not normalised before: what a client sends as `/dev/@connections/L0SM9cOFvHcCIhw%3D` is
//! signed as `/dev/%40connections/L0SM9cOFvHcCIhw%253D` (seen in what four SDKs sign, and in what
//! AWS answered to awscurl issue 61).

use http::HeaderMap;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::percent_decode;
use percent_encoding::percent_encode;

use crate::verifier::Request;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Writes the canonical request.
pub(crate) fn canonical_request(
    request: &Request<'_>,
    signed_headers: &str,
    payload_sha256: &[u8; 64],
) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(1024);
    canonical.extend_from_slice(request.method.as_str().as_bytes());
    canonical.push(b'\n');
    encode(
        &mut canonical,
        request.uri.path().as_bytes(),
        RESERVED_IN_PATH,
    );
    canonical.push(b'\n');
    if let Some(query) = request.uri.query() {
        write_query(&mut canonical, query);
    }
    canonical.push(b'\n');
    let sorted;
    let signed_headers = if signed_headers.split(';').is_sorted() {
        signed_headers
    } else {
        let mut names: Vec<&str> = signed_headers.split(';').collect();
        names.sort_unstable();
        sorted = names.join(";");
        &sorted
    };
    for name in signed_headers.split(';') {
        write_header(&mut canonical, name, request.headers);
    }
    canonical.push(b'\n');
    canonical.extend_from_slice(signed_headers.as_bytes());
    canonical.push(b'\n');
    canonical.extend_from_slice(payload_sha256);
    canonical
}

fn encode(to: &mut Vec<u8>, bytes: &[u8], set: &'static AsciiSet) {
    for part in percent_encode(bytes, set) {
        to.extend_from_slice(part.as_bytes());
    }
}

/// Names and values decoded, encoded in the one canonical way, and sorted; the signature of a
/// presigned URL is left out. `+` is a space, as it is in events.
fn write_query(to: &mut Vec<u8>, query: &str) {
    let canonical = |text: &str| {
        let spaced: Vec<u8> = text
            .bytes()
            .map(|byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        let decoded: Vec<u8> = percent_decode(&spaced).collect();
        let mut encoded = Vec::with_capacity(decoded.len());
        encode(&mut encoded, &decoded, RESERVED);
        encoded
    };
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (canonical(name), canonical(value)))
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            to.push(b'&');
        }
        to.extend_from_slice(name);
        to.push(b'=');
        to.extend_from_slice(value);
    }
}

/// `name:value`: the values of a repeated header joined with commas, without spaces around them,
/// and several spaces in a row as one.
fn write_header(to: &mut Vec<u8>, name: &str, headers: &HeaderMap) {
    to.extend_from_slice(name.as_bytes());
    to.push(b':');
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            to.push(b',');
        }
        let mut after_space = true;
        let start = to.len();
        for &byte in value.as_bytes() {
            let is_space = byte == b' ';
            if !(is_space && after_space) {
                to.push(byte);
            }
            after_space = is_space;
        }
        if to.len() > start && to.last() == Some(&b' ') {
            to.pop();
        }
    }
    to.push(b'\n');
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| {
        let byte = bytes[at / 2];
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

/// The inverse of [`hex`]; upper-case digits are none.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
