//! A custom domain in the whole emulator.

use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Refused;
use gatepost_tests::socket::Socket;
use serde_json::Value;

/// Developer Guide, "Set up custom domain names for WebSocket APIs" and "Disable the default
/// endpoint". The function posts with boto3 to the address that its template makes.
#[tokio::test]
async fn an_api_at_its_custom_domain_only_works_from_end_to_end() -> anyhow::Result<()> {
    let emulator = Launch::fixture("domain.yaml").start().await?;
    let address = emulator.authority();
    let port = address.rsplit(':').next().unwrap_or_default();
    let url = format!("ws://chat.example.com.localhost:{port}/v1");
    assert_eq!(emulator.websocket(), url);
    let page: Value = serde_json::from_slice(emulator.get("/gatepost.json").await?.body())?;
    assert_eq!(page["endpoint"], url);

    // Open until the end: the function looks at its connection after it has posted.
    let mut sockets = Vec::new();
    for url in [&url, &format!("ws://chat.example.com:{port}/v1")] {
        let socket = Socket::handshake_at(address, url, &[]).await?;
        let Ok(mut socket) = socket else {
            anyhow::bail!("{url} is refused");
        };
        socket.send("hello").await?;
        assert_eq!(socket.text().await?, "posted: hello");
        sockets.push(socket);
    }
    let callback = format!("callback http://{address}/local");
    emulator
        .event("log", |fact| fact["line"] == callback)
        .await?;

    let default = format!("ws://{address}/local");
    let refused = Socket::handshake(&default, &[]).await?.err();
    let forbidden = Refused {
        status: 403,
        body: r#"{"message":"Forbidden"}"#.to_owned(),
    };
    assert_eq!(refused, Some(forbidden));
    // The console is no business of the domain.
    let request = http::Request::get("/_gatepost/").header("host", "chat.example.com");
    let answer = emulator.http(request.body(String::new())?).await?;
    assert_eq!(answer.status(), 403);
    Ok(())
}
