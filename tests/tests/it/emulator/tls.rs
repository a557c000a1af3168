//! `--tls`: https and wss beside http and ws on the one port.

use std::path::Path;

use anyhow::Context;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Socket;
use tokio::process::Command;

/// Opens a WebSocket through TLS, sends a message and prints what comes back; then gets the health.
const CLIENT: &str = r#"
const https = require("node:https");
const [host, port] = process.argv.slice(1);
const get = (path) => new Promise((done, fail) =>
  https.get({ host, port, path }, (answer) => done(answer.statusCode)).on("error", fail));
const echo = (text) => new Promise((done, fail) => {
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const request = https.request({ host, port, path: "/local", headers });
  request.on("error", fail).on("response", (answer) => fail(new Error(`status ${answer.statusCode}`)));
  request.on("upgrade", (_, socket) => {
    // A masked text frame, whose mask is nothing.
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
    socket.once("data", (frame) => { socket.destroy(); done(frame.subarray(2).toString()); });
  });
  request.end();
});
// A connection that is kept alive would keep the process alive, too.
(async () => console.log(await echo("through TLS"), await get("/_gatepost/health")))()
  .then(() => process.exit(0))
  .catch((error) => { console.error(error.message); process.exit(1); });
"#;

/// Opens a WebSocket at this address by another name; the status, or what is wrong with the TLS.
const UPGRADE: &str = r#"
const [host, port, servername, path] = process.argv.slice(1);
const headers = { host: servername, connection: "Upgrade", upgrade: "websocket",
  "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
const request = require("node:https").request({ host, port, servername, path, headers });
const say = (what) => { console.log(what); process.exit(0); };
request.on("response", (answer) => say(answer.statusCode)).on("upgrade", () => say(101));
request.on("error", (error) => say(error.code)).end();
"#;

async fn node(authority: &Path, host: &str, port: &str) -> anyhow::Result<String> {
    let output = Command::new("node")
        .args(["-e", CLIENT, host, port])
        .env("NODE_EXTRA_CA_CERTS", authority)
        .output()
        .await
        .context("node does not start: install Node.js 20 or newer")?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

#[tokio::test]
async fn https_and_wss_are_served_beside_http_and_ws() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml")
        .arguments(&["--tls"])
        .start()
        .await?;
    let authority = emulator.authority();
    assert_eq!(emulator.websocket(), format!("wss://{authority}/local"));
    assert_eq!(emulator.ready()["page"], format!("https://{authority}/"));
    let (_, port) = authority.rsplit_once(':').context("a port")?;
    let trusted = emulator.data_dir().join("tls/ca.pem");
    for host in ["127.0.0.1", "localhost"] {
        let said = node(&trusted, host, port).await?;
        assert_eq!(said, "through TLS 200", "{host}");
    }
    let said = node(Path::new("/nowhere"), "localhost", port).await?;
    assert!(
        said.contains("unable to verify the first certificate"),
        "{said}"
    );

    let mut socket = Socket::open(&format!("ws://{authority}/local")).await?;
    socket.send("as before").await?;
    assert_eq!(socket.text().await?, "as before");
    Ok(())
}

/// Developer Guide, "Set up custom domain names for WebSocket APIs": they are served with TLS only.
#[tokio::test]
async fn a_custom_domain_is_served_with_tls_under_its_own_name() -> anyhow::Result<()> {
    let emulator = Launch::fixture("domain.yaml")
        .arguments(&["--tls"])
        .start()
        .await?;
    let (address, port) = emulator.authority().rsplit_once(':').context("a port")?;
    let url = format!("wss://chat.example.com.localhost:{port}/v1");
    assert_eq!(emulator.websocket(), url);
    let trusted = emulator.data_dir().join("tls/ca.pem");
    for (name, path, said) in [
        ("chat.example.com", "/v1", "101"),
        ("chat.example.com.localhost", "/v1", "101"),
        ("chat.example.com", "/v2", "403"),
        ("other.example.com", "/v1", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ] {
        let output = Command::new("node")
            .args(["-e", UPGRADE, address, port, name, path])
            .env("NODE_EXTRA_CA_CERTS", &trusted)
            .output()
            .await
            .context("node does not start: install Node.js 20 or newer")?;
        let output = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.trim(), said, "{name}{path}");
    }
    Ok(())
}

#[tokio::test]
async fn code_that_posts_to_https_of_the_events_domain_works() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let fixtures = gatepost_tests::emulator::fixture("several");
    let code = std::fs::read_to_string(fixtures.join("app.py"))?;
    let code = code.replace("http://{here", "https://{here");
    std::fs::create_dir(folder.path().join("several"))?;
    std::fs::write(folder.path().join("several/app.py"), code)?;
    let template = folder.path().join("several.yaml");
    std::fs::copy(fixtures.with_extension("yaml"), &template)?;
    let emulator = Launch::template(&template)
        .arguments(&["--tls"])
        .start()
        .await?;
    let url = format!("ws://{}/local", emulator.authority());
    let mut socket = Socket::open(&url).await?;
    socket.send("?").await?;
    let told = socket.text().await?;
    assert!(told.contains("\"stage\": \"local\""), "{told}");
    Ok(())
}
