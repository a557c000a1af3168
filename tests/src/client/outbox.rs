//! A client's sends to one room: numbered, a few unanswered at a time, repeated until it is known
//! what became of them.

use std::collections::VecDeque;

use gatepost_protocol::Body;
use gatepost_protocol::Content;
use serde_json::Value;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Sent;
use crate::checker::Event;
use crate::checker::Witness;
use crate::checker::digest;

/// The sends of one room.
#[derive(Debug)]
pub(super) struct Outbox {
    room: String,
    window: usize,
    client: String,
    n: u64,
    /// The next number is the first of a new `client`, once all that is under way is answered.
    is_renewed: bool,
    queue: VecDeque<Letter>,
    /// Nothing is sent before.
    pub(super) rest_until: Option<Instant>,
}

/// One send.
#[derive(Debug)]
struct Letter {
    /// Its number in the history.
    send: u64,
    body: Value,
    /// `client` and `n`, once it was sent.
    key: Option<(String, u64)>,
    is_under_way: bool,
    is_noted: bool,
    told: Option<oneshot::Sender<Sent>>,
}

impl Outbox {
    pub(super) fn new(room: &str, window: usize, client: String) -> Self {
        Self {
            room: room.to_owned(),
            window,
            client,
            n: 0,
            is_renewed: false,
            queue: VecDeque::new(),
            rest_until: None,
        }
    }

    /// Sends whose outcome is open.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn add(&mut self, send: u64, text: &str, told: oneshot::Sender<Sent>) {
        self.queue.push_back(Letter {
            send,
            body: json!({ "text": text }),
            key: None,
            is_under_way: false,
            is_noted: false,
            told: Some(told),
        });
    }

    /// The next frame to send, with the number of its send, if one may go now.
    pub(super) fn next(
        &mut self,
        new_client: impl FnOnce() -> String,
        witness: &Witness,
    ) -> Option<(u64, Value)> {
        let now = Instant::now();
        if self.rest_until.is_some_and(|until| now < until) {
            return None;
        }
        self.rest_until = None;
        let under_way = self.queue.iter().filter(|letter| letter.is_under_way);
        let under_way = under_way.count();
        if under_way >= self.window || (self.is_renewed && under_way > 0) {
            return None;
        }
        if self.is_renewed {
            (self.client, self.n, self.is_renewed) = (new_client(), 0, false);
            // All that is left was never stored: it gets numbers of the new client.
            self.queue.iter_mut().for_each(|letter| letter.key = None);
        }
        let letter = self.queue.iter_mut().find(|letter| !letter.is_under_way)?;
        let (client, n) = letter
            .key
            .get_or_insert_with(|| {
                self.n += 1;
                (self.client.clone(), self.n)
            })
            .clone();
        letter.is_under_way = true;
        if !std::mem::replace(&mut letter.is_noted, true) {
            witness.note(Event::Send {
                room: self.room.clone(),
                send: letter.send,
                client: Some(client.clone()),
                n: Some(n),
                digest: digest(&message(&letter.body)),
            });
        }
        let frame = json!({
            "action": "send",
            "room": self.room,
            "client": client,
            "n": n,
            "body": letter.body,
        });
        Some((letter.send, frame))
    }

    /// It is durable.
    pub(super) fn acknowledged(&mut self, send: u64, seq: u64) {
        if let Some(mut letter) = self.take(send)
            && let Some(told) = letter.told.take()
        {
            // The test may not wait for it.
            let _ = told.send(Sent::Ok(seq));
        }
    }

    /// It was refused for good: what comes after it is numbered anew.
    pub(super) fn failed(&mut self, send: u64, code: &str) {
        self.is_renewed = true;
        if let Some(mut letter) = self.take(send)
            && let Some(told) = letter.told.take()
        {
            let _ = told.send(Sent::Failed(code.to_owned()));
        }
    }

    /// It was refused for now, or not answered.
    pub(super) fn refused(&mut self, send: u64, again_at: Instant, expected: Option<u64>) {
        let oldest = self.queue.iter().find_map(|letter| letter.key.as_ref());
        if let (Some(expected), Some((_, oldest))) = (expected, oldest)
            && expected < *oldest
        {
            self.is_renewed = true;
        }
        if let Some(letter) = self.queue.iter_mut().find(|letter| letter.send == send) {
            letter.is_under_way = false;
        }
        self.rest_until = Some(
            self.rest_until
                .map_or(again_at, |until| until.max(again_at)),
        );
    }

    /// The log is another one.
    pub(super) fn new_epoch(&mut self) {
        self.is_renewed = true;
    }

    /// The connection is lost: everything under way is sent again.
    pub(super) fn lost(&mut self) {
        for letter in &mut self.queue {
            letter.is_under_way = false;
        }
        self.rest_until = None;
    }

    /// The client ends: what is open stays unknown.
    pub(super) fn unknown(&self) -> impl Iterator<Item = u64> {
        let sent = self.queue.iter().filter(|letter| letter.is_noted);
        sent.map(|letter| letter.send)
    }

    fn take(&mut self, send: u64) -> Option<Letter> {
        let at = self.queue.iter().position(|letter| letter.send == send)?;
        self.queue.remove(at)
    }
}

fn message(body: &Value) -> Content {
    let body: Body = body.as_object().cloned().unwrap_or_default();
    Content::Message {
        body,
        reply_to: None,
    }
}
