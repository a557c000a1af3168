//! `send`, `edit`, `delete` and `react`: what a user writes into a room's log.

use gatepost_protocol::Answer;
use gatepost_protocol::Content;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::action::Delete;
use gatepost_protocol::action::Edit;
use gatepost_protocol::action::Numbering;
use gatepost_protocol::action::React;
use gatepost_protocol::action::Send;
use gatepost_store::Append;
use gatepost_store::AppendKey;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::append::key;
use crate::outcome::not_in_token;

impl Chat {
    pub(crate) async fn send(&self, caller: &Caller, send: Send) -> Result<Acted, Refusal> {
        let content = Content::Message {
            body: send.body,
            reply_to: send.reply_to,
        };
        self.write(caller, send.room, send.numbering, content).await
    }

    pub(crate) async fn edit(&self, caller: &Caller, edit: Edit) -> Result<Acted, Refusal> {
        let content = Content::Edit {
            target: edit.target,
            body: edit.body,
        };
        self.write(caller, edit.room, edit.numbering, content).await
    }

    pub(crate) async fn delete(&self, caller: &Caller, delete: Delete) -> Result<Acted, Refusal> {
        let content = Content::Delete {
            target: delete.target,
        };
        self.write(caller, delete.room, delete.numbering, content)
            .await
    }

    pub(crate) async fn react(&self, caller: &Caller, react: React) -> Result<Acted, Refusal> {
        let content = Content::Reaction {
            target: react.target,
            emoji: react.emoji,
            on: react.on,
        };
        self.write(caller, react.room, react.numbering, content)
            .await
    }

    /// One turn at the registry and one at the history. What an entry is about is looked at with
    /// everything else under the room's lock, so all four cost the same.
    async fn write(
        &self,
        caller: &Caller,
        room: RoomName,
        numbering: Numbering,
        content: Content,
    ) -> Result<Acted, Refusal> {
        if !caller.may_enter(&room) {
            return Err(not_in_token());
        }
        let from = caller.sender();
        let admitted = self.admit(caller, &from, &room).await?;
        let degraded = admitted.degraded;
        let key = key(numbering, admitted, &caller.message_id)?;
        let mut acted = self
            .append(room, from, key, content, caller.moderates())
            .await?;
        acted.degraded = degraded;
        Ok(acted)
    }

    /// One turn at the history.
    pub(crate) async fn append(
        &self,
        room: RoomName,
        from: Sender,
        key: AppendKey,
        content: Content,
        moderates: bool,
    ) -> Result<Acted, Refusal> {
        let digest = content.digest();
        let append = Append {
            room: room.clone(),
            from,
            key,
            content,
            digest,
            moderates,
        };
        let appended = self.append_entry(append).await;
        self.refunded(room, appended)
    }

    /// What did not get into the log must not use up what the room may: a banned user could silence
    /// it.
    pub(crate) fn refunded(
        &self,
        room: RoomName,
        appended: Result<Acted, Refusal>,
    ) -> Result<Acted, Refusal> {
        let refund = (self.parts.settings.rates.per_room > 0).then_some(After::Refund { room });
        let mut acted = match appended {
            Err(refusal) if refusal.fault.is_none() => Acted::refused(refusal),
            appended => appended?,
        };
        let is_stored = matches!(&acted.outcome, Ok(Answer::Sent(sent)) if !sent.duplicate);
        acted.after.extend(refund.filter(|_| !is_stored));
        Ok(acted)
    }

    /// Once the history has answered `Stored`, the entry is durable.
    async fn append_entry(&self, append: Append) -> Result<Acted, Refusal> {
        let appended = self.parts.history.append(&append).await?;
        let (ok, push) = self.appended(append, &appended)?;
        Ok(Acted {
            outcome: Ok(Answer::Sent(ok)),
            degraded: false,
            after: push.map(After::Push).into_iter().collect(),
        })
    }
}
