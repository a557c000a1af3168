//! Connections come and go.

use std::future::ready;

use futures_util::StreamExt;
use futures_util::stream;
use gatepost_protocol::Code;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Farewell;
use gatepost_protocol::Sender;
use gatepost_store::Removed;
use tokio::time::Instant;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Departure;
use crate::Place;
use crate::Refusal;
use crate::Task;
use crate::unless_away;

/// Departures in one asynchronous invocation: half of its 1 MB if each was in 100 rooms.
const DEPARTURES: usize = 50;

/// Connections removed, and invocations made, at a time.
const AT_ONCE: usize = 16;

impl Chat {
    /// `$connect`: records the connection, which is no post target yet. Posts nothing, because a
    /// post to a connection that is not open yet answers 410. The registry may be away.
    ///
    /// # Errors
    /// If the token has run out, or the registry cannot serve this version.
    pub async fn connected(&self, caller: &Caller) -> Result<(), Refusal> {
        let now = self.now();
        if caller.is_expired(now) {
            return Err(crate::act::token_expired());
        }
        let connection = caller.as_v1(self.parts.settings.ping_seconds, now);
        let recorded = self.parts.registry.connect(&connection, now).await;
        unless_away(recorded, &mut false)?;
        Ok(())
    }

    /// `$disconnect`: removes the connection, closes its session, and has the rooms told in an
    /// invocation of its own. What fails is logged: leases end what is left behind.
    pub async fn disconnected(&self, connection: &ConnectionId) {
        let now = self.now();
        match self.parts.registry.remove(connection, now).await {
            Ok(Some(removed)) => self.announce_departures(vec![departure(removed)]).await,
            Ok(None) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "a closed connection stays registered until its lease ends"
                );
            }
        }
        self.close_session(connection).await;
    }

    async fn close_session(&self, connection: &ConnectionId) {
        if let Err(error) = self
            .parts
            .history
            .close_session(connection, self.now())
            .await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a session is not recorded as closed");
        }
    }

    /// Removes connections that turned out closed, and has the rooms told. Starts with none after
    /// `end`: whoever posts next finds out the others again.
    pub(crate) async fn bury(&self, gone: Vec<ConnectionId>, end: Instant) {
        let count = gone.len();
        let mut removals = stream::iter(gone)
            .take_while(|_| ready(Instant::now() < end))
            .map(|connection| self.bury_one(connection))
            .buffer_unordered(AT_ONCE);
        let (mut begun, mut departures) = (0, Vec::new());
        while let Some(departure) = removals.next().await {
            begun += 1;
            departures.extend(departure);
        }
        if begun < count {
            let connections = count - begun;
            tracing::warn!(connections, "no time left to remove closed connections");
        }
        self.announce_departures(departures).await;
    }

    async fn bury_one(&self, connection: ConnectionId) -> Option<Departure> {
        match self.parts.registry.remove(&connection, self.now()).await {
            Ok(removed) => {
                // Also of one that was removed before: its session may have been written since.
                self.close_session(&connection).await;
                removed.map(departure)
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a closed connection stays registered for now");
                None
            }
        }
    }

    async fn announce_departures(&self, mut departures: Vec<Departure>) {
        departures.retain(|departure| !departure.rooms.is_empty());
        let mut tasks = Vec::new();
        while !departures.is_empty() {
            let rest = departures.split_off(departures.len().min(DEPARTURES));
            let gone = std::mem::replace(&mut departures, rest);
            tasks.push(Task::Left { gone });
        }
        let told = |task: Task| async move {
            if let Err(error) = self.parts.fanout.invoke_async(task.to_payload()).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "rooms are not told that users left");
            }
        };
        stream::iter(tasks).for_each_concurrent(AT_ONCE, told).await;
    }
}

/// What becomes of an action on a connection that the registry has removed: it is to come back as a
/// new one.
pub(crate) fn given_up(caller: &Caller, bye: Option<Farewell>) -> Acted {
    let mut acted = Acted::refused(Refusal::new(
        Code::Unregistered,
        "this connection was given up; connect again",
    ));
    acted.after.push(After::Close {
        connections: vec![caller.connection.clone()],
        bye,
    });
    acted
}

fn departure(removed: Removed) -> Departure {
    let last = removed.rooms.into_iter().filter(|room| room.last_device);
    Departure {
        user: Sender {
            id: removed.subscriber.user,
            name: removed.subscriber.name,
        },
        rooms: last
            .map(|left| Place {
                room: left.room,
                shards: left.shards,
            })
            .collect(),
    }
}
