//! Types of `gatepost.v1`, the chat protocol on the wire: ids, actions, entries, events, replies,
//! error codes, limits, and the packing of lists into frames. No I/O and no runtime.
//!
//! A frame comes in through [`parse()`] and leaves through [`ok_reply`], [`error_reply`],
//! [`entries_frames`] or [`Event::to_frame`], which keep it within [`limits::FRAME_BYTES`].
//! Every `user` in an event or a reply is `{"id","name"}`; in an action it is the id.

pub mod action;
mod code;
mod direct;
mod entry;
mod event;
mod fit;
mod id;
pub mod limits;
mod name;
mod pack;
mod parse;
mod reply;
mod room;
mod seed;

pub use action::Action;
pub use action::Position;
pub use code::Code;
pub use direct::direct_room;
pub use entry::Body;
pub use entry::Content;
pub use entry::Entry;
pub use entry::Sender;
pub use event::Event;
pub use event::Farewell;
pub use event::MembershipChange;
pub use id::ActionId;
pub use id::ClientId;
pub use id::ConnectionId;
pub use id::InvalidId;
pub use id::RoomName;
pub use id::UserId;
pub use name::display_name;
pub use pack::Cut;
pub use pack::EntriesFrame;
pub use pack::entries_frames;
pub use parse::ClientFrame;
pub use parse::ParseRefusal;
pub use parse::body as check_body;
pub use parse::parse;
pub use reply::Answer;
pub use reply::ErrorReply;
pub use reply::HelloOk;
pub use reply::HistoryOk;
pub use reply::JoinOk;
pub use reply::Limits;
pub use reply::MembershipOk;
pub use reply::PingOk;
pub use reply::RoomError;
pub use reply::RoomOk;
pub use reply::RoomState;
pub use reply::RoomsOk;
pub use reply::SentOk;
pub use reply::SyncOk;
pub use reply::WhoOk;
pub use reply::error_reply;
pub use reply::ok_reply;
pub use room::Role;
pub use room::RoomKind;
pub use seed::SeedFrame;
pub use seed::SeedId;

/// The name of the protocol, as a WebSocket subprotocol and in the answer to `hello`.
pub const PROTOCOL: &str = "gatepost.v1";

/// Place of an entry in its room's log: gapless from 1 inside an epoch, in commit order.
pub type Seq = u64;

/// Generation of a room's log. Another value means another log: what a client holds is void.
/// Below 2^53, so that JavaScript reads it exactly.
pub type Epoch = u64;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;
