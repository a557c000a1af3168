//! The frames of one turn on their way to one connection, one after the other.

use std::sync::Arc;
use std::time::Duration;

use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Entry;
use gatepost_protocol::Epoch;
use gatepost_protocol::RoomName;
use gatepost_protocol::SeedFrame;
use gatepost_protocol::entries_frames;
use gatepost_store::Dialect;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::roster::Roster;

/// How long one post may take. The connection then catches up by `ping` and `sync`.
const POST: Duration = Duration::from_secs(1);

/// What one turn posts, in each dialect that the room's subscribers speak. Hashed once.
#[derive(Debug)]
pub(crate) struct Frames {
    v1: Vec<Payload>,
    seed: Vec<Payload>,
}

impl Frames {
    pub(crate) fn pack(room: &RoomName, epoch: Epoch, entries: &[Entry], roster: &Roster) -> Self {
        let mut frames = Self {
            v1: Vec::new(),
            seed: Vec::new(),
        };
        if roster.seeds() < roster.len() {
            let packed = entries_frames(room, epoch, entries).into_iter();
            frames.v1 = packed.map(|frame| Payload::new(frame.text)).collect();
        }
        if roster.seeds() > 0 {
            let known = entries.iter().filter_map(SeedFrame::from_entry);
            frames.seed = known.map(|frame| Payload::new(frame.to_frame())).collect();
        }
        frames
    }

    pub(crate) fn of(&self, dialect: Dialect) -> &[Payload] {
        match dialect {
            Dialect::V1 => &self.v1,
            Dialect::Seed => &self.seed,
        }
    }
}

/// One connection in one turn.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) roster: Arc<Roster>,
    /// The connection's place in the roster.
    pub(crate) index: usize,
    pub(crate) frames: Arc<Frames>,
    /// Frames that arrived.
    pub(crate) sent: usize,
    /// The round of posts that started it.
    pub(crate) round: u64,
}

impl Lane {
    pub(crate) fn connection(&self) -> &ConnectionId {
        self.roster.connection(self.index)
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.index < self.roster.seeds()
    }
}

/// How far a lane came.
#[derive(Debug)]
pub(crate) enum Landing {
    /// All frames arrived.
    Delivered,
    /// The connection is closed.
    Gone,
    /// 429.
    Throttled,
    /// No answer in time.
    Slow,
    /// The gateway did not answer.
    Unreachable(PostError),
    /// The gateway takes no posts from us at all.
    Refused(PostError),
}

/// Posts a lane's frames, each once the one before was taken. `last` is when the whole worker ends.
pub(crate) async fn fly(
    connections: Arc<dyn Connections>,
    mut lane: Lane,
    last: Instant,
) -> (Lane, Landing) {
    let dialect = lane.roster.dialect(lane.index);
    while let Some(frame) = lane.frames.of(dialect).get(lane.sent) {
        let until = last.min(Instant::now() + POST);
        let posted = timeout_at(until, connections.post(lane.connection(), frame)).await;
        let landing = match posted {
            Ok(Ok(())) => {
                lane.sent += 1;
                continue;
            }
            Ok(Err(PostError::TooLarge)) => {
                tracing::error!(bytes = frame.bytes().len(), "a frame is too large to post");
                lane.sent += 1;
                continue;
            }
            Err(_) => Landing::Slow,
            Ok(Err(PostError::Gone)) => Landing::Gone,
            Ok(Err(PostError::Throttled)) => Landing::Throttled,
            Ok(Err(error @ PostError::Unreachable(_))) => Landing::Unreachable(error),
            Ok(Err(error @ PostError::Forbidden(_))) => Landing::Refused(error),
        };
        return (lane, landing);
    }
    (lane, Landing::Delivered)
}
