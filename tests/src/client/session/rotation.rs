//! A connection gives way to the next before the gateway ends it, and nobody notices: the old one is
//! closed once the new one was greeted and everything that was asked on the old one is answered.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::Instant;

use super::Asked;
use super::Over;
use super::Pending;
use super::Session;
use super::positions;
use crate::client::Link;
use crate::client::Outgoing;
use crate::socket::Received;

/// The other connection of a client that rotates.
pub(super) enum Other {
    /// The next one: its `hello` is not answered yet.
    Next(Link),
    /// The last one, with the number of the first action that was not asked on it.
    Last(Link, u64),
}

impl Other {
    pub(super) fn link(&mut self) -> &mut Link {
        match self {
            Self::Next(link) | Self::Last(link, _) => link,
        }
    }
}

impl Session {
    /// When the connection is to be replaced, counted from now.
    pub(super) fn schedule_rotation(&mut self) {
        let (least, most) = self.manner.rotation;
        let age = least + (most - least).mul_f64(self.random.between(0.0, 1.0));
        self.rotate_at = Some(Instant::now() + age);
    }

    /// Opens the next connection and says hello on it, while the old one goes on.
    pub(super) async fn rotate(&mut self) {
        self.rotate_at = None;
        let Ok(link) = self.dial.dial(&self.user).await else {
            return self.rotate_again();
        };
        let mut places = BTreeMap::new();
        for (room, view) in &mut self.views {
            if let Some(at) = view.at {
                view.is_asked = true;
                places.insert(room.clone(), at);
            }
        }
        self.resume(&places);
        let hello = json!({
            "action": "hello",
            "client": self.client,
            "resume": positions(&places),
        });
        let (asked, frame) = self.asked_next(Asked::Rotate(places), hello);
        // One that is closed says so in its inbox.
        let _ = link.out.send(Outgoing::Text(frame));
        self.other = Some(Other::Next(link));
        self.pending.extend([asked]);
    }

    /// The new connection was greeted: what comes from here on is asked on it.
    pub(super) fn rotated(&mut self) {
        let Some(Other::Next(next)) = self.other.take() else {
            return;
        };
        if let Some(last) = self.link.replace(next) {
            self.other = Some(Other::Last(last, self.asked + 1));
        }
        self.rotations += 1;
        self.schedule_rotation();
        self.schedule_ping();
    }

    /// The hello of the new connection came to nothing: the old one stays, and what it was to tell
    /// is asked there.
    pub(super) fn not_rotated(&mut self, places: &BTreeMap<String, (u64, u64)>) {
        places.keys().for_each(|room| self.sync(room));
        self.rotate_again();
    }

    fn rotate_again(&mut self) {
        if let Some(Other::Next(_)) = self.other {
            self.other = None;
        }
        let (least, most) = self.manner.back_off;
        self.rotate_at = Some(Instant::now() + (least * 4).min(most));
    }

    /// Something came over the other connection.
    pub(super) fn received_by_other(&mut self, received: Received) -> Result<(), Over> {
        match (received, &self.other) {
            (Received::Text(text), _) => self.text(&text),
            (_, Some(Other::Next(_))) => {
                let is_hello = |pending: &Pending| matches!(pending.what, Asked::Rotate(_));
                let hellos = self.pending.extract_if(|_, pending| is_hello(pending));
                let hellos: Vec<Pending> = hellos.map(|(_, pending)| pending).collect();
                hellos
                    .into_iter()
                    .for_each(|hello| self.unanswered(hello.what));
                Ok(())
            }
            // What it has not answered is repeated when it counts as unanswered.
            _ => {
                self.other = None;
                Ok(())
            }
        }
    }

    /// Closes the old connection when it has nothing more to answer.
    pub(super) fn leave_last(&mut self) {
        let Some(Other::Last(link, first)) = &self.other else {
            return;
        };
        let is_of_last = |id: &String| id.parse::<u64>().is_ok_and(|id| id < *first);
        if !self.pending.keys().any(is_of_last) {
            let _ = link.out.send(Outgoing::Close);
            self.other = None;
        }
    }
}
