//! `moderate`: what a user may do in a room, changed by another.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Event;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_protocol::action::Moderate;
use gatepost_protocol::action::Operation;
use gatepost_store::Moderated;
use gatepost_store::Moderation;
use gatepost_store::Standing;
use gatepost_store::StoreError;
use tokio::time::Instant;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::append::FOREVER;
use crate::outcome::no_room;
use crate::outcome::not_in_token;
use crate::outcome::not_member;

impl Chat {
    /// When this is answered, no entry that comes later is pushed to whom a kick or a ban shut out:
    /// a turn of the fan-out reads its list after its entries.
    pub(crate) async fn moderate(
        &self,
        caller: &Caller,
        moderate: Moderate,
    ) -> Result<Acted, Refusal> {
        let Moderate {
            room,
            op,
            user,
            seconds,
        } = moderate;
        let standing = standing(op, seconds, self.now());
        let moderated = self.change(caller, &room, &user, standing).await?;
        let mut acted = Acted::answered(Answer::Done {});
        if let (Operation::Kick | Operation::Ban, Moderated::Done { shards, was }) = (op, moderated)
        {
            // Only what the registry did counts as done: away, it could push again when it is back.
            let now = self.now();
            let registry = &self.parts.registry;
            let evicted = registry.evict(&user, &room, shards, now).await?;
            if let Some(one) = evicted.first() {
                let place = Place {
                    room: room.clone(),
                    shards,
                };
                let user = Sender {
                    id: user.clone(),
                    name: one.name.clone(),
                };
                acted.after.push(After::Left { place, user });
            }
            if was.is_some() || !evicted.is_empty() {
                let change = MembershipChange::Removed;
                acted.after.push(After::Membership { user, room, change });
            }
        }
        Ok(acted)
    }

    /// The change if the history lets the caller make it.
    pub(crate) async fn change(
        &self,
        caller: &Caller,
        room: &RoomName,
        user: &UserId,
        standing: Standing,
    ) -> Result<Moderated, Refusal> {
        if !caller.may_enter(room) {
            return Err(not_in_token());
        }
        let moderation = Moderation {
            by: caller.user.clone(),
            role: caller.role,
            room: room.clone(),
            user: user.clone(),
            standing,
        };
        match self.parts.history.moderate(&moderation).await? {
            done @ (Moderated::Done { .. } | Moderated::Unchanged { .. }) => Ok(done),
            Moderated::NoRoom => Err(no_room()),
            Moderated::NotMember => Err(not_member(room)),
            Moderated::Banned => Err(Refusal::new(Code::Banned, "you are banned from this room")),
            Moderated::Forbidden => Err(Refusal::new(
                Code::Forbidden,
                "this takes a moderator above the user, and to invite, a user who is not banned",
            )),
        }
    }

    /// Tells a user's connections of a change of membership.
    pub(crate) async fn announce_membership(
        &self,
        user: &UserId,
        room: RoomName,
        op: MembershipChange,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let listeners = self.listeners(user).await?;
        let to = listeners.into_iter().map(|one| one.subscriber.connection);
        let with = None;
        self.tell(to.collect(), &Event::Room { room, op, with }, deadline)
            .await;
        Ok(())
    }
}

fn standing(op: Operation, seconds: Option<u64>, now: Millis) -> Standing {
    let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let until = seconds.map(|seconds| now.saturating_add(seconds.saturating_mul(1_000)));
    match op {
        Operation::Mute => Standing::Muted(until.unwrap_or(FOREVER)),
        Operation::Unmute => Standing::Unmuted,
        Operation::Kick => Standing::NotMember,
        Operation::Ban => Standing::Banned(until),
        Operation::Unban => Standing::Unbanned,
    }
}
