//! `read`: how far a user has read.

use gatepost_protocol::Answer;
use gatepost_protocol::action::Read;
use gatepost_protocol::limits::READ_MS;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Refusal;
use crate::allowance::one_in;
use crate::allowance::too_fast;

impl Chat {
    /// Stores the mark if it is beyond the one there is, at most one in 2 seconds. One that comes
    /// too early is refused and not dropped, so that the last one of a row is not lost.
    pub(crate) async fn read(&self, caller: &Caller, read: &Read) -> Result<Acted, Refusal> {
        let what = format!("read:{}", read.room);
        let early = self.allow(caller, Some(one_in(&what, READ_MS))).await?;
        let room = self.readable_room(caller, &read.room).await?;
        let seq = read.seq.min(room.head);
        let mut acted = Acted::answered(Answer::Done {});
        if seq <= room.read {
            return Ok(acted);
        }
        if let Some(retry_after_ms) = early {
            return Err(too_fast(retry_after_ms));
        }
        let (history, user) = (&self.parts.history, &caller.user);
        history.mark_read(&room.name, user, seq).await?;
        acted.after.push(After::Read {
            place: Place {
                room: room.name,
                shards: room.shards,
            },
            user: caller.sender(),
            connection: caller.connection.clone(),
            seq,
        });
        Ok(acted)
    }
}
