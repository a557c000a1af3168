//! How the columns of both databases read as the types of the log, and the other way round.

use gatepost_protocol::Body;
use gatepost_protocol::ClientId;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use serde::Deserialize;
use serde::Serialize;

use crate::AppendKey;
use crate::Membership;
use crate::Moderated;
use crate::RecentRoom;
use crate::Room;
use crate::Standing;

/// What a column holds is not what the schema says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRow(String);

impl BadRow {
    fn new(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

#[derive(Serialize, Deserialize)]
struct Message<B> {
    body: B,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Seq>,
}

#[derive(Serialize, Deserialize)]
struct Edit<B> {
    target: Seq,
    body: B,
}

#[derive(Serialize, Deserialize)]
struct Delete {
    target: Seq,
}

#[derive(Serialize, Deserialize)]
struct Reaction<S> {
    target: Seq,
    emoji: S,
    on: bool,
}

/// The columns `kind` and `body`.
pub(crate) fn content_columns(content: &Content) -> (&'static str, String) {
    let (kind, body) = match content {
        Content::Message { body, reply_to } => (
            "message",
            serde_json::to_string(&Message {
                body,
                reply_to: *reply_to,
            }),
        ),
        Content::Edit { target, body } => (
            "edit",
            serde_json::to_string(&Edit {
                target: *target,
                body,
            }),
        ),
        Content::Delete { target } => {
            ("delete", serde_json::to_string(&Delete { target: *target }))
        }
        Content::Reaction { target, emoji, on } => (
            "reaction",
            serde_json::to_string(&Reaction {
                target: *target,
                emoji,
                on: *on,
            }),
        ),
    };
    (
        kind,
        body.expect("numbers, texts and JSON values always serialise"),
    )
}

/// The message that an entry is about.
pub(crate) fn target_column(content: &Content) -> Option<i64> {
    match content {
        Content::Message { .. } => None,
        Content::Edit { target, .. }
        | Content::Delete { target }
        | Content::Reaction { target, .. } => Some(column(*target)),
    }
}

fn content(kind: &str, body: &str) -> Result<Content, BadRow> {
    let read = match kind {
        "message" => serde_json::from_str(body)
            .map(|Message::<Body> { body, reply_to }| Content::Message { body, reply_to }),
        "edit" => serde_json::from_str(body)
            .map(|Edit::<Body> { target, body }| Content::Edit { target, body }),
        "delete" => serde_json::from_str(body).map(|Delete { target }| Content::Delete { target }),
        "reaction" => serde_json::from_str(body).map(|Reaction::<String> { target, emoji, on }| {
            Content::Reaction { target, emoji, on }
        }),
        _ => return Err(BadRow::new("message.kind", kind)),
    };
    // The error's own text may quote what somebody wrote.
    read.map_err(|error| BadRow::new("message.body", format_args!("{:?}", error.classify())))
}

/// The columns `producer` and `n` of a key.
pub(crate) fn key_columns(key: &AppendKey) -> Option<(&str, i64)> {
    match key {
        AppendKey::Numbered { client, n } => {
            Some((client.as_str(), i64::try_from(*n).ok().filter(|n| *n > 0)?))
        }
        AppendKey::Message(id) => (1..=128).contains(&id.len()).then_some((id.as_str(), 0)),
    }
}

/// seq, at, sender, its name, producer, n, kind, body.
pub(crate) type EntryColumns = (i64, i64, Vec<u8>, String, Vec<u8>, i64, String, String);

pub(crate) fn entry(columns: EntryColumns) -> Result<Entry, BadRow> {
    let (seq, at, sender, name, producer, n, kind, body) = columns;
    let numbered = n > 0;
    Ok(Entry {
        seq: seq_of(seq),
        at,
        from: Sender {
            id: user(sender)?,
            name,
        },
        client: if numbered {
            Some(client(producer)?)
        } else {
            None
        },
        n: if numbered {
            u64::try_from(n).ok()
        } else {
            None
        },
        content: content(&kind, &body)?,
    })
}

/// name, kind, epoch, head, floor, shards, role, banned, read.
pub(crate) type RoomColumns = (
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
    Option<i64>,
);

pub(crate) fn room(columns: RoomColumns) -> Result<Room, BadRow> {
    let (name, kind, epoch, head, floor, shards, role, banned, read) = columns;
    Ok(Room {
        name: room_name(name)?,
        kind: room_kind(&kind)?,
        epoch: seq_of(epoch),
        head: seq_of(head),
        floor: seq_of(floor),
        shards: shards_of(shards),
        role: role.map(|role| role_named(&role)).transpose()?,
        banned: banned != 0,
        read: seq_of(read.unwrap_or(0)),
    })
}

/// name, kind, role, head, read, with.
pub(crate) type MembershipColumns = (String, String, String, i64, i64, Option<Vec<u8>>);

pub(crate) fn membership(columns: MembershipColumns) -> Result<Membership, BadRow> {
    let (name, kind, role, head, read, with) = columns;
    Ok(Membership {
        room: room_name(name)?,
        kind: room_kind(&kind)?,
        role: role_named(&role)?,
        head: seq_of(head),
        read: seq_of(read),
        with: with.map(user).transpose()?,
    })
}

pub(crate) fn recent_room((name, head, shards): (String, i64, i64)) -> Result<RecentRoom, BadRow> {
    Ok(RecentRoom {
        room: room_name(name)?,
        head: seq_of(head),
        shards: shards_of(shards),
    })
}

pub(crate) fn kind_column(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Public => "public",
        RoomKind::Private => "private",
        RoomKind::Direct => "direct",
    }
}

pub(crate) fn role_column(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

/// A role by its height; 0 is none.
pub(crate) fn rank_column(role: Option<Role>) -> i64 {
    match role {
        None => 0,
        Some(Role::Member) => 1,
        Some(Role::Moderator) => 2,
        Some(Role::Owner) => 3,
    }
}

/// status, shards, the user's role before.
pub(crate) type ModeratedColumns = (String, Option<i64>, Option<String>);

pub(crate) fn moderated(columns: ModeratedColumns) -> Result<Moderated, BadRow> {
    let (status, shards, was) = columns;
    let was = was.map(|role| role_named(&role)).transpose()?;
    Ok(match (status.as_str(), was) {
        ("done", was) => Moderated::Done {
            shards: shards_of(shards.unwrap_or(1)),
            was,
        },
        ("unchanged", Some(role)) => Moderated::Unchanged { role },
        ("no_room", _) => Moderated::NoRoom,
        ("not_member", _) => Moderated::NotMember,
        ("banned", _) => Moderated::Banned,
        ("forbidden", _) => Moderated::Forbidden,
        (other, _) => return Err(BadRow::new("status", other)),
    })
}

/// Op, role and end of a standing.
pub(crate) fn standing_columns(
    standing: &Standing,
) -> (&'static str, Option<&'static str>, Option<i64>) {
    match standing {
        Standing::Member(role) => ("member", Some(role_column(*role)), None),
        Standing::NotMember => ("not_member", None, None),
        Standing::Banned(until) => ("banned", None, *until),
        Standing::Unbanned => ("unbanned", None, None),
        Standing::Muted(until) => ("muted", None, Some(*until)),
        Standing::Unmuted => ("unmuted", None, None),
    }
}

/// A seq, epoch or count as a column holds it; what is too large for one is larger than any there.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn seq_of(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

pub(crate) fn shards_of(column: i64) -> u16 {
    u16::try_from(column).unwrap_or(1).max(1)
}

fn room_kind(kind: &str) -> Result<RoomKind, BadRow> {
    match kind {
        "public" => Ok(RoomKind::Public),
        "private" => Ok(RoomKind::Private),
        "direct" => Ok(RoomKind::Direct),
        _ => Err(BadRow::new("room.kind", kind)),
    }
}

fn role_named(role: &str) -> Result<Role, BadRow> {
    match role {
        "member" => Ok(Role::Member),
        "moderator" => Ok(Role::Moderator),
        "owner" => Ok(Role::Owner),
        _ => Err(BadRow::new("membership.role", role)),
    }
}

fn room_name(name: String) -> Result<RoomName, BadRow> {
    RoomName::try_from(name).map_err(|error| BadRow::new("room.name", error))
}

pub(crate) fn user(bytes: Vec<u8>) -> Result<UserId, BadRow> {
    let text = String::from_utf8(bytes).map_err(|_| BadRow::new("user", "is not UTF-8"))?;
    UserId::try_from(text).map_err(|error| BadRow::new("user", error))
}

fn client(bytes: Vec<u8>) -> Result<ClientId, BadRow> {
    let text = String::from_utf8(bytes).map_err(|_| BadRow::new("client", "is not UTF-8"))?;
    ClientId::try_from(text).map_err(|error| BadRow::new("client", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let body: Body =
            serde_json::from_str(r#"{"text":"é🙂","x":[1.0,12345678901234567890]}"#).expect("JSON");
        let all = [
            Content::Message {
                body: body.clone(),
                reply_to: None,
            },
            Content::Message {
                body: body.clone(),
                reply_to: Some(3),
            },
            Content::Edit { target: 1, body },
            Content::Delete { target: 2 },
            Content::Reaction {
                target: 2,
                emoji: "🙂".into(),
                on: true,
            },
        ];
        for written in all {
            let (kind, body) = content_columns(&written);
            assert_eq!(content(kind, &body).unwrap(), written);
            // The same words as on the wire, without the kind.
            let mut wire = serde_json::to_value(&written).unwrap();
            assert_eq!(wire.as_object_mut().unwrap().remove("kind").unwrap(), kind);
            assert_eq!(
                wire,
                serde_json::from_str::<serde_json::Value>(&body).unwrap()
            );
        }
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused() {
        let client: ClientId = "c".repeat(16).parse().unwrap();
        let cases = [
            (
                AppendKey::Numbered {
                    client: client.clone(),
                    n: 0,
                },
                false,
            ),
            (
                AppendKey::Numbered {
                    client: client.clone(),
                    n: 1,
                },
                true,
            ),
            (
                AppendKey::Numbered {
                    client,
                    n: u64::MAX,
                },
                false,
            ),
            (AppendKey::Message(String::new()), false),
            (AppendKey::Message("m".repeat(128)), true),
            (AppendKey::Message("m".repeat(129)), false),
        ];
        for (key, good) in cases {
            assert_eq!(key_columns(&key).is_some(), good, "{key:?}");
        }
    }
}
