//! All connections end at once, and everybody comes back through a gateway that takes 500 new
//! connections a second.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;
use sqlx::Connection;
use sqlx::MySqlConnection;
use sqlx::Row;
use tokio::time::Instant;
use tokio::time::timeout;

use super::Amount;
use super::run::Run;
use crate::checker::Recorder;
use crate::checker::Spread;
use crate::client::Manner;
use crate::emulator::Launch;
use crate::stack::Stack;

/// Clients that are in one room.
const ROOM: usize = 100;

/// After so long a herd that is not back is told as it is.
const LONGEST: Duration = Duration::from_secs(120);

/// Drops all connections `times` times; answers how long it took until all were back, and what that
/// asked of MySQL.
///
/// # Errors
/// If the clients do not come in, or not back within two minutes.
pub async fn herd(amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let launch = Launch::chat()
        .arguments(&[
            "--quota",
            "requests-per-second=off",
            "--quota",
            "stage-throttling=off",
        ])
        .without_facts();
    let stack =
        Stack::on_servers(launch, &[("RATE_PER_USER", "0"), ("RATE_PER_ROOM", "0")]).await?;
    let mut mysql = MySqlConnection::connect(&stack.database_url).await?;
    let mut run = Run::new(stack)?;
    run.recorder = recorder.clone();
    let rooms: Vec<String> = (0..amount.clients.div_ceil(ROOM))
        .map(|room| format!("room-{room}"))
        .collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    run.populate(&rooms, amount.clients, Manner::V1).await?;
    // Something to resume from.
    let first = run.clients.first().context("a client")?;
    first.send(rooms[0], "before").await?;
    let (mut back, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..amount.times {
        let greeted: Vec<u64> = run
            .clients
            .iter()
            .map(|client| client.seen().greeted)
            .collect();
        let before = commands(&mut mysql).await?;
        run.fault("every connection is lost");
        let began = Instant::now();
        let rule = json!({ "effect": "kill", "match": {} });
        let fault = run.stack.emulator.fault(rule).await?;
        drop(fault);
        for (client, greeted) in run.clients.iter().zip(greeted) {
            let left = LONGEST.saturating_sub(began.elapsed());
            let again = client.until(|seen| seen.online && seen.greeted > greeted);
            timeout(left, again).await.context("not back in time")??;
        }
        back.push(u64::try_from(began.elapsed().as_micros())?);
        run.healed("every connection is lost");
        let clients = f64::from(u32::try_from(amount.clients)?);
        let after = commands(&mut mysql).await?;
        let each = |which: usize, own: u64| {
            let asked = f64::from(u32::try_from(after[which] - before[which] - own)?);
            anyhow::Ok((asked / clients * 100.0).round() / 100.0)
        };
        calls.push(json!({
            // The bench's own question is one of them.
            "all": each(0, 1)?,
            // Procedures: a client that comes back.
            "hello": each(1, 0)?,
            // Updates outside of procedures: a session's end.
            "disconnect": each(2, 0)?,
        }));
    }
    let report = run.finish().await?.report;
    Ok(json!({
        "fault": "herd",
        "times": amount.times,
        "clients": amount.clients,
        "connects_per_second": 500,
        "all_back": Spread::of(back),
        "mysql_calls_a_client": calls,
        "kept": report.kept,
        "report": report,
    }))
}

/// Statements that clients had the server execute so far: all, calls of procedures, and updates.
async fn commands(mysql: &mut MySqlConnection) -> anyhow::Result<[u64; 3]> {
    let mut counts = [0; 3];
    let names = ["Com_stmt_execute", "Com_call_procedure", "Com_update"];
    let rows = sqlx::query("show global status where variable_name like 'Com_%'")
        .fetch_all(mysql)
        .await?;
    for row in rows {
        let name: String = row.try_get(0)?;
        if let Some(at) = names
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known))
        {
            counts[at] = row.try_get::<String, _>(1)?.parse()?;
        }
    }
    Ok(counts)
}
