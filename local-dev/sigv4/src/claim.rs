//! What a request says of its signature: in its `Authorization` header, or in the query of a
//! presigned URL.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderValue;
use http::header;
use percent_encoding::percent_decode_str;
use ring::digest;

use crate::error::Cause;
use crate::error::SignatureError;
use crate::time;

/// The only algorithm that is verified; signatures of `SigV4A` (`AWS4-ECDSA-P256-SHA256`) are not.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parts of a signature, all there, none verified.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) algorithm: Cow<'a, str>,
    pub(crate) credential: Cow<'a, str>,
    /// Names of the signed headers as the client lists them.
    pub(crate) signed_headers: Cow<'a, str>,
    pub(crate) signature: Cow<'a, str>,
    /// When it was signed, in the basic format, and in seconds since 1970.
    pub(crate) date: Cow<'a, str>,
    pub(crate) signed_at: i64,
    pub(crate) token: Option<Cow<'a, [u8]>>,
    /// `X-Amz-Expires` of a presigned URL, in seconds.
    pub(crate) presigned_for: Option<i64>,
}

impl<'a> Claim<'a> {
    /// Finds the signature of a request.
    pub(crate) fn of(
        headers: &'a HeaderMap,
        query: Option<&'a str>,
    ) -> Result<Self, SignatureError> {
        let presigned = query.is_some_and(|query| parameter(query, "X-Amz-Algorithm").is_some());
        match (headers.get(header::AUTHORIZATION), query) {
            (Some(_), Some(_)) if presigned => Err(SignatureError::new(
                Cause::Mismatch,
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
                 header.",
            )),
            (Some(authorization), _) => Self::of_header(authorization, headers),
            (None, Some(query)) if presigned => Self::of_query(query),
            (None, _) => Err(SignatureError::new(
                Cause::Missing,
                "Missing Authentication Token",
            )),
        }
    }

    fn of_header(
        authorization: &'a HeaderValue,
        headers: &'a HeaderMap,
    ) -> Result<Self, SignatureError> {
        // What is not text has no pairs either.
        let text = authorization.to_str().unwrap_or_default().trim();
        let (algorithm, pairs) = text.split_once(' ').unwrap_or((text, ""));
        let [mut credential, mut signature, mut signed_headers] = [None; 3];
        for pair in pairs.split([',', ' ']).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                let hash = hashed(authorization);
                return Err(SignatureError::new(
                    Cause::Incomplete,
                    format!(
                        "Invalid key=value pair (missing equal-sign) in Authorization header \
                         (hashed with SHA-256 and encoded with Base64): '{hash}'."
                    ),
                ));
            };
            let part = match name {
                "Credential" => &mut credential,
                "Signature" => &mut signature,
                "SignedHeaders" => &mut signed_headers,
                _ => continue,
            };
            *part = Some(value).filter(|value| !value.is_empty());
        }
        let date = headers
            .get("x-amz-date")
            .or_else(|| headers.get(header::DATE));
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (credential, signature, signed_headers, date)
        else {
            let parts = [credential, signature, signed_headers].map(|part| part.is_some());
            return Err(incomplete_header(authorization, parts, date.is_some()));
        };
        let (date, signed_at) = moment(date.to_str().unwrap_or_default().into())?;
        Ok(Self {
            algorithm: algorithm.into(),
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            date,
            signed_at,
            token: headers
                .get("x-amz-security-token")
                .map(|token| token.as_bytes().into()),
            presigned_for: None,
        })
    }

    fn of_query(query: &'a str) -> Result<Self, SignatureError> {
        const NAMES: [&str; 5] = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
        ];
        let parts = NAMES.map(|name| parameter(query, name).filter(|value| !value.is_empty()));
        let missing = NAMES.iter().zip(&parts).filter(|(_, part)| part.is_none());
        let missing: String = missing
            .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
        let [
            Some(algorithm),
            Some(credential),
            Some(signature),
            Some(signed_headers),
            Some(date),
        ] = parts
        else {
            let message = format!("{missing}Re-examine the query-string parameters.");
            return Err(SignatureError::new(Cause::Incomplete, message));
        };
        let (date, signed_at) = moment(date)?;
        // What AWS does without it is not known; a signature without an end would be worse.
        let presigned_for = parameter(query, "X-Amz-Expires").and_then(|text| text.parse().ok());
        let presigned_for = presigned_for.filter(|seconds| (1..=WEEK).contains(seconds));
        let Some(presigned_for) = presigned_for else {
            return Err(SignatureError::new(
                Cause::Incomplete,
                "X-Amz-Expires must be a number of seconds from 1 to 604800.",
            ));
        };
        Ok(Self {
            algorithm,
            credential,
            signed_headers,
            signature,
            date,
            signed_at,
            token: parameter(query, "X-Amz-Security-Token").map(|token| match token {
                Cow::Borrowed(token) => token.as_bytes().into(),
                Cow::Owned(token) => token.into_bytes().into(),
            }),
            presigned_for: Some(presigned_for),
        })
    }
}

/// The longest that a presigned URL may hold, in seconds.
const WEEK: i64 = 604_800;

/// The value of a query parameter, decoded.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut pairs = query.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy())
}

/// The time of a signature, in the basic format and in seconds.
fn moment(text: Cow<'_, str>) -> Result<(Cow<'_, str>, i64), SignatureError> {
    if let Some(seconds) = time::parse_basic(&text) {
        return Ok((text, seconds));
    }
    match time::parse_http_date(&text) {
        Some(seconds) => Ok((time::basic(seconds).into(), seconds)),
        None => Err(SignatureError::new(
            Cause::Incomplete,
            format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            ),
        )),
    }
}

fn incomplete_header(
    authorization: &HeaderValue,
    parts: [bool; 3],
    has_date: bool,
) -> SignatureError {
    let mut message = String::new();
    for (name, is_there) in ["Credential", "Signature", "SignedHeaders"]
        .iter()
        .zip(parts)
    {
        if !is_there {
            message += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !has_date {
        message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                    header. ";
    }
    let hash = hashed(authorization);
    message += &format!("(Hashed with SHA-256 and encoded with Base64) Authorization={hash}");
    SignatureError::new(Cause::Incomplete, message)
}

fn hashed(authorization: &HeaderValue) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, authorization.as_bytes()))
}
