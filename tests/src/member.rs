//! A `gatepost.v1` client for the tests: sends actions, waits for their replies, keeps events.
//! It applies nothing by itself: what a test sees is what came over the wire.

use std::collections::VecDeque;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;
use serde_json::json;

use crate::socket::Received;
use crate::socket::Socket;

/// One connection of a user.
#[derive(Debug)]
pub struct Member {
    /// The connection.
    pub socket: Socket,
    /// `entries` events that came so far, each of them a post to this connection.
    pub pushes: u64,
    events: VecDeque<Value>,
    next_id: u64,
}

impl Member {
    /// Opens `url` as `user` in guest mode, and says hello.
    ///
    /// # Errors
    /// If the handshake or the hello is refused.
    pub async fn hello(url: &str, user: &str) -> anyhow::Result<Self> {
        let mut member = Self::open(&format!("{url}?user={user}&name={user}")).await?;
        member.ok(json!({"action": "hello"})).await?;
        Ok(member)
    }

    /// Opens `url` and says nothing.
    ///
    /// # Errors
    /// If the handshake is refused.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let socket = Socket::open(url).await?;
        Ok(Self {
            socket,
            pushes: 0,
            events: VecDeque::new(),
            next_id: 0,
        })
    }

    /// Sends an action and answers its whole reply, `ok` or `error`.
    ///
    /// # Errors
    /// If no reply comes.
    pub async fn act(&mut self, action: Value) -> anyhow::Result<Value> {
        let id = self.start(action).await?;
        self.reply(&id).await
    }

    /// Sends an action, does not wait; answers the id of the reply to come.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn start(&mut self, mut action: Value) -> anyhow::Result<String> {
        self.next_id += 1;
        let id = self.next_id.to_string();
        action["id"] = json!(id);
        self.socket.send(&action.to_string()).await?;
        Ok(id)
    }

    /// Waits for the reply to `id`; events that come before it are kept.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn reply(&mut self, id: &str) -> anyhow::Result<Value> {
        loop {
            let frame = self
                .frame()
                .await
                .with_context(|| format!("waiting for reply {id}"))?;
            if frame["reply"] == json!(id) {
                return Ok(frame);
            }
            if frame.get("event").is_none() {
                bail!("waiting for reply {id}, got {frame}");
            }
            self.events.push_back(frame);
        }
    }

    /// Sends an action that must succeed; answers its `ok`.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn ok(&mut self, action: Value) -> anyhow::Result<Value> {
        let reply = self.act(action.clone()).await?;
        match reply.get("ok") {
            Some(ok) => Ok(ok.clone()),
            None => bail!("{action} was refused: {reply}"),
        }
    }

    /// Sends an action that must be refused; answers its `error`.
    ///
    /// # Errors
    /// If it succeeds.
    pub async fn refused(&mut self, action: Value) -> anyhow::Result<Value> {
        let reply = self.act(action.clone()).await?;
        match reply.get("error") {
            Some(error) => Ok(error.clone()),
            None => bail!("{action} was not refused: {reply}"),
        }
    }

    /// Joins `room`; answers the `ok`.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn join(&mut self, room: &str) -> anyhow::Result<Value> {
        self.ok(json!({"action": "join", "room": room})).await
    }

    /// Sends `text` to `room`; answers its seq.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn say(&mut self, room: &str, text: &str) -> anyhow::Result<u64> {
        let action = json!({"action": "send", "room": room, "body": {"text": text}});
        self.ok(action).await?["seq"]
            .as_u64()
            .context("a seq in the reply")
    }

    /// The next event called `name`; other events before it are passed over.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self
                    .frame()
                    .await
                    .with_context(|| format!("waiting for {name}"))?,
            };
            if event["event"] == name {
                return Ok(event);
            }
        }
    }

    /// The next event, whatever it is. May be abandoned.
    ///
    /// # Errors
    /// If none comes.
    pub async fn next_event(&mut self) -> anyhow::Result<Value> {
        match self.events.pop_front() {
            Some(event) => Ok(event),
            None => self.frame().await,
        }
    }

    /// Every event up to the first that pushes entries of `room`, this one included.
    ///
    /// # Errors
    /// If none comes.
    pub async fn events_to(&mut self, room: &str) -> anyhow::Result<Vec<Value>> {
        let mut events = Vec::new();
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self
                    .frame()
                    .await
                    .with_context(|| format!("waiting for entries of {room}"))?,
            };
            let is_last = event["event"] == "entries" && event["room"] == room;
            events.push(event);
            if is_last {
                return Ok(events);
            }
        }
    }

    /// Waits until entries up to `seq` of `room` have been pushed; answers them as they came.
    ///
    /// # Errors
    /// If they do not come.
    pub async fn entries_to(&mut self, room: &str, seq: u64) -> anyhow::Result<Vec<Value>> {
        let mut entries = Vec::new();
        loop {
            let event = self
                .event("entries")
                .await
                .with_context(|| format!("{seq} of {room}"))?;
            if event["room"] != room {
                continue;
            }
            entries.extend(event["items"].as_array().context("items")?.iter().cloned());
            if entries
                .iter()
                .any(|entry| entry["seq"].as_u64() >= Some(seq))
            {
                return Ok(entries);
            }
        }
    }

    /// Waits for the server's close frame.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn closed(&mut self) -> anyhow::Result<u16> {
        loop {
            match self.socket.next().await? {
                Received::Text(_) => {}
                Received::Close(code, _) => return Ok(code),
                Received::Dropped => return Ok(1006),
            }
        }
    }

    async fn frame(&mut self) -> anyhow::Result<Value> {
        let frame: Value =
            serde_json::from_str(&self.socket.text().await?).context("a frame that is JSON")?;
        self.pushes += u64::from(frame["event"] == "entries");
        Ok(frame)
    }
}
