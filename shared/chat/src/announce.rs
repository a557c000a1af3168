//! `joined` and `left`, in rooms small enough that people know each other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Event;
use gatepost_protocol::Sender;
use gatepost_protocol::limits::INTIMATE_SUBSCRIPTIONS;
use gatepost_store::Dialect;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::Subscribed;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::Chat;
use crate::Place;
use crate::roster::Roster;

/// How long one post may take.
const POST: Duration = Duration::from_secs(1);

/// Whether the members of a room of this size are told of each other.
pub(crate) fn is_intimate(subscribed: &Subscribed) -> bool {
    subscribed.subscribers <= INTIMATE_SUBSCRIPTIONS
}

impl Chat {
    pub(crate) async fn announce_joined(
        &self,
        place: &Place,
        user: Sender,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(rosters) = self.intimate_rosters(place).await? else {
            return Ok(());
        };
        let others = |id: &Sender, roster: &Roster| others(roster, id);
        let to = rosters
            .iter()
            .flat_map(|roster| others(&user, roster))
            .collect();
        let event = Event::Joined {
            room: place.room.clone(),
            user,
        };
        self.tell(to, &event, deadline).await;
        Ok(())
    }

    /// Says nothing if the user is back by now.
    pub(crate) async fn announce_left(
        &self,
        place: &Place,
        user: Sender,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(rosters) = self.intimate_rosters(place).await? else {
            return Ok(());
        };
        let mut all = rosters.iter().flat_map(|roster| roster.subscribers());
        if all.any(|subscriber| subscriber.user == user.id) {
            return Ok(());
        }
        let to = rosters
            .iter()
            .flat_map(|roster| others(roster, &user))
            .collect();
        let event = Event::Left {
            room: place.room.clone(),
            user,
        };
        self.tell(to, &event, deadline).await;
        Ok(())
    }

    /// The room's subscribers, unless they are too many to be told of each other.
    async fn intimate_rosters(
        &self,
        place: &Place,
    ) -> Result<Option<Vec<Arc<Roster>>>, StoreError> {
        let mut rosters = Vec::new();
        let mut total = 0;
        for index in 0..place.shards {
            let shard = Shard {
                room: place.room.clone(),
                index,
            };
            let roster = self.roster(&shard).await?;
            total += roster.len() as u64;
            if total > INTIMATE_SUBSCRIPTIONS {
                return Ok(None);
            }
            rosters.push(roster);
        }
        Ok(Some(rosters))
    }

    /// Posts an event to connections, each at most once. What does not arrive is not repeated: the
    /// event is a hint.
    pub(crate) async fn tell(&self, to: Vec<ConnectionId>, event: &Event, deadline: Instant) {
        let payload = Payload::new(event.to_frame());
        let until = deadline.min(Instant::now() + POST);
        let mut posts: FuturesUnordered<_> = to
            .into_iter()
            .map(|to| self.tell_one(to, &payload, until))
            .collect();
        let mut gone = Vec::new();
        while let Some(found) = posts.next().await {
            gone.extend(found);
        }
        drop(posts);
        self.bury(gone, deadline).await;
    }

    /// Answers the connection if it is gone.
    async fn tell_one(
        &self,
        to: ConnectionId,
        payload: &Payload,
        until: Instant,
    ) -> Option<ConnectionId> {
        match timeout_at(until, self.parts.connections.post(&to, payload)).await {
            Ok(Err(PostError::Gone)) => Some(to),
            Ok(Ok(()) | Err(_)) | Err(_) => None,
        }
    }
}

fn others(roster: &Roster, user: &Sender) -> Vec<ConnectionId> {
    let listens = |subscriber: &&gatepost_store::Subscriber| {
        subscriber.dialect == Dialect::V1 && subscriber.user != user.id
    };
    let list = roster.subscribers().iter().filter(listens);
    list.map(|subscriber| subscriber.connection.clone())
        .collect()
}
