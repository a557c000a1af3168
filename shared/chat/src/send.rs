//! `send`: admitted, then durable, then answered.

use gatepost_protocol::Answer;
use gatepost_protocol::ClientId;
use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::SentOk;
use gatepost_protocol::action::Numbering;
use gatepost_protocol::action::Send;
use gatepost_store::Admission;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Push;
use crate::Refusal;
use crate::outcome::no_room;
use crate::outcome::not_in_token;
use crate::unless_away;

/// When to repeat a send whose key only the registry could complete.
const RETRY_MS: u64 = 1_000;

/// What `admit` says of a sender.
pub(crate) struct Admitted {
    /// The page load that the connection's `hello` named, if the registry knows.
    client: Option<ClientId>,
    /// The registry is away.
    pub(crate) degraded: bool,
}

impl Chat {
    pub(crate) async fn send(&self, caller: &Caller, send: Send) -> Result<Acted, Refusal> {
        if !caller.may_enter(&send.room) {
            return Err(not_in_token());
        }
        let from = caller.sender();
        let admitted = self.admit(caller, &from, &send.room).await?;
        let degraded = admitted.degraded;
        let key = key(send.numbering, admitted, &caller.message_id)?;
        let content = Content::Message {
            body: send.body,
            reply_to: send.reply_to,
        };
        let mut acted = self.append(send.room, from, key, content).await?;
        acted.degraded = degraded;
        Ok(acted)
    }

    /// One turn at the registry, which may be away: fence and rates.
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        from: &Sender,
        room: &RoomName,
    ) -> Result<Admitted, Refusal> {
        let (rates, now) = (self.parts.settings.rates, self.now());
        let registry = &self.parts.registry;
        let admission = registry
            .admit(&from.id, &caller.connection, room, rates, now)
            .await;
        let mut degraded = false;
        match unless_away(admission, &mut degraded)? {
            Some(Admission::Admitted { client }) => Ok(Admitted { client, degraded }),
            None => Ok(Admitted {
                client: None,
                degraded,
            }),
            Some(Admission::Replaced) => Err(Refusal::new(
                Code::Replaced,
                "another client of yours took over",
            )),
            Some(Admission::RateLimited { retry_after_ms }) => {
                let refusal = Refusal::new(Code::RateLimited, "too many messages");
                Err(refusal.again_after(retry_after_ms))
            }
        }
    }

    /// One turn at the history. What did not get into the log must not use up what the room may:
    /// a banned user could silence it.
    pub(crate) async fn append(
        &self,
        room: RoomName,
        from: Sender,
        key: AppendKey,
        content: Content,
    ) -> Result<Acted, Refusal> {
        let refund =
            (self.parts.settings.rates.per_room > 0).then(|| After::Refund { room: room.clone() });
        let appended = self.append_entry(room, from, key, content).await;
        let mut acted = match appended {
            Err(refusal) if refusal.fault.is_none() => Acted::refused(refusal),
            appended => appended?,
        };
        let is_stored = matches!(&acted.outcome, Ok(Answer::Sent(sent)) if !sent.duplicate);
        acted.after.extend(refund.filter(|_| !is_stored));
        Ok(acted)
    }

    /// Once the history has answered `Stored`, the entry is durable.
    async fn append_entry(
        &self,
        room: RoomName,
        from: Sender,
        key: AppendKey,
        content: Content,
    ) -> Result<Acted, Refusal> {
        let digest = content.digest();
        let append = Append {
            room,
            from,
            key,
            content,
            digest,
        };
        let appended = self.parts.history.append(&append).await?;
        let Append {
            room,
            from,
            key,
            content,
            ..
        } = append;
        match appended {
            Appended::Stored {
                epoch,
                seq,
                at,
                shards,
            } => {
                let (client, n) = match key {
                    AppendKey::Numbered { client, n } => (Some(client), Some(n)),
                    AppendKey::Message(_) => (None, None),
                };
                let sender = from.id.clone();
                let entry = Entry {
                    seq,
                    at,
                    from,
                    client,
                    n,
                    content,
                };
                let ok = sent(&room, epoch, Some(seq), Some(at), false);
                let place = Place { room, shards };
                let push = Push {
                    place,
                    seq,
                    sender,
                    entry: Some((epoch, entry)),
                };
                Ok(Acted {
                    outcome: Ok(ok),
                    degraded: false,
                    after: vec![After::Push(push)],
                })
            }
            Appended::Duplicate {
                epoch,
                seq,
                at,
                shards,
            } => {
                let ok = sent(&room, epoch, seq, at, true);
                // Whoever was to push it the first time may have died.
                let place = Place { room, shards };
                let push = seq.map(|seq| Push {
                    place,
                    seq,
                    sender: from.id,
                    entry: None,
                });
                let after = push.map(After::Push).into_iter().collect();
                Ok(Acted {
                    outcome: Ok(ok),
                    degraded: false,
                    after,
                })
            }
            Appended::Conflict => Err(Refusal::new(
                Code::Conflict,
                "this n was stored with another body",
            )),
            Appended::Early { expected } => {
                let mut refusal = Refusal::new(Code::Early, "a lower n is missing");
                refusal.expected = Some(expected);
                Err(refusal)
            }
            Appended::NoRoom => Err(no_room()),
            Appended::NotMember => Err(Refusal::new(
                Code::NotMember,
                "this room is for its members",
            )),
            Appended::Banned => Err(Refusal::new(Code::Banned, "you are banned from this room")),
            Appended::Muted { until } => {
                let left = u64::try_from(until - self.now()).unwrap_or(0);
                let refusal = Refusal::new(Code::Muted, "you are muted in this room");
                Err(refusal.again_after(left))
            }
        }
    }
}

fn sent(
    room: &RoomName,
    epoch: gatepost_protocol::Epoch,
    seq: Option<gatepost_protocol::Seq>,
    at: Option<gatepost_protocol::Millis>,
    duplicate: bool,
) -> Answer {
    Answer::Sent(SentOk {
        room: room.clone(),
        epoch,
        seq,
        at,
        duplicate,
        with: None,
    })
}

fn key(numbering: Numbering, admitted: Admitted, message: &str) -> Result<AppendKey, Refusal> {
    let Some(n) = numbering.n else {
        return Ok(AppendKey::Message(String::from(message)));
    };
    match numbering.client.or(admitted.client) {
        Some(client) => Ok(AppendKey::Numbered { client, n }),
        // Only the registry could say; a hello would not help.
        None if admitted.degraded => {
            let message = "send again with client, or later";
            Err(Refusal::new(Code::Unavailable, message).again_after(RETRY_MS))
        }
        None => Err(Refusal::new(
            Code::Unregistered,
            "n without client: say hello again",
        )),
    }
}
