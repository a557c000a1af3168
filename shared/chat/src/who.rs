//! `who`: the users in a room.

use std::collections::BTreeMap;

use gatepost_protocol::Answer;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_protocol::WhoOk;
use gatepost_protocol::action::Who;
use gatepost_store::Room;
use gatepost_store::Shard;
use gatepost_store::StoreError;

use crate::Acted;
use crate::Caller;
use crate::Chat;
use crate::Refusal;

impl Chat {
    pub(crate) async fn who(&self, caller: &Caller, who: &Who) -> Result<Acted, Refusal> {
        let room = self.readable_room(caller, &who.room).await?;
        let page = self.users(&room, who.cursor.as_ref(), who.limit).await?;
        Ok(Acted::answered(Answer::Who(page)))
    }

    /// Users, not devices, in the order of their ids.
    pub(crate) async fn users(
        &self,
        room: &Room,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<WhoOk, StoreError> {
        let mut names: BTreeMap<UserId, String> = BTreeMap::new();
        for index in 0..room.shards {
            let shard = Shard {
                room: room.name.clone(),
                index,
            };
            let roster = self.roster(&shard).await?;
            for subscriber in roster.subscribers() {
                if !names.contains_key(&subscriber.user) {
                    names.insert(subscriber.user.clone(), subscriber.name.clone());
                }
            }
        }
        let count = names.len() as u64;
        let mut rest = names
            .into_iter()
            .filter(|(id, _)| after.is_none_or(|after| id > after))
            .map(|(id, name)| Sender { id, name });
        let users: Vec<_> = rest.by_ref().take(limit as usize).collect();
        let cursor = rest
            .next()
            .and_then(|_| users.last().map(|last| last.id.clone()));
        Ok(WhoOk {
            count,
            users,
            cursor,
        })
    }
}
