//! What AWS answers, word for word.
//!
//! Sources: `DynamoDB`'s answers as written down in dynalite's `index.js`, in the order in which they
//! were seen (the same authentication stands before API Gateway); API Gateway's to
//! mhart/aws4 issue 133 and okigan/awscurl issue 61; hashed headers as many services answer them
//! since 2024; "Troubleshoot Signature Version 4 signing" (IAM User Guide).

use gatepost_sigv4::Cause;
use gatepost_sigv4::Verifier;

use crate::received::Received;
use crate::received::credentials;

const NOW: i64 = 1_795_335_037;
const CREDENTIAL: &str = "AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request";

fn unsigned() -> Received {
    Received {
        uri: "/dev/@connections/L0SM9cOFvHcCIhw%3D".parse().unwrap(),
        ..Received::default()
    }
    .set("host", "127.0.0.1:17401")
    .set("x-amz-date", "20261122T081037Z")
    .set("x-amz-security-token", "tokEXAMPLE")
}

/// Not right in anything but its form.
fn signed(credential: &str) -> Received {
    let signature = "0".repeat(64);
    unsigned().set(
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, \
             Signature={signature}"
        ),
    )
}

#[track_caller]
fn answers(request: &Received, cause: Cause, error_type: &str, message: &str) {
    let verifier = Verifier::new(credentials(), "us-east-1", "execute-api");
    let error = request.verify(&verifier, NOW).unwrap_err();
    assert_eq!(error.cause(), cause);
    assert_eq!(error.error_type(), error_type);
    let body: serde_json::Value = serde_json::from_str(&error.body()).unwrap();
    assert_eq!(body, serde_json::json!({ "message": message }));
}

#[test]
fn a_request_without_a_signature_is_missing_its_token() {
    let missing = "MissingAuthenticationTokenException";
    answers(
        &unsigned(),
        Cause::Missing,
        missing,
        "Missing Authentication Token",
    );
    let mut with_query = unsigned();
    with_query.uri = "/dev?X-Amz-Signature=1".parse().unwrap();
    answers(
        &with_query,
        Cause::Missing,
        missing,
        "Missing Authentication Token",
    );
}

#[test]
fn an_incomplete_signature_is_told_what_it_lacks() {
    let incomplete = |request: &Received, message: &str| {
        answers(
            request,
            Cause::Incomplete,
            "IncompleteSignatureException",
            message,
        );
    };
    let bearer = unsigned().set("authorization", "Bearer abc");
    incomplete(
        &bearer,
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 \
         and encoded with Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='.",
    );
    let basic = unsigned().set("authorization", "Basic dXNlcjpwYXNzd29yZA==");
    let hash = "(Hashed with SHA-256 and encoded with Base64) \
                Authorization=nAbVMu3wgTZZq0HSari6nKU7mFKW7kWEp580/pzXQ6Q=";
    incomplete(
        &basic,
        &format!(
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. {hash}"
        ),
    );
    incomplete(
        &signed(CREDENTIAL)
            .without("x-amz-date")
            .set("authorization", "Basic dXNlcjpwYXNzd29yZA=="),
        &format!(
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
             {hash}"
        ),
    );
    incomplete(
        &signed(CREDENTIAL).set("x-amz-date", "2026-11-22"),
        "Date must be in ISO-8601 'basic format'. Got '2026-11-22'. See \
         http://en.wikipedia.org/wiki/ISO_8601",
    );
    let other = signed(CREDENTIAL);
    let algorithm = other.header("authorization").replace("SHA256", "SHA25");
    incomplete(
        &other.set("authorization", &algorithm),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
    );
    incomplete(
        &signed("a/b/c/d"),
        "Credential must have exactly 5 slash-delimited elements, e.g. \
         keyid/date/region/service/term, got 'a/b/c/d'",
    );
    let mut presigned = unsigned();
    presigned.uri = "/dev?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T081037Z"
        .parse()
        .unwrap();
    incomplete(
        &presigned,
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters \
         must include 'X-Amz-Signature'. AWS query-string parameters must include \
         'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
    );
}

#[test]
fn a_signature_of_another_time_is_told_both_times() {
    let invalid = "InvalidSignatureException";
    answers(
        &signed(CREDENTIAL).set("x-amz-date", "20261122T080536Z"),
        Cause::Expired,
        invalid,
        "Signature expired: 20261122T080536Z is now earlier than 20261122T080537Z \
         (20261122T081037Z - 5 min.)",
    );
    answers(
        &signed(CREDENTIAL).set("x-amz-date", "20261122T081538Z"),
        Cause::NotYetCurrent,
        invalid,
        "Signature not yet current: 20261122T081538Z is still later than 20261122T081537Z \
         (20261122T081037Z + 5 min.)",
    );
    // Without `x-amz-date`, `Date` counts (RFC 9110 §5.6.7).
    answers(
        &signed(CREDENTIAL)
            .without("x-amz-date")
            .set("date", "Sun, 22 Nov 2026 08:05:36 GMT"),
        Cause::Expired,
        invalid,
        "Signature expired: 20261122T080536Z is now earlier than 20261122T080537Z \
         (20261122T081037Z - 5 min.)",
    );
}

#[test]
fn the_scope_is_told_all_that_is_wrong_with_it() {
    answers(
        &signed("AKIDEXAMPLE/20261121/eu-west-1/s3/aws4"),
        Cause::Scope,
        "InvalidSignatureException",
        "Credential should be scoped to a valid region, not 'eu-west-1'. Credential should be \
         scoped to correct service: 'execute-api'. Credential should be scoped with a valid \
         terminator: 'aws4_request', not 'aws4'. Date in Credential scope does not match YYYYMMDD \
         from ISO-8601 version of date from HTTP: '20261121' != '20261122', from \
         '20261122T081037Z'.",
    );
    let no_host = signed(CREDENTIAL);
    let authorization = no_host.header("authorization").replace("host;", "");
    answers(
        &no_host.set("authorization", &authorization),
        Cause::Mismatch,
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
    let mut both = signed(CREDENTIAL);
    both.uri = "/dev?X-Amz-Algorithm=AWS4-HMAC-SHA256".parse().unwrap();
    answers(
        &both,
        Cause::Mismatch,
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
}

#[test]
fn an_unknown_key_is_an_invalid_token() {
    let unknown = |request: &Received| {
        answers(
            request,
            Cause::UnknownKey,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        );
    };
    unknown(&signed(
        "AKIDOTHER/20261122/us-east-1/execute-api/aws4_request",
    ));
    // A temporary key is none without its token.
    unknown(&signed(CREDENTIAL).without("x-amz-security-token"));
}

#[test]
fn a_wrong_signature_is_told_what_should_have_been_signed() {
    // The hash of the canonical request is what sha256sum makes of the quoted text.
    answers(
        &signed(CREDENTIAL),
        Cause::Mismatch,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details.\
         \n\nThe Canonical String for this request should have been\n\
         'GET\n/dev/%40connections/L0SM9cOFvHcCIhw%253D\n\nhost:127.0.0.1:17401\n\
         x-amz-date:20261122T081037Z\n\nhost;x-amz-date\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\
         \n\nThe String-to-Sign should have been\n\
         'AWS4-HMAC-SHA256\n20261122T081037Z\n20261122/us-east-1/execute-api/aws4_request\n\
         d126c806c083075ae72a86444d9647829b53f0282ddb0c96284b3ebd07d410c8'\n",
    );
}

#[test]
fn nothing_of_a_request_is_in_what_a_log_would_show() {
    let verifier = Verifier::new(credentials(), "us-east-1", "execute-api");
    let request = signed(CREDENTIAL);
    let listed = request
        .header("authorization")
        .replace("host;", "host;x-amz-security-token;");
    let error = request
        .set("authorization", &listed)
        .verify(&verifier, NOW)
        .unwrap_err();
    assert!(
        error.body().contains("tokEXAMPLE"),
        "AWS shows it to the client"
    );
    for shown in [
        format!("{error}"),
        format!("{error:?}"),
        format!("{verifier:?}"),
    ] {
        assert!(
            !shown.contains("tokEXAMPLE") && !shown.contains("secretEXAMPLE"),
            "{shown}"
        );
    }
}
