//! Requests that the signer of AWS's Rust SDK signed.

use std::time::Duration;
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SignatureLocation;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::UriPathNormalizationMode;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4::SigningParams;
use gatepost_sigv4::Credentials;
use gatepost_sigv4::Verifier;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::signed::Signed;

/// A request before it is signed.
#[derive(Debug, Clone)]
struct Plain {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    payload: Vec<u8>,
    credentials: Credentials,
    region: String,
    service: &'static str,
    /// Seconds since 1970.
    at: i64,
    presigned_for: Option<u64>,
}

const HOST: &str = "abc.example:8443";

fn plain() -> impl Strategy<Value = Plain> {
    let path = prop::collection::vec("([a-zA-Z0-9@=_.~!$'()*+,;:-]|%[0-9A-F]{2}){1,12}", 1..4);
    let pair = "([a-zA-Z0-9_.~/?:@!$'()*,;-]|%[2-7][0-9A-F]|\\+){0,8}(=([a-zA-Z0-9=+_.~/-]|%[2-7][0-9a-f]){0,8})?";
    let header = (
        "(x-[a-z]{1,6}|content-type|accept|x-amz-[a-z]{1,5}s)",
        "[!-~]{0,8}( {1,3}[!-~]{1,8}){0,3}",
    );
    let credentials = (
        "AKID[A-Z0-9]{4,16}",
        "[!-~]{1,60}",
        prop::option::of("[!-~]{1,200}"),
    )
        .prop_map(
            |(access_key_id, secret_access_key, session_token)| Credentials {
                access_key_id,
                secret_access_key,
                session_token,
            },
        );
    (
        prop::sample::select(vec!["POST", "GET", "DELETE"]),
        path,
        prop::collection::vec(pair, 0..4),
        prop::collection::vec(header, 0..4),
        prop::collection::vec(any::<u8>(), 0..300),
        credentials,
        "[a-z]{2}-[a-z]{4,9}-[1-9]",
        prop::sample::select(vec!["execute-api", "lambda"]),
        0_i64..4_000_000_000,
        prop::option::of(1_u64..=604_800),
    )
        .prop_map(
            |(
                method,
                path,
                query,
                headers,
                payload,
                credentials,
                region,
                service,
                at,
                presigned,
            )| {
                Plain {
                    // A presigned URL is opened: it has no body.
                    method: if presigned.is_some() { "GET" } else { method },
                    payload: if presigned.is_some() {
                        Vec::new()
                    } else {
                        payload
                    },
                    path: format!("/{}", path.join("/")),
                    query: query.join("&"),
                    headers,
                    credentials,
                    region,
                    service,
                    at,
                    presigned_for: presigned,
                }
            },
        )
}

fn signed(plain: &Plain) -> Signed {
    let Credentials {
        access_key_id,
        secret_access_key,
        session_token,
    } = &plain.credentials;
    let token = session_token.clone();
    let identity =
        AwsCredentials::new(access_key_id, secret_access_key, token, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    if let Some(seconds) = plain.presigned_for {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(seconds));
    }
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&plain.region)
        .name(plain.service)
        .time(UNIX_EPOCH + Duration::from_secs(plain.at.unsigned_abs()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut target = plain.path.clone();
    if !plain.query.is_empty() {
        target += &format!("?{}", plain.query);
    }
    let pairs = plain
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(&plain.payload);
    let url = format!("https://{HOST}{target}");
    let request = SignableRequest::new(plain.method, url, pairs, body).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    for (name, value) in instructions.params() {
        let separator = if target.contains('?') { '&' } else { '?' };
        target += &format!(
            "{separator}{name}={}",
            utf8_percent_encode(value, NON_ALPHANUMERIC)
        );
    }
    let bytes = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
    let mut headers = vec![bytes(("host", HOST))];
    headers.extend(
        plain
            .headers
            .iter()
            .map(|(name, value)| bytes((name, value))),
    );
    headers.extend(instructions.headers().map(bytes));
    Signed {
        method: plain.method.as_bytes().to_vec(),
        target: target.into_bytes(),
        headers,
        payload: plain.payload.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn of_a_thousand_signed_requests_all_are_accepted_and_none_with_a_bit_changed(
        plain in plain(),
        skew in -300_i64..=300,
        part in any::<Index>(),
        byte in any::<Index>(),
        bit in 0_u8..8,
    ) {
        let signed = signed(&plain);
        let verifier = Verifier::new(plain.credentials.clone(), &plain.region, plain.service);
        let now = match plain.presigned_for {
            Some(seconds) => plain.at + skew.rem_euclid(seconds.cast_signed() + 1),
            None => plain.at + skew,
        };
        prop_assert!(signed.is_accepted(&verifier, now), "{:?}", signed);
        let changed = signed.flip(|parts| part.index(parts), |bytes| byte.index(bytes), bit);
        prop_assert!(!changed.is_accepted(&verifier, now), "{:?}", changed);
    }
}
