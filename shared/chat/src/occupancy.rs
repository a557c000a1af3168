//! `occupancy`: in rooms too large for everybody to be told of everybody, how many there are.

use gatepost_protocol::Event;
use gatepost_protocol::limits::INTIMATE_SUBSCRIPTIONS;
use gatepost_protocol::limits::OCCUPANCY_MS;
use gatepost_store::Dialect;
use gatepost_store::Owner;
use gatepost_store::Shard;
use gatepost_store::StoreError;
use tokio::time::Instant;

use crate::Chat;
use crate::Place;
use crate::allowance::one_in;

/// What one subscription adds to the time between two counts of a room, so that they are no more
/// than 100 posts a second, whatever its size: 20 seconds for a room of 2,000.
const MS_EACH: u64 = 10;

impl Chat {
    /// Tells a large room how many there are, if that is another number than it was told last.
    ///
    /// Whoever comes, goes or pings tries; the registry lets one of all functions do it in 5 seconds
    /// or more. What changed meanwhile is found out by a later ping.
    pub(crate) async fn announce_occupancy(
        &self,
        place: &Place,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Place { room, shards } = place;
        let (registry, of) = (&self.parts.registry, Owner::Room(room));
        let mine = one_in("occupancy", OCCUPANCY_MS);
        if registry.take(of, &[mine], self.now()).await?.is_some() {
            return Ok(());
        }
        let count = registry.count(room, *shards, self.now()).await?;
        if count <= INTIMATE_SUBSCRIPTIONS {
            return Ok(());
        }
        let crowd = one_in("crowd", count * MS_EACH);
        if registry.take(of, &[crowd], self.now()).await?.is_some()
            || !registry.note_occupancy(room, count).await?
        {
            return Ok(());
        }
        let room = room.clone();
        let event = Event::Occupancy { room, count };
        for index in 0..*shards {
            let shard = Shard {
                room: place.room.clone(),
                index,
            };
            let roster = self.roster(&shard).await?;
            let subscribers = roster.subscribers().iter();
            let to = subscribers
                .filter(|subscriber| subscriber.dialect == Dialect::V1)
                .map(|subscriber| subscriber.connection.clone());
            self.tell(to.collect(), &event, deadline).await;
        }
        Ok(())
    }
}
