use std::time::Duration;
use std::time::UNIX_EPOCH;

use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::UriPathNormalizationMode;
use aws_sigv4::sign::v4::SigningParams;
use gatepost_protocol::Millis;
use proptest::prelude::*;

use super::*;
use crate::connections::Payload;
use crate::endpoint::Path;

fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "secretEXAMPLE".into(),
        session_token: token.map(Into::into),
    }
}

fn signer(scope: Scope, credentials: Credentials, at: Millis) -> Signer {
    Signer::new(
        scope,
        Arc::new(move || credentials.clone()),
        Arc::new(move || at),
    )
}

fn scope(host: &str) -> Scope {
    let host = HeaderValue::from_str(host).unwrap();
    Scope {
        region: "us-east-1".into(),
        service: "execute-api",
        host,
        headers: Vec::new(),
    }
}

fn signed(signer: &Signer, method: &str, path: &Path, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let payload = Payload::new(body.to_vec());
    signer
        .sign(method, &path.canonical, payload.sha256(), &mut headers)
        .unwrap();
    headers
}

/// The inverse of what `x-amz-date` says, by way of the other format.
fn moment(date: &str) -> Millis {
    let (day, time) = date.split_once('T').unwrap();
    let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..6]);
    timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).unwrap()
}

#[test]
fn signatures_equal_those_of_captured_requests() {
    let lines = include_str!("captured.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let fields: Vec<&str> = line.splitn(6, ' ').collect();
        let [method, path, host, date, signature] = fields[..5] else {
            panic!("{line}")
        };
        let body = fields.get(5).copied().unwrap_or("");
        let signer = signer(scope(host), credentials(Some("tokEXAMPLE")), moment(date));
        let headers = signed(&signer, method, &Path::new(path.into()), body.as_bytes());
        let authorization = headers[header::AUTHORIZATION].to_str().unwrap();
        assert!(
            authorization.ends_with(&format!("Signature={signature}")),
            "{line}"
        );
        assert_eq!(headers[X_AMZ_DATE], date);
        count += 1;
    }
    assert_eq!(count, 9);
}

proptest! {
    #[test]
    fn signatures_equal_those_of_the_aws_signer(
        method in prop::sample::select(vec!["POST", "GET", "DELETE"]),
        stage in "[a-zA-Z0-9_-]{1,12}",
        id in "[!-~]{1,40}",
        body in prop::collection::vec(any::<u8>(), 0..300),
        at in 0i64..4_000_000_000_000,
        secret in "[!-~]{1,60}",
        token in prop::option::of("[!-~]{1,200}"),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        event in any::<bool>(),
    ) {
        let more: &[(&str, &str)] = match event {
            true => &[("x-amz-invocation-type", "Event")],
            false => &[("x-amz-target", "secretsmanager.Get"), ("content-type", "application/json")],
        };
        let headers = more.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        }).collect();
        let host = HeaderValue::from_static("abc.example:8443");
        let scope = Scope { region: region.clone(), service: "execute-api", host, headers };
        let credentials =
            Credentials { secret_access_key: secret.clone(), ..credentials(token.as_deref()) };
        let path = Path::new(format!("/{stage}/@connections/")).join(&id);
        let ours = signed(&signer(scope, credentials, at), method, &path, &body);

        let identity = aws_credential_types::Credentials::new("AKIDEXAMPLE", secret, token, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name("execute-api")
            .time(UNIX_EPOCH + Duration::from_millis(at.unsigned_abs()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = format!("https://abc.example:8443{}", path.wire);
        let request = SignableRequest::new(method, url, more.iter().copied(), SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = aws_sigv4::http_request::sign(request, &params).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            prop_assert_eq!(&ours[name], value, "{}", name);
        }
    }
}

#[test]
fn rotated_credentials_and_a_new_day_are_picked_up_within_a_second() {
    use std::sync::atomic::AtomicI64;
    use std::sync::atomic::Ordering;

    let time = Arc::new(AtomicI64::new(86_399_000));
    let now = Arc::clone(&time);
    let read = Arc::clone(&time);
    let source = move || {
        credentials(Some(if read.load(Ordering::Relaxed) < 86_401_000 {
            "old"
        } else {
            "new"
        }))
    };
    let signer = Signer::new(
        scope("h"),
        Arc::new(source),
        Arc::new(move || now.load(Ordering::Relaxed)),
    );
    let path = Path::new("/local/@connections/x".into());
    for (at, date, token) in [
        (86_399_000, "19700101T235959Z", "old"),
        (86_400_999, "19700102T000000Z", "old"),
        (86_401_000, "19700102T000001Z", "new"),
        (86_399_000, "19700101T235959Z", "old"),
    ] {
        time.store(at, Ordering::Relaxed);
        let headers = signed(&signer, "POST", &path, b"");
        assert_eq!(headers[X_AMZ_DATE], date);
        assert_eq!(headers[X_AMZ_SECURITY_TOKEN], token);
        let fresh = self::signer(scope("h"), credentials(Some(token)), at);
        assert_eq!(headers, signed(&fresh, "POST", &path, b""));
    }
}

#[test]
fn credentials_that_no_header_carries_are_an_error() {
    let signer = signer(scope("h"), credentials(Some("line\nbreak")), 0);
    let mut headers = HeaderMap::new();
    signer
        .sign("POST", "/", Payload::new("").sha256(), &mut headers)
        .unwrap_err();
}
