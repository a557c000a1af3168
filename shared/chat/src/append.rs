//! An append: admitted by the registry, stored by the history, and what its sender is told.

use gatepost_protocol::ClientId;
use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::SentOk;
use gatepost_protocol::action::Numbering;
use gatepost_store::Admission;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;

use crate::Caller;
use crate::Chat;
use crate::Place;
use crate::Push;
use crate::Refusal;
use crate::outcome::no_room;
use crate::outcome::not_member;
use crate::unless_away;

/// When to repeat a send whose key only the registry could complete.
const RETRY_MS: u64 = 1_000;

/// A mute without an end: the last millisecond of the year 9999.
pub(crate) const FOREVER: gatepost_protocol::Millis = 253_402_300_799_999;

/// What `admit` says of a sender.
pub(crate) struct Admitted {
    /// The page load that the connection's `hello` named, if the registry knows.
    client: Option<ClientId>,
    /// The registry is away.
    pub(crate) degraded: bool,
}

impl Chat {
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

    /// Answers a stored append as its sender gets it, and its push; a refused one with its code.
    pub(crate) fn appended(
        &self,
        append: Append,
        appended: &Appended,
    ) -> Result<(SentOk, Option<Push>), Refusal> {
        let Append {
            room,
            from,
            key,
            content,
            ..
        } = append;
        let sent = |epoch, seq, at, duplicate| SentOk {
            room: room.clone(),
            epoch,
            seq,
            at,
            duplicate,
            with: None,
        };
        match *appended {
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
                let ok = sent(epoch, Some(seq), Some(at), false);
                let sender = from.id.clone();
                let entry = Entry {
                    seq,
                    at,
                    from,
                    client,
                    n,
                    content,
                };
                let push = Push {
                    place: Place { room, shards },
                    seq,
                    sender,
                    entry: Some((epoch, entry)),
                };
                Ok((ok, Some(push)))
            }
            Appended::Duplicate {
                epoch,
                seq,
                at,
                shards,
            } => {
                let ok = sent(epoch, seq, at, true);
                // Whoever was to push it the first time may have died.
                let push = seq.map(|seq| Push {
                    place: Place { room, shards },
                    seq,
                    sender: from.id,
                    entry: None,
                });
                Ok((ok, push))
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
            Appended::NotMember => Err(not_member(&room)),
            Appended::Banned => Err(Refusal::new(Code::Banned, "you are banned from this room")),
            Appended::Muted { until } => {
                let refusal = Refusal::new(Code::Muted, "you are muted in this room");
                Err(match until {
                    FOREVER.. => refusal,
                    _ => refusal.again_after(u64::try_from(until - self.now()).unwrap_or(0)),
                })
            }
            Appended::NotFound => Err(Refusal::new(
                Code::NotFound,
                "there is no such message, or it was deleted",
            )),
            Appended::BelowFloor { floor } => {
                let mut refusal = Refusal::new(Code::BelowFloor, "this message was purged");
                refusal.floor = Some(floor);
                Err(refusal)
            }
            Appended::Forbidden => Err(Refusal::new(
                Code::Forbidden,
                match content {
                    Content::Delete { .. } => "only its author or a moderator deletes a message",
                    _ => "only its author edits a message",
                },
            )),
        }
    }
}

/// What makes a repeated append the same append.
pub(crate) fn key(
    numbering: Numbering,
    admitted: Admitted,
    message: &str,
) -> Result<AppendKey, Refusal> {
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
