//! From an action to what it comes to.

use gatepost_protocol::Action;
use gatepost_protocol::Code;
use gatepost_protocol::Farewell;
use gatepost_store::Dialect;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::allowance::is_counted_elsewhere;

impl Chat {
    /// Does what a client asks for. Returns when it is durable; what others are to see of it is
    /// left to [`Chat::after`].
    pub async fn act(&self, caller: &Caller, action: Action) -> Acted {
        if caller.is_expired(self.now()) {
            let mut acted = Acted::refused(token_expired());
            // The lease ended with the token, and no ping will renew it: the connection hears
            // nothing any more.
            if matches!(action, Action::Ping(_)) {
                acted.after.push(After::Close {
                    connections: vec![caller.connection.clone()],
                    bye: Some(Farewell::Expiring),
                });
            }
            return acted;
        }
        if caller.anonymous
            && let Err(refusal) = self.refuse_seed_client(caller).await
        {
            return Acted::refused(refusal);
        }
        if !is_counted_elsewhere(&action)
            && let Err(refusal) = self.allow(caller, None).await
        {
            return Acted::refused(refusal);
        }
        let acted = match action {
            Action::Hello(hello) => self.hello(caller, hello).await,
            Action::Join(join) => self.join(caller, join).await,
            Action::Leave(leave) => self.leave(caller, &leave.room).await,
            Action::Send(send) => self.send(caller, send).await,
            Action::History(history) => self.read_history(caller, &history).await,
            Action::Sync(sync) => self.sync(caller, &sync).await,
            Action::Ping(ping) => self.ping(caller, &ping).await,
            Action::Who(who) => self.who(caller, &who).await,
            Action::Edit(edit) => self.edit(caller, edit).await,
            Action::Delete(delete) => self.delete(caller, delete).await,
            Action::React(react) => self.react(caller, react).await,
            Action::Direct(direct) => self.direct(caller, direct).await,
            Action::Create(create) => self.create(caller, create).await,
            Action::Invite(invite) => self.invite(caller, invite).await,
            Action::Moderate(moderate) => self.moderate(caller, moderate).await,
            Action::Rooms(rooms) => self.list_rooms(caller, &rooms).await,
            Action::Typing(typing) => self.typing(caller, &typing).await,
            Action::Read(read) => self.read(caller, &read).await,
        };
        acted.unwrap_or_else(Acted::refused)
    }

    /// A connection that turned out a seed client stays one. Only anonymous guests can, so only
    /// they cost this look-up.
    async fn refuse_seed_client(&self, caller: &Caller) -> Result<(), Refusal> {
        let known = self
            .parts
            .registry
            .connection(&caller.connection, self.now())
            .await;
        let known = crate::unless_away(known, &mut false)?.flatten();
        if known.is_some_and(|known| known.subscriber.dialect == Dialect::Seed) {
            return Err(Refusal::new(
                Code::Forbidden,
                "this connection speaks username, userid and msg",
            ));
        }
        Ok(())
    }
}

pub(crate) fn token_expired() -> Refusal {
    Refusal::new(
        Code::Unauthorized,
        "your token has expired; connect with a new one",
    )
}
