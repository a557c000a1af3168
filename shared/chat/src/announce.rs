//! `joined`, `left`, `typing` and `read`, in rooms small enough that people know each other.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Event;
use gatepost_protocol::Millis;
use gatepost_protocol::Sender;
use gatepost_protocol::Seq;
use gatepost_protocol::limits::INTIMATE_SUBSCRIPTIONS;
use gatepost_store::Dialect;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use gatepost_store::Subscribed;
use gatepost_store::Subscriber;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::Chat;
use crate::Place;
use crate::roster::Roster;

/// How long one post may take.
const POST: Duration = Duration::from_secs(1);

/// Posts of one event at a time.
const AT_ONCE: usize = 32;

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
            return self.announce_occupancy(place, deadline).await;
        };
        let to = listeners(&rosters, |other| other.user != user.id);
        let room = place.room.clone();
        self.tell(to, &Event::Joined { room, user }, deadline).await;
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
            return self.announce_occupancy(place, deadline).await;
        };
        let mut all = rosters.iter().flat_map(|roster| roster.subscribers());
        if all.any(|subscriber| subscriber.user == user.id) {
            return Ok(());
        }
        let to = listeners(&rosters, |_| true);
        let room = place.room.clone();
        self.tell(to, &Event::Left { room, user }, deadline).await;
        Ok(())
    }

    pub(crate) async fn announce_typing(
        &self,
        place: &Place,
        user: Sender,
        until: Millis,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(rosters) = self.intimate_rosters(place).await? else {
            return Ok(());
        };
        let to = listeners(&rosters, |other| other.user != user.id);
        let room = place.room.clone();
        let event = Event::Typing { room, user, until };
        self.tell(to, &event, deadline).await;
        Ok(())
    }

    /// The user's other devices are told as well: what was read on one is read on all.
    pub(crate) async fn announce_read(
        &self,
        place: &Place,
        user: Sender,
        from: &ConnectionId,
        seq: Seq,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(rosters) = self.intimate_rosters(place).await? else {
            return Ok(());
        };
        let to = listeners(&rosters, |other| other.connection != *from);
        let room = place.room.clone();
        self.tell(to, &Event::Read { room, user, seq }, deadline)
            .await;
        Ok(())
    }

    /// The room's subscribers, unless they are too many to be told of each other.
    async fn intimate_rosters(
        &self,
        place: &Place,
    ) -> Result<Option<Vec<Arc<Roster>>>, StoreError> {
        let Place { room, shards } = place;
        // A number first: the list of a large room is long.
        let count = self.parts.registry.count(room, *shards, self.now()).await?;
        if count > INTIMATE_SUBSCRIPTIONS {
            return Ok(None);
        }
        let mut rosters = Vec::new();
        for index in 0..*shards {
            let shard = Shard {
                room: room.clone(),
                index,
            };
            rosters.push(self.roster(&shard).await?);
        }
        Ok(Some(rosters))
    }

    /// Posts an event to connections, each at most once; answers how many took it. What does not
    /// arrive is not repeated: the event is a hint.
    pub(crate) async fn tell(
        &self,
        to: Vec<ConnectionId>,
        event: &Event,
        deadline: Instant,
    ) -> u64 {
        let payload = Payload::new(event.to_frame());
        let mut posts = stream::iter(to)
            .take_while(|_| ready(Instant::now() < deadline))
            .map(|to| async {
                let until = deadline.min(Instant::now() + POST);
                let posted = timeout_at(until, self.parts.connections.post(&to, &payload)).await;
                (to, posted)
            })
            .buffer_unordered(AT_ONCE);
        let (mut took, mut gone) = (0, Vec::new());
        while let Some((to, posted)) = posts.next().await {
            match posted {
                Ok(Ok(())) => took += 1,
                Ok(Err(PostError::Gone)) => gone.push(to),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        drop(posts);
        self.bury(gone, deadline).await;
        took
    }
}

/// The connections that understand events and that `may_hear` this one.
fn listeners(rosters: &[Arc<Roster>], may_hear: impl Fn(&Subscriber) -> bool) -> Vec<ConnectionId> {
    let all = rosters.iter().flat_map(|roster| roster.subscribers());
    all.filter(|subscriber| subscriber.dialect == Dialect::V1 && may_hear(subscriber))
        .map(|subscriber| subscriber.connection.clone())
        .collect()
}
