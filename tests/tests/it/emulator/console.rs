//! The console and the API behind it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use http::Request;
use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;

#[tokio::test]
async fn the_console_shows_connections_functions_and_routes() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("one").await?;
    socket.text().await?;
    emulator.event("answered", |_| true).await?;
    let state = state(&emulator).await?;
    assert_eq!(state["connections_total"], 1);
    let connection = &state["connections"][0];
    let fact = emulator.event("connected", |_| true).await?;
    assert_eq!(connection["id"], fact["connection"]);
    assert_eq!(connection["ip"], "127.0.0.1");
    assert_eq!(
        (&connection["messages_in"], &connection["messages_out"]),
        (&1.into(), &1.into())
    );
    let routes: Vec<_> = state["routes"].as_array().into_iter().flatten().collect();
    let keys: Vec<_> = routes
        .iter()
        .filter_map(|route| route["key"].as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "$connect",
            "$disconnect",
            "$default",
            "panics",
            "silent",
            "every 1 min"
        ]
    );
    assert!(
        routes.iter().all(|route| route["state"] == "ready"),
        "{routes:?}"
    );
    let page = emulator.get("/_gatepost/").await?;
    assert!(String::from_utf8_lossy(page.body()).contains("gatepost console"));
    assert_eq!(emulator.get("/_gatepost").await?.status(), 308);
    Ok(())
}

#[tokio::test]
async fn the_console_sends_to_a_connection_and_closes_it() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    let id = connection(&emulator).await?;
    let sent = post(
        &emulator,
        &format!("{id}/send"),
        r#"{"text":"from the console ü"}"#,
    )
    .await?;
    assert_eq!(sent.0, 200);
    assert_eq!(socket.text().await?, "from the console ü");
    assert_eq!(post(&emulator, &format!("{id}/close"), "{}").await?.0, 200);
    assert!(matches!(socket.next().await?, Received::Close(..)));
    let gone = emulator.event("disconnected", |_| true).await?;
    assert_eq!(
        (&gone["code"], &gone["by"]),
        (&1000.into(), &"management".into())
    );
    let late = post(&emulator, &format!("{id}/send"), r#"{"text":"late"}"#).await?;
    assert_eq!(late, (410, "the connection is gone".to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    for (path, body, status) in [
        ("nonsense/send", r#"{"text":""}"#, 400),
        ("AAAAAAAAAAAAAAA=/send", "{}", 400),
        ("AAAAAAAAAAAAAAA=/send", r#"{"text":""}"#, 410),
        ("AAAAAAAAAAAAAAA=/explode", "{}", 404),
    ] {
        assert_eq!(
            post(&emulator, path, body).await?.0,
            status,
            "{path} {body}"
        );
    }
    assert_eq!(emulator.get("/_gatepost/nothing.js").await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn other_sites_can_neither_read_nor_post() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let _socket = Socket::open(emulator.websocket()).await?;
    let id = connection(&emulator).await?;
    // DNS rebinding: another site's name that leads here.
    for path in ["/_gatepost/", "/_gatepost/health", "/_gatepost/api/state"] {
        let request = Request::get(path).header("host", "attacker.example");
        assert_eq!(
            emulator.http(request.body(String::new())?).await?.status(),
            403,
            "{path}"
        );
    }
    let close = format!("/_gatepost/api/connections/{id}/close");
    for (origin, content_type, status) in [
        (Some("http://attacker.example"), "application/json", 403),
        (Some("null"), "application/json", 403),
        (None, "text/plain", 415),
        (None, "application/x-www-form-urlencoded", 415),
    ] {
        let mut request = Request::post(&close).header("content-type", content_type);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = emulator.api(request.body("{}".to_owned())?).await?;
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{origin:?} {content_type}"
        );
    }
    let own = format!("http://{}", emulator.authority());
    let request = Request::post(&close).header("content-type", "application/json");
    let answer = emulator
        .api(request.header("origin", own).body("{}".to_owned())?)
        .await?;
    assert_eq!(answer.status(), 200);
    Ok(())
}

#[tokio::test]
async fn the_api_is_for_who_has_the_token_of_this_start() -> anyhow::Result<()> {
    let (emulator, other) = tokio::try_join!(
        Launch::fixture("rust.yaml").start(),
        Launch::fixture("rust.yaml").start()
    )?;
    let token = |emulator: &Emulator| emulator.ready()["token"].as_str().map(str::to_owned);
    let (own, foreign) = (
        token(&emulator).context("token")?,
        token(&other).context("token")?,
    );
    assert_ne!(own, foreign);
    let post = "/_gatepost/api/connections/AAAAAAAAAAAAAAA=/close";
    for (token, get, posted) in [
        (Some(&own), 200, 410),
        (Some(&foreign), 401, 401),
        (None, 401, 401),
    ] {
        for (method, path, status) in [
            ("GET", "/_gatepost/api/state", get),
            ("GET", "/_gatepost/api/events", get),
            ("POST", post, posted),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            request = request.header("content-type", "application/json");
            if let Some(token) = token {
                request = request.header("x-gatepost-token", token);
            }
            let answer = emulator.http(request.body("{}".to_owned())?).await?;
            assert_eq!(answer.status(), status, "{method} {path} {token:?}");
        }
    }
    // Whoever only wants to know whether it runs needs none.
    assert_eq!(emulator.get("/_gatepost/health").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_browser_gets_the_token_with_the_page_in_a_cookie_that_other_sites_cannot_use()
-> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let page = emulator.get("/_gatepost/").await?;
    let cookie = page.headers()["set-cookie"].to_str()?;
    let (pair, attributes) = cookie.split_once("; ").context("attributes")?;
    assert_eq!(attributes, "Path=/_gatepost/; HttpOnly; SameSite=Strict");
    let asked = Request::get("/_gatepost/api/state").header("cookie", pair);
    let answer = emulator.http(asked.body(String::new())?).await?;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    // No page but this one, no script and no health shows it.
    let port = emulator.authority().rsplit(':').next().context("a port")?;
    assert!(
        pair.starts_with(&format!("gatepost-token-{port}=")),
        "{pair}"
    );
    for path in [
        "/_gatepost/health",
        "/_gatepost/api.js",
        "/",
        "/gatepost.json",
    ] {
        assert!(
            !emulator
                .get(path)
                .await?
                .headers()
                .contains_key("set-cookie"),
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn programs_find_the_token_in_the_data_folder() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let emulator = Launch::fixture("rust.yaml")
        .data_dir(folder.path())
        .start()
        .await?;
    let path = folder.path().join("emulator.json");
    let file: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    for key in ["console", "websocket", "management", "token", "pid"] {
        assert_eq!(file[key], emulator.ready()[key], "{key}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path)?.permissions());
    assert_eq!(mode & 0o777, 0o600);
    emulator.stop().await?;
    assert!(!path.exists());
    Ok(())
}

#[tokio::test]
async fn events_are_told_from_any_number_on() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let _socket = Socket::open(emulator.websocket()).await?;
    let connected = emulator.event("connected", |_| true).await?;
    let number = connected["number"].as_u64().context("a number")?;
    let path = format!("/_gatepost/api/events?after={}", number - 1);
    let asked = Request::get(path).body(String::new())?;
    let answer: Value = serde_json::from_slice(emulator.api(asked).await?.body())?;
    assert_eq!(answer["events"][0], connected);
    Ok(())
}

#[tokio::test]
async fn a_person_sends_and_closes_with_the_console() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("print <img src=x onerror=alert(1)>").await?;
    socket.text().await?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/emulator/console.mjs");
    let console = emulator.ready()["console"]
        .as_str()
        .context("the console's URL")?;
    let person = tokio::process::Command::new("node")
        .args([script, console])
        .output();
    let person = tokio::time::timeout(Duration::from_secs(60), person).await?;
    let person = person.context("node does not start: ./tests/run installs what is needed")?;
    assert!(
        person.status.success(),
        "{}",
        String::from_utf8_lossy(&person.stderr)
    );
    assert_eq!(socket.text().await?, "from the <b>console</b>");
    assert_eq!(
        socket.next().await?,
        Received::Close(1000, "Connection Closed Normally".into())
    );
    Ok(())
}

#[tokio::test]
async fn a_console_that_is_open_goes_on_with_the_next_start_of_the_emulator() -> anyhow::Result<()>
{
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let console = emulator.ready()["console"]
        .as_str()
        .context("the console's URL")?;
    let port = emulator
        .authority()
        .rsplit_once(':')
        .map(|(_, port)| port.to_owned());
    let mut person = tokio::process::Command::new("node")
        .args([
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/it/emulator/console_restart.mjs"
            ),
            console,
        ])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("node does not start: ./tests/run installs what is needed")?;
    let mut sees = BufReader::new(person.stdout.take().context("what it says")?).lines();
    assert_eq!(sees.next_line().await?.as_deref(), Some("ready"));
    emulator.stop().await?;
    assert_eq!(sees.next_line().await?.as_deref(), Some("not running"));
    let port = port.context("a port")?;
    let again = Launch::fixture("rust.yaml").arguments(&["--port", &port]);
    let _again = again.start().await?;
    assert_eq!(sees.next_line().await?.as_deref(), Some("ready"));
    assert!(person.wait().await?.success());
    Ok(())
}

async fn state(emulator: &Emulator) -> anyhow::Result<Value> {
    let asked = Request::get("/_gatepost/api/state").body(String::new())?;
    let response = emulator.api(asked).await?;
    Ok(serde_json::from_slice(response.body())?)
}

async fn connection(emulator: &Emulator) -> anyhow::Result<String> {
    let connected = emulator.event("connected", |_| true).await?;
    Ok(connected["connection"]
        .as_str()
        .context("an id")?
        .replace('=', "%3D"))
}

/// The status and the message of a refusal.
async fn post(emulator: &Emulator, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
    let request = Request::post(format!("/_gatepost/api/connections/{path}"))
        .header("content-type", "application/json");
    let response = emulator.api(request.body(body.to_owned())?).await?;
    let answer: Value = serde_json::from_slice(response.body())?;
    let message = answer["message"]
        .as_str()
        .map(String::from)
        .unwrap_or_default();
    Ok((response.status().as_u16(), message))
}
