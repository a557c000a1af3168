//! Requests as four clients sent them (`tests/fixtures/requests/README.md`).

use std::path::Path;

use gatepost_sigv4::Cause;
use gatepost_sigv4::Credentials;
use gatepost_sigv4::Verifier;

use crate::received::Received;
use crate::received::credentials;

/// Of every captured request: its file, itself, and when it was signed.
fn captured() -> Vec<(String, Received, i64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/requests");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let request = Received::parse(&std::fs::read(&path).unwrap());
            let date = request.header("x-amz-date");
            // All are of 22 November 2026.
            let number = |from: usize| date[from..from + 2].parse::<i64>().unwrap();
            assert!(date.starts_with("20261122T"));
            let at = 1_795_305_600 + number(9) * 3600 + number(11) * 60 + number(13);
            (path.display().to_string(), request, at)
        })
        .collect()
}

fn verifier() -> Verifier {
    Verifier::new(credentials(), "us-east-1", "execute-api")
}

#[test]
fn captured_requests_of_four_clients_are_accepted() {
    let captured = captured();
    assert_eq!(captured.len(), 17);
    let verifier = verifier();
    for (file, request, at) in &captured {
        for now in [at - 300, *at, at + 300] {
            assert_eq!(request.verify(&verifier, now), Ok(()), "{file}");
        }
    }
}

#[test]
fn captured_requests_are_refused_with_other_credentials_or_when_anything_changed() {
    let refused = |request: &Received, verifier: &Verifier, now, cause, file: &str| {
        let error = request.verify(verifier, now).unwrap_err();
        assert_eq!(error.cause(), cause, "{file}");
    };
    let with = |change: fn(&mut Credentials)| {
        let mut credentials = credentials();
        change(&mut credentials);
        Verifier::new(credentials, "us-east-1", "execute-api")
    };
    let other_secret = with(|c| c.secret_access_key.push('x'));
    let other_token = with(|c| c.session_token = Some("another".to_owned()));
    let no_token = with(|c| c.session_token = None);
    let other_key = with(|c| c.access_key_id.push('x'));
    let verifier = verifier();
    for (file, request, at) in captured() {
        refused(&request, &other_secret, at, Cause::Mismatch, &file);
        refused(&request, &other_token, at, Cause::UnknownKey, &file);
        refused(&request, &no_token, at, Cause::UnknownKey, &file);
        refused(&request, &other_key, at, Cause::UnknownKey, &file);
        refused(&request, &verifier, at + 301, Cause::Expired, &file);
        refused(&request, &verifier, at - 301, Cause::NotYetCurrent, &file);
        let mut longer = request.clone();
        longer.payload.push(b'!');
        refused(&longer, &verifier, at, Cause::Mismatch, &file);
        let elsewhere = request.clone().set("host", "127.0.0.1:1");
        refused(&elsewhere, &verifier, at, Cause::Mismatch, &file);
        // The path as it would be without its encoding is another one.
        let mut decoded = request.clone();
        decoded.uri = request.uri.to_string().replace("%3D", "=").parse().unwrap();
        refused(&decoded, &verifier, at, Cause::Mismatch, &file);
    }
}
