//! Requests that the signers of other SDKs signed: botocore (Python: boto3 and the AWS CLI) and
//! that of the SDK for JavaScript v3.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatepost_sigv4::Verifier;
use serde_json::Value;

use crate::received::credentials;
use crate::signed::Signed;

/// Runs a script of `tests/callers`, and reads the requests that it printed.
fn signed_by(program: &Path, script: &str, count: usize) -> Vec<Signed> {
    let callers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/callers");
    let output = Command::new(program)
        .arg(callers.join(script))
        .arg(count.to_string())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: run ./tests/run once", program.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "run ./tests/run once: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(read).collect()
}

fn read(line: &str) -> Signed {
    let request: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = request["headers"].as_array().unwrap().iter();
    Signed {
        method: text(&request["method"]).into_bytes(),
        target: text(&request["target"]).into_bytes(),
        headers: headers
            .map(|pair| (text(&pair[0]), text(&pair[1]).into_bytes()))
            .collect(),
        payload: STANDARD.decode(text(&request["body"])).unwrap(),
    }
}

/// The interpreter that has the packages of `tests/requirements.txt`.
fn python() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command tells it through this"
    )]
    let python = std::env::var_os("GATEPOST_TEST_PYTHON");
    python.map_or_else(
        || {
            let program = std::env::current_exe().unwrap();
            let target = program.ancestors().nth(3).unwrap();
            target.join("venv/bin/python")
        },
        PathBuf::from,
    )
}

#[track_caller]
fn all_are_accepted_and_none_with_a_bit_changed(requests: &[Signed], count: usize) {
    assert_eq!(requests.len(), count);
    let verifier = Verifier::new(credentials(), "us-east-1", "execute-api");
    // They were signed just now.
    #[expect(clippy::disallowed_methods, reason = "SDKs sign with the time of day")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs().cast_signed();
    for (at, signed) in requests.iter().enumerate() {
        assert!(signed.is_accepted(&verifier, now), "{signed:?}");
        // Any numbers do that are not the same each time.
        let (part, byte, bit) = (at, at.wrapping_mul(2_654_435_761), (at % 8) as u8);
        let changed = signed.flip(|parts| part % parts, |bytes| byte % bytes, bit);
        assert!(!changed.is_accepted(&verifier, now), "{changed:?}");
    }
}

#[test]
fn of_a_thousand_requests_of_botocore_all_are_accepted_and_none_with_a_bit_changed() {
    let requests = signed_by(&python(), "sign.py", 1000);
    all_are_accepted_and_none_with_a_bit_changed(&requests, 1000);
}

#[test]
fn of_a_thousand_requests_of_the_sdk_for_javascript_all_are_accepted_and_none_with_a_bit_changed() {
    let requests = signed_by(Path::new("node"), "sign.mjs", 1000);
    all_are_accepted_and_none_with_a_bit_changed(&requests, 1000);
}
