//! `gatepost conform`: the emulator is as expected, and an endpoint that is not is found out.

use gatepost_tests::emulator::Launch;
use gatepost_tests::emulator::begin;
use gatepost_tests::emulator::run;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

#[tokio::test]
async fn the_emulator_is_as_expected_with_signatures_and_without() -> anyhow::Result<()> {
    let template =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-dev/conform/template.yaml");
    let emulator = Launch::template(&template)
        .arguments(&["--stage", "conform"])
        .start()
        .await?;
    let management = emulator.ready()["management"].as_str().unwrap_or_default();
    let conform = [
        "conform",
        "--url",
        emulator.websocket(),
        "--management",
        management,
        "--json",
    ];
    let credentials = &emulator.ready()["credentials"];
    let text = |name: &str| credentials[name].as_str().unwrap_or_default();
    let signs = [
        ("AWS_ACCESS_KEY_ID", text("access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", text("secret_access_key")),
        ("AWS_SESSION_TOKEN", text("session_token")),
        ("AWS_REGION", text("region")),
    ];
    for environment in [&[][..], &signs] {
        let ended = begin(&conform, environment)?.ended().await?;
        let results: Vec<Value> = serde_json::from_str(&ended.stdout)?;
        let wrong: Vec<_> = results
            .iter()
            .filter(|result| result["pass"] != true)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(results.len() > 60, "{}", results.len());
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_differs_is_reported() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(toy(stream));
        }
    });
    let url = format!("ws://{authority}/toy");
    let management = format!("http://{authority}/toy/@connections");
    let conform = [
        "conform",
        "--url",
        &url,
        "--management",
        &management,
        "--timeout",
        "200ms",
        "--json",
    ];
    let ended = run(&[&conform[..], &["--only", "frame: "]].concat()).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let results: Vec<Value> = serde_json::from_str(&ended.stdout)?;
    let seen = |name: &str| {
        let result = results.iter().find(|result| result["behaviour"] == name);
        result.map(|result| (result["pass"] == true, result["seen"].clone()))
    };
    assert_eq!(seen("frame: 32 KB exactly"), Some((true, "echoed".into())));
    assert_eq!(
        seen("frame: binary"),
        Some((false, "nothing in time".into()))
    );
    let ended = run(&[&conform[..5], &["--only", "no identity source"]].concat()).await?;
    assert!(
        ended.stdout.contains("FAIL  handshake: no identity source"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("0 of 1 as expected"),
        "{}",
        ended.stdout
    );
    Ok(())
}

/// As serverless-offline does at a text that is not UTF-8.
#[tokio::test]
async fn an_endpoint_that_a_check_ends_is_told_and_what_follows_is_not_run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = listener.local_addr()?;
    tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    served.spawn(toy(stream));
                }
                // All of it ends: nobody listens there any more.
                Some(Ok(Err(_))) = served.join_next() => return,
            }
        }
    });
    let url = format!("ws://{authority}/toy");
    let management = format!("http://{authority}/toy/@connections");
    let conform = ["conform", "--url", &url, "--management", &management];
    let only = ["--only", "frame: ", "--timeout", "300ms", "--json"];
    let ended = run(&[&conform[..], &only].concat()).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let results: Vec<Value> = serde_json::from_str(&ended.stdout)?;
    let at = results
        .iter()
        .position(|result| result["behaviour"] == "frame: a reserved opcode")
        .unwrap_or_default();
    let seen = |at: usize| results[at]["seen"].as_str().unwrap_or_default();
    assert!(
        seen(at).ends_with("and then the endpoint answered nobody"),
        "{:?}",
        results[at]
    );
    for result in &results[at + 1..] {
        assert_eq!(result["seen"], "not run: nobody answers", "{result}");
        assert_eq!(
            (&result["ran"], &result["pass"]),
            (&false.into(), &false.into())
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_without_the_functions_of_the_checks_is_told_apart() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let management = emulator.ready()["management"].as_str().unwrap_or_default();
    let conform = [
        "conform",
        "--url",
        emulator.websocket(),
        "--management",
        management,
    ];
    let ended = run(&conform).await?;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("deploy that first"),
        "{}",
        ended.stderr
    );
    Ok(())
}

/// A server that upgrades whoever comes and echoes every frame; it knows the route `event`, and fails
/// at a reserved opcode.
async fn toy(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
    let upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(upgraded.as_bytes()).await?;
    read.clear();
    loop {
        if read.first() == Some(&0x83) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let Some((payload, length)) = text(&read) else {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        };
        read.drain(..length);
        let answer = match payload.as_slice() {
            br#"{"action":"event"}"# => br#"{"requestContext":{"connectionId":"toy"}}"#.to_vec(),
            other => other.to_vec(),
        };
        let size = u16::try_from(answer.len()).unwrap_or(0).to_be_bytes();
        stream
            .write_all(&[&[0x81, 126], &size[..], &answer].concat())
            .await?;
    }
}

/// The payload of a masked text frame and the frame's length; other frames are never whole to it.
fn text(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    if *bytes.first()? != 0x81 {
        return None;
    }
    let (size, start) = match bytes.get(1)? & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            4,
        ),
        short => (usize::from(short), 2),
    };
    let mask = bytes.get(start..start + 4)?;
    let masked = bytes.get(start + 4..start + 4 + size)?;
    let payload = masked.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]);
    Some((payload.collect(), start + 4 + size))
}
