//! `permessage-deflate` (RFC 7692), which AWS agrees to (log: python-websockets issue 1065).

use std::path::Path;

use gatepost_tests::emulator::python;
use tokio::process::Command;

use super::client::ACCEPT;
use super::script::echo;
use super::served::PATIENCE;
use super::served::Served;
use super::served::api;

/// What is answered to an offer, if anything.
async fn agreed(served: &Served, offer: &str) -> Option<String> {
    let offer = format!("Sec-WebSocket-Extensions: {offer}");
    let answer = served.dial().await.upgrade("/local", &[&offer]).await;
    assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
    answer.header("sec-websocket-extensions").map(str::to_owned)
}

/// What the client says that printed it, line by line.
async fn said(served: &Served, arguments: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("callers/deflate.py");
    let output = Command::new(python())
        .arg(script)
        .arg(format!("ws://{}/local", served.address))
        .args(arguments)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output)
        .await
        .unwrap()
        .unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failed}");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_offer_is_agreed_to_as_aws_agrees() {
    let served = api().serve().await;
    for (offer, answer) in [
        (
            "permessage-deflate; client_max_window_bits",
            Some("permessage-deflate"),
        ),
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            Some("permessage-deflate;server_max_window_bits=12"),
        ),
        ("permessage-deflate; server_no_context_takeover", None),
        ("permessage-bzip2", None),
    ] {
        assert_eq!(agreed(&served, offer).await.as_deref(), answer, "{offer}");
    }
}

#[tokio::test]
async fn compressed_messages_pass_both_ways() {
    let served = api().two_way("$default", echo()).serve().await;
    let mut lines = said(&served, &[]).await;
    let agreed = lines.remove(0);
    assert!(agreed.contains("PerMessageDeflate"), "{agreed}");
    assert_eq!(lines, ["same"; 8]);
}

/// A client whose window is smaller than the one that AWS compresses with cannot read (python-websockets
/// pull request 1067).
#[tokio::test]
async fn a_smaller_window_is_agreed_to_and_not_kept() {
    let served = api().two_way("$default", echo()).serve().await;
    let lines = said(&served, &["9"]).await;
    assert!(
        lines[0].contains("remote_max_window_bits=9"),
        "{}",
        lines[0]
    );
    let last = lines.last().unwrap();
    assert!(last.starts_with("closed"), "{lines:?}");
}

#[tokio::test]
async fn it_can_be_declined() {
    let served = api()
        .two_way("$default", echo())
        .guess("deflate", "decline");
    let served = served.serve().await;
    assert_eq!(agreed(&served, "permessage-deflate").await, None);
    let mut lines = said(&served, &[]).await;
    assert_eq!(lines.remove(0), "[]");
    assert_eq!(lines.pop().unwrap(), "closed 1009");
    assert_eq!(lines, ["same"; 6]);
}
