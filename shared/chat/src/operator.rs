//! What an operator asks for, outside any room's rules: whoever may invoke the function may do it.

use std::collections::BTreeMap;

use gatepost_protocol::Answer;
use gatepost_protocol::Body;
use gatepost_protocol::Code;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Content;
use gatepost_protocol::Event;
use gatepost_protocol::Farewell;
use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::SentOk;
use gatepost_protocol::UserId;
use gatepost_protocol::WhoOk;
use gatepost_protocol::check_body;
use gatepost_protocol::display_name;
use gatepost_protocol::limits::BODY_BYTES;
use gatepost_protocol::limits::PAGE_ITEMS;
use gatepost_store::AppendKey;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::Room;
use gatepost_store::Shard;
use gatepost_store::Standing;
use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;

use crate::After;
use crate::Chat;
use crate::Refusal;
use crate::outcome::no_room;

/// Whom an operator's messages are from, unless the operator says another.
const OPERATOR: &str = "operator";

/// Bytes of a key: what the log keeps of one.
const KEY_BYTES: usize = 128;

/// One operation: `{"operator":"publish"|"announce"|"presence"|"disconnect", …}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "operator", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Writes a message to a room, as a member does, but without rates and roles.
    Publish {
        /// The room.
        room: RoomName,
        /// What it says.
        body: Body,
        /// Whom it is from; `operator` if left out.
        #[serde(default)]
        from: Option<Sender>,
        /// What makes it the same if repeated, 1 to 128 bytes; the invocation's id if left out.
        #[serde(default)]
        key: Option<String>,
    },
    /// Shows a text to whoever is in a room now, or to a user; nothing of it is kept.
    Announce {
        /// To whom is in this room,
        #[serde(default)]
        room: Option<RoomName>,
        /// or to this user.
        #[serde(default)]
        user: Option<UserId>,
        /// The text.
        text: String,
    },
    /// Says who is in a room, or where a user is connected.
    Presence {
        /// Who is in this room,
        #[serde(default)]
        room: Option<RoomName>,
        /// or where this user is connected.
        #[serde(default)]
        user: Option<UserId>,
        /// Where the page before ended, as it said.
        #[serde(default)]
        cursor: Option<UserId>,
        /// How many users to answer, 1 to 100; 100 if left out.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// Closes every connection of a user. A token that still holds lets the user come back.
    Disconnect {
        /// The user.
        user: UserId,
    },
}

/// What an operation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Operated {
    /// To `publish`: as to `send`.
    Published(SentOk),
    /// To `announce` and `disconnect`.
    Reached {
        /// Connections there were.
        connections: u64,
        /// Connections that took the text, or that are closed now.
        reached: u64,
    },
    /// To `presence` of a room: as to `who`.
    Who(WhoOk),
    /// To `presence` of a user.
    Connections {
        /// The user's connections that said hello or joined, oldest lease first.
        connections: Vec<Device>,
    },
}

/// A connection of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The connection.
    pub connection: ConnectionId,
    /// The name that the user has there.
    pub name: String,
    /// When it is taken for gone if nothing more is heard of it.
    pub lease: Millis,
}

impl Chat {
    /// Does what an operator asks for, until `deadline`. `request` is the invocation's id, the same
    /// if it is repeated. What others are to see of it is left to [`Chat::after`].
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn operate(
        &self,
        operation: Operation,
        request: &str,
        deadline: Instant,
    ) -> Result<(Operated, Vec<After>), Refusal> {
        let done = match operation {
            Operation::Publish {
                room,
                body,
                from,
                key,
            } => {
                let key = key.unwrap_or_else(|| String::from(request));
                return self.publish(room, body, from, key).await;
            }
            Operation::Announce { room, user, text } => {
                self.announce(one_of(room, user)?, text, deadline).await?
            }
            Operation::Presence {
                room,
                user,
                cursor,
                limit,
            } => match one_of(room, user)? {
                Whom::Room(name) => {
                    let limit = limit.unwrap_or(PAGE_ITEMS).clamp(1, PAGE_ITEMS);
                    let room = self.any_room(&name).await?;
                    Operated::Who(self.users(&room, cursor.as_ref(), limit).await?)
                }
                Whom::User(user) => self.devices(&user).await?,
            },
            Operation::Disconnect { user } => self.disconnect(&user, deadline).await?,
        };
        Ok((done, Vec::new()))
    }

    async fn publish(
        &self,
        room: RoomName,
        body: Body,
        from: Option<Sender>,
        key: String,
    ) -> Result<(Operated, Vec<After>), Refusal> {
        check_body(&body).map_err(|(code, message)| Refusal::new(code, message))?;
        if key.is_empty() || key.len() > KEY_BYTES {
            return Err(bad("key: is not 1 to 128 bytes long"));
        }
        let is_operator = from.is_none();
        let from = from.map_or_else(operator, known_sender)?;
        let content = Content::Message {
            body,
            reply_to: None,
        };
        let append = || {
            let key = AppendKey::Message(key.clone());
            self.append(room.clone(), from.clone(), key, content.clone(), false)
        };
        let mut acted = append().await?;
        // A room for members takes the operator as one.
        let is_shut = matches!(&acted.outcome, Err(refusal) if refusal.code == Code::NotMember);
        if is_shut && is_operator {
            let member = Standing::Member(Role::Member);
            let history = &self.parts.history;
            history.set_standing(&room, &from.id, &member).await?;
            acted = append().await?;
        }
        match acted.outcome? {
            Answer::Sent(sent) => Ok((Operated::Published(sent), acted.after)),
            _ => Err(Refusal::new(Code::Internal, "the service is at fault")),
        }
    }

    async fn announce(
        &self,
        whom: Whom,
        text: String,
        deadline: Instant,
    ) -> Result<Operated, Refusal> {
        if text.trim().is_empty() || text.len() > BODY_BYTES {
            return Err(bad("text: is not 1 to 8,192 bytes long"));
        }
        let mut to = Vec::new();
        match whom {
            Whom::Room(name) => {
                let room = self.any_room(&name).await?;
                for index in 0..room.shards {
                    let room = name.clone();
                    let roster = self.roster(&Shard { room, index }).await?;
                    let v1 = |one: &&gatepost_store::Subscriber| one.dialect == Dialect::V1;
                    let heard = roster.subscribers().iter().filter(v1);
                    to.extend(heard.map(|one| one.connection.clone()));
                }
            }
            Whom::User(user) => {
                let connections = self.connections_of(&user).await?.into_iter();
                let heard = connections.filter(|one| one.subscriber.dialect == Dialect::V1);
                to.extend(heard.map(|one| one.subscriber.connection));
            }
        }
        let connections = to.len() as u64;
        let reached = self.tell(to, &Event::Notice { text }, deadline).await;
        Ok(Operated::Reached {
            connections,
            reached,
        })
    }

    async fn devices(&self, user: &UserId) -> Result<Operated, Refusal> {
        let connections = self.connections_of(user).await?.into_iter();
        let connections = connections.map(|one| Device {
            connection: one.subscriber.connection,
            name: one.subscriber.name,
            lease: one.lease,
        });
        Ok(Operated::Connections {
            connections: connections.collect(),
        })
    }

    async fn disconnect(&self, user: &UserId, deadline: Instant) -> Result<Operated, Refusal> {
        let mut by_dialect: BTreeMap<bool, Vec<ConnectionId>> = BTreeMap::new();
        for one in self.connections_of(user).await? {
            let is_v1 = one.subscriber.dialect == Dialect::V1;
            let connections = by_dialect.entry(is_v1).or_default();
            connections.push(one.subscriber.connection);
        }
        let (mut connections, mut reached) = (0, 0);
        for (is_v1, some) in by_dialect {
            connections += some.len() as u64;
            let bye = is_v1.then_some(Farewell::Kicked);
            reached += self.close(some, bye, deadline).await;
        }
        Ok(Operated::Reached {
            connections,
            reached,
        })
    }

    async fn connections_of(&self, user: &UserId) -> Result<Vec<Connection>, Refusal> {
        let registry = &self.parts.registry;
        let mut connections = registry.connections_of(user, self.now()).await?;
        connections.sort_by_key(|one| one.lease);
        Ok(connections)
    }

    /// A room, whoever may read it.
    async fn any_room(&self, name: &RoomName) -> Result<Room, Refusal> {
        let operator = operator()?;
        let (history, names) = (&self.parts.history, std::slice::from_ref(name));
        let found = history.rooms(names, &operator.id).await?.pop();
        found.ok_or_else(no_room)
    }
}

/// To or about whom.
enum Whom {
    Room(RoomName),
    User(UserId),
}

fn one_of(room: Option<RoomName>, user: Option<UserId>) -> Result<Whom, Refusal> {
    match (room, user) {
        (Some(room), None) => Ok(Whom::Room(room)),
        (None, Some(user)) => Ok(Whom::User(user)),
        (Some(_), Some(_)) | (None, None) => Err(bad("name either a room or a user")),
    }
}

fn operator() -> Result<Sender, Refusal> {
    Ok(Sender {
        id: OPERATOR.parse().expect("it is a user's id"),
        name: String::from("Operator"),
    })
}

/// A sender whom the operator names, held to what clients are held to.
fn known_sender(from: Sender) -> Result<Sender, Refusal> {
    let name = display_name(&from.name).map_err(|error| bad(format!("from.name {}", error.why)))?;
    if from.id.is_reserved() {
        return Err(bad("from.id begins with seed: or guest-"));
    }
    Ok(Sender { id: from.id, name })
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}
