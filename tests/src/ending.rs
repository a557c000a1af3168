//! How a run ends: everybody gets the time that the promise gives, then the history says what the
//! stores hold, and the judge has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use gatepost_store::History;
use gatepost_store::Range;
use gatepost_store::Registry;
use gatepost_store::Room;
use gatepost_store::Shard;
use gatepost_store::Subscribers;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::checker;
use crate::checker::Event;
use crate::checker::Recorder;
use crate::checker::Report;
use crate::client::Client;
use crate::stack::now;

/// Entries read at a time.
const PAGE: u32 = 500;

/// What a run is compared with in the end.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The log.
    pub history: Arc<dyn History>,
    /// The registry.
    pub registry: Arc<dyn Registry>,
}

/// Waits until every client has everything and the registry holds exactly them, at most for
/// `patience`; then ends the clients and judges. Answers the verdict and how long it waited.
///
/// # Errors
/// If the stores cannot be read or a client does not end.
pub async fn end(
    recorder: &Recorder,
    clients: Vec<Client>,
    rooms: &[String],
    stores: &Stores,
    patience: Duration,
) -> anyhow::Result<(Report, Duration)> {
    let began = Instant::now();
    // A store that was killed may not answer at once.
    while !stores.are_settled(&clients, rooms).await.unwrap_or(false) && began.elapsed() < patience
    {
        sleep(Duration::from_millis(20)).await;
    }
    let settled = began.elapsed();
    recorder.note(Event::Settled);
    for room in rooms {
        let users = stores.registered(room).await?;
        let room = room.clone();
        recorder.note(Event::Registry { room, users });
    }
    for room in rooms {
        stores.note_log(recorder, room).await?;
    }
    for client in clients {
        client.stop().await?;
    }
    Ok((checker::check(&recorder.records()), settled))
}

impl Stores {
    async fn are_settled(&self, clients: &[Client], rooms: &[String]) -> anyhow::Result<bool> {
        let mut heads = BTreeMap::new();
        for room in rooms {
            heads.insert(room.as_str(), self.room(room).await?.head);
        }
        let mut present: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for client in clients {
            let seen = client.seen();
            for (room, last) in &seen.rooms {
                let Some((room, head)) = heads.get_key_value(room.as_str()) else {
                    continue;
                };
                if last != head {
                    return Ok(false);
                }
                present.entry(room).or_default().push(&client.user);
            }
            if !seen.online || seen.unanswered > 0 {
                return Ok(false);
            }
        }
        for room in rooms {
            let mut users = present.remove(room.as_str()).unwrap_or_default();
            users.sort_unstable();
            if self.registered(room).await? != users {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A room.
    ///
    /// # Errors
    /// If there is none of that name, or the log cannot be read.
    pub async fn room(&self, name: &str) -> anyhow::Result<Room> {
        let (room, nobody): (RoomName, UserId) = (name.parse()?, "nobody".parse()?);
        let found = self.history.rooms(&[room], &nobody).await?;
        found
            .into_iter()
            .next()
            .with_context(|| format!("there is no room {name}"))
    }

    /// The users that the registry holds in a room of one shard, sorted, one for each connection.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub async fn registered(&self, room: &str) -> anyhow::Result<Vec<String>> {
        let shard = Shard {
            room: room.parse()?,
            index: 0,
        };
        let listed = self.registry.subscribers(&shard, None, now()).await?;
        let Subscribers::Listed { list, .. } = listed else {
            anyhow::bail!("a list was not answered");
        };
        let users = list.into_iter().map(|subscriber| subscriber.user);
        let mut users: Vec<String> = users.map(|user| user.to_string()).collect();
        users.sort_unstable();
        Ok(users)
    }

    async fn note_log(&self, recorder: &Recorder, name: &str) -> anyhow::Result<()> {
        let room = self.room(name).await?;
        recorder.note(Event::Log {
            room: name.to_owned(),
            epoch: room.epoch,
            head: room.head,
            floor: room.floor,
        });
        let mut after = 0;
        loop {
            let range = Range::After(after);
            let page = self.history.entries(&room.name, range, PAGE).await?;
            // A log that is wrong may not go on.
            let Some(last) = page.last().filter(|last| last.seq > after) else {
                return Ok(());
            };
            after = last.seq;
            for entry in page {
                recorder.note(Event::Row {
                    room: name.to_owned(),
                    seq: entry.seq,
                    from: entry.from.id.to_string(),
                    client: entry.client.map(|client| client.to_string()),
                    n: entry.n,
                    digest: checker::digest(&entry.content),
                });
            }
        }
    }
}
