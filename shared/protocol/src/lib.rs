//! Types of `gatepost.v1`, the chat protocol on the wire: ids, actions, entries, events, replies,
//! error codes, limits, and the packing of lists into frames. No I/O and no runtime.

mod entry;
mod id;

pub use entry::Body;
pub use entry::Content;
pub use entry::Entry;
pub use entry::Sender;
pub use id::ClientId;
pub use id::ConnectionId;
pub use id::InvalidId;
pub use id::RoomName;
pub use id::UserId;

/// Place of an entry in its room's log: gapless from 1 inside an epoch, in commit order.
pub type Seq = u64;

/// Generation of a room's log. Another value means another log: what a client holds is void.
/// Below 2^53, so that JavaScript reads it exactly.
pub type Epoch = u64;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;
