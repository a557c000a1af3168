//! `history` and `sync`: reading the log.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::Cut;
use gatepost_protocol::HistoryOk;
use gatepost_protocol::SyncOk;
use gatepost_protocol::action::History;
use gatepost_protocol::action::Sync;
use gatepost_store::Range;

use crate::Acted;
use crate::Caller;
use crate::Chat;
use crate::Refusal;

impl Chat {
    pub(crate) async fn read_history(
        &self,
        caller: &Caller,
        asked: &History,
    ) -> Result<Acted, Refusal> {
        let room = self.readable_room(caller, &asked.room).await?;
        if asked.after.is_some_and(|after| after < room.floor) {
            let mut refusal = Refusal::new(Code::BelowFloor, "what comes next was purged");
            refusal.floor = Some(room.floor);
            return Err(refusal);
        }
        let range = match (asked.before, asked.after) {
            (_, Some(after)) => Range::After(after),
            (Some(before), None) => Range::Before(before),
            (None, None) => Range::Newest,
        };
        let items = self
            .parts
            .history
            .entries(&room.name, range, asked.limit)
            .await?;
        let head = items
            .last()
            .map_or(room.head, |last| last.seq.max(room.head));
        let (more, cut) = match range {
            Range::After(after) => (
                items.last().map_or(after, |last| last.seq) < head,
                Cut::Back,
            ),
            Range::Before(_) | Range::Newest => (
                items
                    .first()
                    .is_some_and(|first| first.seq > room.floor + 1),
                Cut::Front,
            ),
        };
        let floor = room.floor;
        Ok(Acted::answered(Answer::History(HistoryOk {
            items,
            head,
            floor,
            more,
            cut,
        })))
    }

    pub(crate) async fn sync(&self, caller: &Caller, sync: &Sync) -> Result<Acted, Refusal> {
        let rooms = self.missed(caller, &sync.rooms, false).await?.states;
        Ok(Acted::answered(Answer::Sync(SyncOk { rooms })))
    }
}
