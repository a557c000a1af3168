//! Heads, leases and cursors.

use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;

use super::FanOut;
use super::RegistryState;
use crate::Claim;
use crate::Release;
use crate::Shard;

impl RegistryState {
    /// [`Registry::raise_head`](crate::Registry::raise_head).
    pub fn raise_head(&mut self, room: &RoomName, seq: Seq) {
        let head = self.heads.entry(room.clone()).or_insert(seq);
        *head = seq.max(*head);
    }

    /// [`Registry::head`](crate::Registry::head).
    #[must_use]
    pub fn head(&self, room: &RoomName) -> Option<Seq> {
        self.heads.get(room).copied()
    }

    /// [`Registry::claim`](crate::Registry::claim). Its holder may claim it again.
    pub fn claim(&mut self, shard: &Shard, holder: &str, ttl_ms: u64, now: Millis) -> Claim {
        let fan_out = self.fan_out(shard);
        let by_another = |(held_by, ends): &(String, Millis)| held_by != holder && *ends > now;
        fan_out.dirty = fan_out.lease.as_ref().is_some_and(by_another);
        if fan_out.dirty {
            return Claim::Busy;
        }
        fan_out.lease = Some((holder.to_owned(), end(now, ttl_ms)));
        Claim::Held {
            cursor: fan_out.cursor,
        }
    }

    /// [`Registry::advance`](crate::Registry::advance). Late is not too late, as long as nobody
    /// else came.
    pub fn advance(
        &mut self,
        shard: &Shard,
        holder: &str,
        cursor: Seq,
        ttl_ms: u64,
        now: Millis,
    ) -> bool {
        let fan_out = self.fan_out(shard);
        let held = fan_out.is_held_by(holder);
        if held {
            fan_out.lease = Some((holder.to_owned(), end(now, ttl_ms)));
            fan_out.cursor = fan_out.cursor.max(Some(cursor));
        }
        held
    }

    /// [`Registry::release`](crate::Registry::release).
    pub fn release(&mut self, shard: &Shard, holder: &str, cursor: Seq) -> Release {
        let fan_out = self.fan_out(shard);
        if !fan_out.is_held_by(holder) {
            return Release::Lost;
        }
        fan_out.cursor = fan_out.cursor.max(Some(cursor));
        if std::mem::take(&mut fan_out.dirty) {
            return Release::Dirty;
        }
        fan_out.lease = None;
        Release::Released
    }

    /// [`Registry::forget`](crate::Registry::forget).
    pub fn forget(&mut self, room: &RoomName, head: Option<Seq>, cursors: &[(Shard, Seq)]) {
        if head.is_some() && self.head(room) == head {
            self.heads.remove(room);
        }
        for (shard, cursor) in cursors {
            let fan_out = self.fan_out(shard);
            fan_out.cursor = fan_out.cursor.filter(|known| known != cursor);
        }
    }

    /// [`Registry::progress`](crate::Registry::progress).
    #[must_use]
    pub fn progress(&self, shard: &Shard, now: Millis) -> (Option<Seq>, bool) {
        self.shards.get(shard).map_or((None, false), |state| {
            let lease = state.fan_out.lease.as_ref();
            (
                state.fan_out.cursor,
                lease.is_some_and(|(_, ends)| *ends > now),
            )
        })
    }

    fn fan_out(&mut self, shard: &Shard) -> &mut FanOut {
        &mut self.shards.entry(shard.clone()).or_default().fan_out
    }
}

impl FanOut {
    fn is_held_by(&self, holder: &str) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|(held_by, _)| held_by == holder)
    }
}

fn end(now: Millis, ttl_ms: u64) -> Millis {
    now.saturating_add_unsigned(ttl_ms)
}
