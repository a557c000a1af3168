//! `direct`: a message from one user to another.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Content;
use gatepost_protocol::Event;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_protocol::action;
use gatepost_protocol::direct_room;
use gatepost_store::Append;
use gatepost_store::Appended;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::StoreError;
use gatepost_store::Subscriber;
use gatepost_store::Subscription;
use tokio::time::Instant;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Direct;
use crate::Push;
use crate::Refusal;
use crate::append::key;
use crate::outcome::not_in_token;

/// One of the two users of a direct room, where connected.
struct Gathered<'a> {
    connections: Vec<ConnectionId>,
    /// The other one.
    with: &'a UserId,
    /// The user, if it came into the room only now.
    newcomer: Option<Sender>,
    /// Who is in the room no more, as their leases say.
    departed: Vec<Sender>,
}

impl Chat {
    /// Stored like a send. Only the first message makes the room, and costs two turns more.
    pub(crate) async fn direct(
        &self,
        caller: &Caller,
        direct: action::Direct,
    ) -> Result<Acted, Refusal> {
        let with = direct.to;
        if with == caller.user {
            return Err(Refusal::new(Code::BadRequest, "to: is yourself"));
        }
        if with.is_seed() {
            // Its page shows what comes in one room only, and could not answer.
            let message = "who uses the seed's page gets no direct messages";
            return Err(Refusal::new(Code::NotFound, message));
        }
        let room = direct_room(&caller.user, &with);
        if !caller.may_enter(&room) {
            return Err(not_in_token());
        }
        let from = caller.sender();
        let admitted = self.admit(caller, &from, &room).await?;
        let degraded = admitted.degraded;
        let key = key(direct.numbering, admitted, &caller.message_id)?;
        let content = Content::Message {
            body: direct.body,
            reply_to: None,
        };
        let digest = content.digest();
        let append = Append {
            room: room.clone(),
            from,
            key,
            content,
            digest,
            moderates: false,
        };
        let appended = self.append_direct(append, with).await;
        let mut acted = self.refunded(room, appended)?;
        acted.degraded = degraded;
        Ok(acted)
    }

    async fn append_direct(&self, append: Append, with: UserId) -> Result<Acted, Refusal> {
        let history = &self.parts.history;
        let mut appended = history.append(&append).await?;
        let is_new = matches!(appended, Appended::NoRoom | Appended::NotMember);
        if is_new {
            let users = [&append.from.id, &with];
            history.create_direct(&append.room, users).await?;
            appended = history.append(&append).await?;
        }
        let (mut ok, push) = self.appended(append, &appended)?;
        ok.with = Some(with.clone());
        let after = push.map(|push| After::Direct(Direct { push, with, is_new }));
        Ok(Acted {
            outcome: Ok(Answer::Sent(ok)),
            degraded: false,
            after: after.into_iter().collect(),
        })
    }

    /// Subscribes both users where they are connected, then pushes, and tells who did not know of
    /// the room. Whoever could not be subscribed finds the message by `rooms` and `history`.
    pub(crate) async fn push_direct(
        &self,
        direct: &Direct,
        end: Instant,
        last: Instant,
    ) -> Result<(), StoreError> {
        let Direct { push, with, is_new } = direct;
        let (one, other) = tokio::join!(
            self.gather(push, &push.sender, with),
            self.gather(push, with, &push.sender)
        );
        let gathered = one.and_then(|one| Ok([one, other?]));
        let told = async {
            for gathered in gathered.iter().flatten() {
                self.tell_gathered(push, gathered, *is_new, end).await?;
            }
            Ok(())
        };
        let (pushed, told) = tokio::join!(self.push(push, end, last), told);
        gathered.map(drop).and(pushed).and(told)
    }

    async fn gather<'a>(
        &self,
        push: &Push,
        user: &UserId,
        with: &'a UserId,
    ) -> Result<Gathered<'a>, StoreError> {
        let now = self.now();
        let wanted = [Subscription {
            room: push.place.room.clone(),
            shards: push.place.shards,
            head: push.seq.saturating_sub(1),
        }];
        let mut gathered = Gathered {
            connections: Vec::new(),
            with,
            newcomer: None,
            departed: Vec::new(),
        };
        for connection in self.listeners(user).await? {
            let registry = &self.parts.registry;
            let subscribed = registry.subscribe(&connection, &wanted, now).await?;
            let Subscriber {
                connection,
                user,
                name,
                ..
            } = connection.subscriber;
            for found in subscribed.into_iter().flatten() {
                if found.first_device {
                    gathered.newcomer = Some(Sender {
                        id: user.clone(),
                        name: name.clone(),
                    });
                }
                gathered
                    .departed
                    .extend(crate::hello::departed(found.lapsed));
            }
            gathered.connections.push(connection);
        }
        Ok(gathered)
    }

    /// A user who came into the room only now may not have heard of it either.
    async fn tell_gathered(
        &self,
        push: &Push,
        gathered: &Gathered<'_>,
        is_new: bool,
        end: Instant,
    ) -> Result<(), StoreError> {
        if is_new || gathered.newcomer.is_some() {
            let event = Event::Room {
                room: push.place.room.clone(),
                op: MembershipChange::Added,
                with: Some(gathered.with.clone()),
            };
            self.tell(gathered.connections.clone(), &event, end).await;
        }
        for user in &gathered.departed {
            self.announce_left(&push.place, user.clone(), end).await?;
        }
        match &gathered.newcomer {
            Some(user) => self.announce_joined(&push.place, user.clone(), end).await,
            None => Ok(()),
        }
    }

    /// A user's connections that events are posted to.
    pub(crate) async fn listeners(&self, user: &UserId) -> Result<Vec<Connection>, StoreError> {
        let registry = &self.parts.registry;
        let mut connections = registry.connections_of(user, self.now()).await?;
        connections.retain(|connection| connection.subscriber.dialect == Dialect::V1);
        Ok(connections)
    }
}
