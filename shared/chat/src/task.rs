//! What the fan-out function is asked to do, as JSON in an asynchronous invocation.

use bytes::Bytes;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use serde::Deserialize;
use serde::Serialize;

use crate::Place;

/// One event of the fan-out function: `{"task":"drain"|"left"|"sweep", …}`. All may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Push what a shard of a room has not got yet.
    Drain {
        /// The room.
        room: RoomName,
        /// The shard, from 0.
        shard: u16,
        /// How many workers handed it on already, one to the next.
        #[serde(default)]
        hops: u8,
    },
    /// Connections ended: tell the rooms.
    Left {
        /// Whose.
        gone: Vec<Departure>,
    },
    /// Look for shards that lag and have no worker. Comes each minute.
    Sweep,
}

/// A connection that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// Its user.
    pub user: Sender,
    /// The rooms in which it was the user's last.
    pub rooms: Vec<Place>,
}

impl Task {
    /// The task as an event.
    #[must_use]
    pub fn to_payload(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("a task has only strings and numbers")
            .into()
    }
}
