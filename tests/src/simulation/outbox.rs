//! What a client writes to one room, in order, until it is acknowledged.

use std::collections::VecDeque;

use gatepost_protocol::Action;
use gatepost_protocol::Body;
use gatepost_protocol::ClientId;
use gatepost_protocol::Content;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_protocol::UserId;
use gatepost_protocol::action;
use tokio::time::Instant;

/// What is written.
#[derive(Debug, Clone)]
pub(super) enum Writing {
    Message,
    Edit(Seq),
    Delete(Seq),
    React(Seq),
    /// A message to one user.
    Direct(UserId),
}

/// An entry on its way.
#[derive(Debug)]
pub(super) struct Sending {
    /// Its number in the history.
    pub(super) send: u64,
    pub(super) n: u64,
    pub(super) writing: Writing,
    /// No other has it.
    text: String,
    /// Not before.
    pub(super) due: Instant,
    pub(super) under_way: bool,
}

impl Sending {
    pub(super) fn content(&self) -> Content {
        let body = body(&self.text);
        match self.writing {
            Writing::Message | Writing::Direct(_) => Content::Message {
                body,
                reply_to: None,
            },
            Writing::Edit(target) => Content::Edit { target, body },
            Writing::Delete(target) => Content::Delete { target },
            Writing::React(target) => Content::Reaction {
                target,
                emoji: self.text.clone(),
                on: true,
            },
        }
    }
}

/// What goes to one room.
#[derive(Debug)]
pub(super) struct Outbox {
    page: ClientId,
    /// The client that numbers count for: another one after a final refusal, or where the log
    /// counts anew.
    pub(super) client: ClientId,
    generation: u32,
    last_n: u64,
    pub(super) queue: VecDeque<Sending>,
}

impl Outbox {
    pub(super) fn new(page: &ClientId) -> Self {
        Self {
            page: page.clone(),
            client: page.clone(),
            generation: 1,
            last_n: 0,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, send: u64, writing: Writing) -> &Sending {
        self.last_n += 1;
        self.queue.push_back(Sending {
            send,
            n: self.last_n,
            writing,
            text: format!("{} {send}", self.page),
            due: Instant::now(),
            under_way: false,
        });
        &self.queue[self.queue.len() - 1]
    }

    /// Counts from 1 again, as another client.
    pub(super) fn count_anew(&mut self) {
        self.generation += 1;
        self.client = format!("{}-g{}", self.page, self.generation)
            .parse()
            .expect("17 to 64 characters");
        self.last_n = 0;
        for sending in &mut self.queue {
            self.last_n += 1;
            sending.n = self.last_n;
        }
    }

    /// The first, if it is time, as the action that it is.
    pub(super) fn ready(&mut self, room: &RoomName, now: Instant) -> Option<Action> {
        let client = Some(self.client.clone());
        let first = self.queue.front_mut()?;
        if first.under_way || first.due > now {
            return None;
        }
        first.under_way = true;
        let (room, n) = (room.clone(), Some(first.n));
        let (body, numbering) = (body(&first.text), action::Numbering { client, n });
        Some(match first.writing.clone() {
            Writing::Message => Action::Send(action::Send {
                room,
                body,
                numbering,
                reply_to: None,
            }),
            Writing::Direct(to) => Action::Direct(action::Direct {
                to,
                body,
                numbering,
            }),
            Writing::Edit(target) => Action::Edit(action::Edit {
                room,
                target,
                body,
                numbering,
            }),
            Writing::Delete(target) => Action::Delete(action::Delete {
                room,
                target,
                numbering,
            }),
            Writing::React(target) => Action::React(action::React {
                room,
                target,
                emoji: first.text.clone(),
                on: true,
                numbering,
            }),
        })
    }
}

fn body(text: &str) -> Body {
    let body = serde_json::json!({ "text": text });
    body.as_object().cloned().unwrap_or_default()
}
