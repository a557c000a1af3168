//! A client comes back while its old connection's `$disconnect` is still under way.

use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::UserId;
use gatepost_store::Registry;
use gatepost_store::Shard;
use gatepost_store::Subscribers;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::sleep;

use super::Amount;
use super::run::Run;
use crate::checker::Recorder;
use crate::client::Client;
use crate::client::Manner;
use crate::stack::now;

/// How long an old connection may stay registered after its successor was greeted.
const GHOST: Duration = Duration::from_secs(10);

/// Each client loses its connection and comes back at once, `times` times over all clients.
///
/// After each the registry must hold the new connection and nothing else, and now and then a
/// message must come by push.
///
/// # Errors
/// If a client does not come back.
pub async fn reconnect(amount: Amount, recorder: &Recorder) -> anyhow::Result<Value> {
    let mut run = Run::on_servers(&[]).await?;
    run.recorder = recorder.clone();
    let manner = Manner {
        back_off: (Duration::from_millis(1), Duration::from_millis(3)),
        ..Manner::BRISK
    };
    run.populate(&["room"], amount.clients, manner).await?;
    let registry = run.stack.registry()?;
    let each = amount.times.div_ceil(amount.clients);
    let began = Instant::now();
    let races = run.clients.iter().map(async |client| {
        let mut wrong = 0_usize;
        for race in 0..each {
            wrong += usize::from(!is_right_after(&*registry, client).await?);
            if race % 16 == 0 {
                client
                    .send("room", &format!("{race} of {}", client.name))
                    .await?;
            }
        }
        anyhow::Ok(wrong)
    });
    let wrong: usize = try_join_all(races).await?.into_iter().sum();
    let seconds = began.elapsed().as_secs();
    let report = run.finish().await?.report;
    Ok(json!({
        "fault": "reconnect race",
        "times": each * amount.clients,
        "clients": amount.clients,
        "wrong": wrong,
        "seconds": seconds,
        "kept": report.kept && wrong == 0,
        "report": report,
    }))
}

/// One race; whether the registry is right once the old connection is gone from it.
async fn is_right_after(registry: &dyn Registry, client: &Client) -> anyhow::Result<bool> {
    let user: UserId = client.name.parse()?;
    let old = connections_of(registry, &user).await?;
    let greeted = client.seen().greeted;
    client.cut();
    client
        .until(|seen| seen.online && seen.greeted > greeted)
        .await?;
    let until = Instant::now() + GHOST;
    let new = loop {
        let now = connections_of(registry, &user).await?;
        if !now.iter().any(|id| old.contains(id)) || Instant::now() > until {
            break now;
        }
        sleep(Duration::from_millis(1)).await;
    };
    let shard = Shard {
        room: "room".parse()?,
        index: 0,
    };
    let Subscribers::Listed { list, .. } = registry.subscribers(&shard, None, now()).await? else {
        anyhow::bail!("a list was not answered");
    };
    let subscribed = list.into_iter().filter(|listed| listed.user == user);
    let subscribed: Vec<ConnectionId> = subscribed.map(|listed| listed.connection).collect();
    Ok(new.len() == 1 && subscribed == new)
}

async fn connections_of(
    registry: &dyn Registry,
    user: &UserId,
) -> anyhow::Result<Vec<ConnectionId>> {
    let known = registry
        .connections_of(user, now())
        .await
        .context("the registry")?;
    Ok(known
        .into_iter()
        .map(|connection| connection.subscriber.connection)
        .collect())
}
