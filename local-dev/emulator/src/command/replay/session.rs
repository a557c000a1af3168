//! The clients of a recorded session, again.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use http::Uri;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout;

use super::super::print;
use super::eprint;
use crate::websocket;
use crate::websocket::BINARY;
use crate::websocket::CLOSE;
use crate::websocket::CONTINUATION;
use crate::websocket::FIN;
use crate::websocket::PING;
use crate::websocket::PONG;
use crate::websocket::Reader;
use crate::websocket::TEXT;
use crate::websocket::Writer;
use crate::websocket::masked;

/// How long what was recorded may take to come, since the last thing that came.
const SILENCE: Duration = Duration::from_secs(5);

/// What came from the server, on which of the recorded connections.
struct Came {
    connection: String,
    what: Option<What>,
}

enum What {
    Message(String),
    Ping(Vec<u8>),
    Closed(u16),
}

/// Connects, sends and closes as the recorded clients did; whether at least as many messages came
/// back as were recorded.
pub(super) async fn replay(records: &[Value], to: &Uri, fast: bool) -> anyhow::Result<bool> {
    let began = Instant::now();
    let first = records.iter().find(|record| is_of_client(record));
    let first = first.and_then(|record| record["at"].as_u64()).unwrap_or(0);
    let (sender, mut came) = mpsc::unbounded_channel();
    let mut clients: HashMap<&str, Writer> = HashMap::new();
    let mut queries: HashMap<&str, (String, Option<String>)> = HashMap::new();
    let (mut connected, mut sent) = (0, 0);
    // Messages that were recorded as sent to each connection, and that came on it now. All of the
    // recording count: one that left just before its client did may be told of after that.
    let recorded = sent_to_each(records);
    let mut received: HashMap<String, usize> = HashMap::new();
    for record in records {
        let id = record["connection"].as_str().unwrap_or_default();
        // What the handshake asked for is known from the events that it led to.
        if record["record"] == "invoked" && record["event"]["headers"].is_object() {
            queries
                .entry(id)
                .or_insert_with(|| asked_for(&record["event"]));
        }
        if !is_of_client(record) {
            continue;
        }
        if !fast {
            let at = record["at"].as_u64().unwrap_or(first).saturating_sub(first);
            let due = began + Duration::from_millis(at);
            while let Ok(Some(came)) = tokio::time::timeout_at(due, came.recv()).await {
                show(&mut clients, &mut received, came).await?;
            }
            tokio::time::sleep_until(due).await;
        }
        match record["record"].as_str() {
            Some("connected") => {
                let (query, subprotocol) = queries.remove(id).unwrap_or_default();
                let (reader, writer) = connect(to, &query, subprotocol).await?;
                connected += 1;
                clients.insert(id, writer);
                tokio::spawn(read(id.to_owned(), reader, sender.clone()));
            }
            Some("message") => {
                if let Some(client) = clients.get_mut(id) {
                    client
                        .text(record["body"].as_str().unwrap_or_default())
                        .await?;
                    sent += 1;
                }
            }
            _ => {
                // It left when it had got its answers.
                let wanted = recorded.get(id).copied().unwrap_or(0);
                while received.get(id).copied().unwrap_or(0) < wanted {
                    match timeout(SILENCE, came.recv()).await {
                        Ok(Some(came)) => show(&mut clients, &mut received, came).await?,
                        Ok(None) | Err(_) => break,
                    }
                }
                if let Some(mut client) = clients.remove(id) {
                    close(&mut client, record).await;
                }
            }
        }
    }
    let wanted: usize = recorded.values().sum();
    while received.values().sum::<usize>() < wanted {
        match timeout(SILENCE, came.recv()).await {
            Ok(Some(came)) => show(&mut clients, &mut received, came).await?,
            Ok(None) | Err(_) => break,
        }
    }
    let received: usize = received.values().sum();
    eprint(&format!(
        "{connected} connections, {sent} messages sent, {received} came back, {wanted} were recorded\n"
    ));
    Ok(received >= wanted)
}

/// How many messages were sent to each connection.
fn sent_to_each(records: &[Value]) -> HashMap<&str, usize> {
    let mut sent: HashMap<&str, usize> = HashMap::new();
    for record in records.iter().filter(|record| record["record"] == "sent") {
        let id = record["connection"].as_str().unwrap_or_default();
        *sent.entry(id).or_default() += 1;
    }
    sent
}

/// Whether a client did it.
fn is_of_client(record: &Value) -> bool {
    match record["record"].as_str() {
        Some("connected" | "message") => true,
        Some("closed") => record["by"] == "client" || record["by"] == "network",
        _ => false,
    }
}

/// The query string and the subprotocols of a handshake, from the event of `$connect`.
fn asked_for(event: &Value) -> (String, Option<String>) {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parameters = event["multiValueQueryStringParameters"].as_object();
    let pairs = parameters.into_iter().flatten().flat_map(|(name, values)| {
        let values = values.as_array().into_iter().flatten();
        values.map(move |value| {
            format!(
                "{}={}",
                encoded(name),
                encoded(value.as_str().unwrap_or_default())
            )
        })
    });
    let query: Vec<_> = pairs.collect();
    let headers = event["headers"].as_object().into_iter().flatten();
    let mut headers =
        headers.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    let subprotocol = headers.next().and_then(|(_, value)| value.as_str());
    (query.join("&"), subprotocol.map(str::to_owned))
}

async fn connect(
    to: &Uri,
    query: &str,
    subprotocol: Option<String>,
) -> anyhow::Result<(Reader, Writer)> {
    let url = match (query, to.query()) {
        ("", _) | (_, Some(_)) => to.clone(),
        (query, None) => format!("{to}?{query}")
            .parse()
            .context("the recorded query string")?,
    };
    let header = subprotocol.map(|subprotocol| format!("Sec-WebSocket-Protocol: {subprotocol}"));
    let headers: Vec<_> = header.into_iter().collect();
    match websocket::open(&url, &headers).await? {
        Ok(websocket) => Ok((websocket.reader, websocket.writer)),
        Err(answer) => anyhow::bail!(
            "{to} refuses the handshake with {}: {}",
            answer.status,
            answer.body.trim()
        ),
    }
}

async fn close(client: &mut Writer, record: &Value) {
    if record["by"] != "client" {
        // Dropping it ends the TCP connection, as it was recorded.
        return;
    }
    let code = record["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok());
    // A server that has closed already is no failure of the replay.
    let _ = match code {
        Some(1005) | None => client.bytes(&masked(FIN | CLOSE, b"")).await,
        Some(code) => {
            let reason = record["reason"].as_str().unwrap_or_default();
            client.close(code, reason).await
        }
    };
}

/// Passes on what comes until the end.
async fn read(connection: String, mut reader: Reader, came: mpsc::UnboundedSender<Came>) {
    let mut message = Vec::new();
    while let Ok(Some(frame)) = reader.frame().await {
        let what = match frame.opcode {
            TEXT | CONTINUATION | BINARY => {
                message.extend_from_slice(&frame.payload);
                if !frame.fin {
                    continue;
                }
                let text = String::from_utf8_lossy(&std::mem::take(&mut message)).into_owned();
                What::Message(text)
            }
            PING => What::Ping(frame.payload),
            CLOSE => What::Closed(frame.close_code()),
            _ => continue,
        };
        let connection = connection.clone();
        let what = Some(what);
        if came.send(Came { connection, what }).is_err() {
            return;
        }
    }
    let _ = came.send(Came {
        connection,
        what: None,
    });
}

/// Prints what came, and counts messages.
async fn show(
    clients: &mut HashMap<&str, Writer>,
    received: &mut HashMap<String, usize>,
    came: Came,
) -> anyhow::Result<()> {
    let Came { connection, what } = came;
    let shown = match what {
        Some(What::Message(text)) => {
            *received.entry(connection.clone()).or_default() += 1;
            json!({ "connection": connection, "received": text })
        }
        Some(What::Closed(code)) => json!({ "connection": connection, "closed": code }),
        Some(What::Ping(payload)) => {
            if let Some(client) = clients.get_mut(connection.as_str()) {
                client.bytes(&masked(FIN | PONG, &payload)).await?;
            }
            return Ok(());
        }
        None => return Ok(()),
    };
    print(&format!("{shown}\n"))
}
