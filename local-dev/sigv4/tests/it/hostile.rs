//! Whatever a request holds, verification ends with an answer.

use gatepost_sigv4::Verifier;
use proptest::prelude::*;

use crate::received::Received;
use crate::received::credentials;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_header_makes_verification_panic(
        authorization in prop_oneof![
            "[ -~]{0,120}",
            "AWS4-HMAC-SHA256 [ -~]{0,120}",
            "AWS4-HMAC-SHA256 Credential=[ -~]{0,60},SignedHeaders=[ -~]{0,20},Signature=[ -~]{0,70}",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, \
             SignedHeaders=[hHost;: -]{0,20}host[;;x-]{0,4}, Signature=([0-9a-f]{64}|[0-9a-fA-F]{0,70})",
        ],
        date in prop_oneof![Just("20261122T081037Z".to_owned()), "[ -~]{0,30}", "[0-9TZ]{15,17}"],
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        now in any::<i32>(),
    ) {
        let headers = [
            ("host".to_owned(), b"h".to_vec()),
            ("authorization".to_owned(), authorization.into_bytes()),
            ("x-amz-date".to_owned(), date.into_bytes()),
            ("x-amz-security-token".to_owned(), b"tokEXAMPLE".to_vec()),
        ];
        let request = Received::new(b"POST", b"/dev/@connections/x%3D?a=%zz&%=%&+", &headers, &bytes);
        let verifier = Verifier::new(credentials(), "us-east-1", "execute-api");
        for now in [i64::from(now), 1_795_335_037] {
            prop_assert!(request.as_ref().unwrap().verify(&verifier, now).is_err());
        }
    }

    #[test]
    fn no_query_makes_verification_panic(
        query in prop_oneof![
            "[!-~&&[^#]]{0,120}",
            "X-Amz-Algorithm=[A-Z0-9-]{0,16}&X-Amz-Credential=[!-~&&[^#]]{0,40}&X-Amz-Date=[0-9TZ]{15,17}\
             &X-Amz-Expires=[0-9-]{0,20}&X-Amz-SignedHeaders=[a-z%;]{0,9}&X-Amz-Signature=[0-9a-f]{0,64}",
        ],
        now in any::<i32>(),
    ) {
        let headers = [("host".to_owned(), b"h".to_vec())];
        let target = format!("/dev?{query}");
        if let Some(request) = Received::new(b"GET", target.as_bytes(), &headers, b"") {
            let verifier = Verifier::new(credentials(), "us-east-1", "execute-api");
            prop_assert!(request.verify(&verifier, now.into()).is_err());
        }
    }
}
