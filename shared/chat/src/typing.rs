//! `typing`: a hint to whoever is in the room now. Nothing of it is kept.

use gatepost_protocol::Answer;
use gatepost_protocol::Millis;
use gatepost_protocol::action::Typing;
use gatepost_protocol::limits::TYPING_MS;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::allowance::one_in;

/// How long others show it if nothing more is heard: one repetition may be lost.
const SHOWN_MS: Millis = 2 * TYPING_MS as Millis;

impl Chat {
    /// At most one in 3 seconds goes on to the others; the rest says nothing new and is dropped.
    pub(crate) async fn typing(&self, caller: &Caller, typing: &Typing) -> Result<Acted, Refusal> {
        let mut acted = Acted::answered(Answer::Done {});
        let what = format!("typing:{}", typing.room);
        let is_known = self.allow(caller, Some(one_in(&what, TYPING_MS))).await?;
        if is_known.is_some() {
            return Ok(acted);
        }
        let room = self.readable_room(caller, &typing.room).await?;
        let now = self.now();
        acted.after.push(After::Typing {
            place: Place {
                room: room.name,
                shards: room.shards,
            },
            user: caller.sender(),
            until: if typing.on { now + SHOWN_MS } else { now },
        });
        Ok(acted)
    }
}
