//! The seed's page: frames of `username`, `userid` and `msg` on an anonymous guest connection.

use gatepost_protocol::ClientId;
use gatepost_protocol::Code;
use gatepost_protocol::Content;
use gatepost_protocol::RoomKind;
use gatepost_protocol::SeedFrame;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_store::AppendKey;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::Greeting;
use gatepost_store::Room;
use gatepost_store::SessionPolicy;
use gatepost_store::Subscriber;
use ring::digest::SHA256;
use ring::digest::digest;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::connect::given_up;
use crate::outcome::no_room;

/// How a frame's connection stands to the frame's user.
enum Standing {
    /// It is this user's.
    Known,
    /// It is nobody's yet.
    New,
}

impl Chat {
    /// Does what a frame of the seed's page asks for: registers its sender, and sends to the room
    /// of that page. Nothing is answered to a frame that succeeds; the sender gets it pushed.
    pub async fn seed(&self, caller: &Caller, frame: SeedFrame) -> Acted {
        match self.seed_frame(caller, frame).await {
            Ok(acted) => acted,
            Err(refusal) => Acted::refused(refusal),
        }
    }

    async fn seed_frame(&self, caller: &Caller, frame: SeedFrame) -> Result<Acted, Refusal> {
        let now = self.now();
        if !self.parts.settings.guests {
            return Err(Refusal::new(
                Code::Unauthorized,
                "guests are not admitted here",
            ));
        }
        if caller.is_expired(now) {
            return Err(crate::act::token_expired());
        }
        if !caller.anonymous {
            return Err(Refusal::new(Code::BadRequest, "action: is missing"));
        }
        let user = frame
            .user()
            .map_err(|error| Refusal::new(Code::BadRequest, format!("userid: {}", error.why)))?;
        let connection = Connection {
            subscriber: Subscriber {
                connection: caller.connection.clone(),
                user: user.clone(),
                name: frame.username.clone(),
                dialect: Dialect::Seed,
            },
            // Every connection is a client of its own, so that a newer one replaces it.
            client: Some(client_of(caller)),
            lease: caller.ends_at(),
        };
        let mut after = Vec::new();
        match self.standing(caller, &user).await? {
            Standing::Known => {}
            Standing::New => {
                let policy = SessionPolicy::Takeover { take: true };
                match self.parts.registry.hello(&connection, policy, now).await? {
                    Greeting::Welcome { replaced } if replaced.is_empty() => {}
                    Greeting::Welcome { replaced } => {
                        after.push(After::Close {
                            connections: replaced,
                            bye: None,
                        });
                    }
                    Greeting::Replaced | Greeting::Closed => return Ok(given_up(caller, None)),
                }
                after.push(After::Session {
                    connection: caller.connection.clone(),
                    user: user.clone(),
                    at: caller.connected_at,
                });
            }
        }
        let mut acted = match self
            .seed_send(caller, &connection, &frame, &mut after)
            .await
        {
            Ok(acted) => acted,
            Err(refusal) => Acted::refused(refusal),
        };
        // The older connections are to be closed, whatever became of the message.
        acted.after.splice(0..0, after);
        Ok(acted)
    }

    async fn seed_send(
        &self,
        caller: &Caller,
        connection: &Connection,
        frame: &SeedFrame,
        after: &mut Vec<After>,
    ) -> Result<Acted, Refusal> {
        let subscriber = &connection.subscriber;
        let from = Sender {
            id: subscriber.user.clone(),
            name: frame.username.clone(),
        };
        let room = self.seed_room(&from.id).await?;
        // With every frame: a worker that died between registering and this left nothing else to
        // find it out by.
        let wanted = crate::hello::subscriptions(std::slice::from_ref(&room));
        let subscribed = self
            .parts
            .registry
            .subscribe(connection, &wanted, self.now())
            .await?;
        match subscribed {
            None => return Ok(given_up(caller, None)),
            Some(found) => {
                let place = || crate::Place {
                    room: room.name.clone(),
                    shards: room.shards,
                };
                for found in found.into_iter().filter(crate::announce::is_intimate) {
                    if found.first_device {
                        after.push(After::Joined {
                            place: place(),
                            user: from.clone(),
                        });
                    }
                    after.extend(
                        crate::hello::departed(found.lapsed).map(|user| After::Left {
                            place: place(),
                            user,
                        }),
                    );
                }
            }
        }
        if self.admit(caller, &from, &room.name).await?.degraded {
            return Err(Refusal::new(Code::Unavailable, "nobody would get this now"));
        }
        let key = AppendKey::Message(caller.message_id.clone());
        let content = Content::Message {
            body: frame.body(),
            reply_to: None,
        };
        self.append(room.name, from, key, content, false).await
    }

    /// Refuses a frame whose connection is another's.
    async fn standing(&self, caller: &Caller, user: &UserId) -> Result<Standing, Refusal> {
        let now = self.now();
        let registry = &self.parts.registry;
        let known = registry.connection(&caller.connection, now).await?;
        let taken = |message| Refusal::new(Code::Forbidden, message);
        match known.map(|known| known.subscriber) {
            None => Ok(Standing::New),
            Some(known) if known.dialect == Dialect::Seed => match known.user == *user {
                true => Ok(Standing::Known),
                false => Err(taken("this connection has another userid")),
            },
            // `$connect` recorded the guest; only a hello or a join made it a post target.
            Some(known) => {
                let listed = registry.connections_of(&known.user, now).await?;
                let is_v1 = listed
                    .iter()
                    .any(|other| other.subscriber.connection == caller.connection);
                match is_v1 {
                    true => Err(taken("this connection speaks gatepost.v1")),
                    false => Ok(Standing::New),
                }
            }
        }
    }

    async fn seed_room(&self, user: &UserId) -> Result<Room, Refusal> {
        let name = &self.parts.settings.seed_room;
        let history = &self.parts.history;
        let names = std::slice::from_ref(name);
        if let Some(room) = history.rooms(names, user).await?.pop() {
            return crate::outcome::unreadable(&room).map_or(Ok(room), Err);
        }
        let shards = self.parts.settings.shards_of(name);
        history
            .create_room(name, RoomKind::Public, shards, None)
            .await?;
        history.rooms(names, user).await?.pop().ok_or_else(no_room)
    }
}

fn client_of(caller: &Caller) -> ClientId {
    let digest = digest(&SHA256, caller.connection.as_str().as_bytes());
    let hex: String = digest.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex.parse().expect("32 hexadecimal digits")
}
