//! The bounds of the protocol. The gateway's own are from the AWS page "Quotas for configuring and
//! running a WebSocket API in API Gateway"; the others are ours.

/// Bytes of one frame, either way (API Gateway: WebSocket frame size 32 KB).
pub const FRAME_BYTES: usize = 32_768;

/// Bytes of a message's body, serialised without white space.
pub const BODY_BYTES: usize = 8_192;

/// Levels of objects and lists in a body, the body itself included. MariaDB refuses JSON deeper
/// than 32 levels, MySQL deeper than 100, and the log wraps the body in one more.
pub const BODY_LEVELS: usize = 16;

/// Characters of an action's `id`.
pub const ACTION_ID_CHARS: usize = 64;

/// Characters of a user's name.
pub const NAME_CHARS: usize = 64;

/// Bytes of a user id.
pub const USER_ID_BYTES: usize = 64;

/// Bytes of a reaction's emoji: the longest sequences of Unicode's own list take 35.
pub const EMOJI_BYTES: usize = 64;

/// Entries a `join` may ask for.
pub const JOIN_ITEMS: u32 = 50;

/// Entries or rows one page of `history`, `rooms` or `who` may ask for.
pub const PAGE_ITEMS: u32 = 100;

/// Rooms one `hello`, `sync` or `ping` may name: as many as always fit the reply, even if no room
/// has a new entry. And so many rooms may a connection be subscribed to, as one `ping` renews.
pub const ROOMS: usize = 100;

/// Subscriptions up to which a room's members are told of each other's `joined`, `left`, `typing`
/// and `read`; above it they get `occupancy`.
pub const INTIMATE_SUBSCRIPTIONS: u64 = 50;

/// Milliseconds between two `occupancy` events of a room.
pub const OCCUPANCY_MS: u64 = 5_000;

/// Milliseconds between two `typing` events of a user in a room.
pub const TYPING_MS: u64 = 3_000;

/// Milliseconds between two stored `read` marks of a user in a room.
pub const READ_MS: u64 = 2_000;

/// Numbered sends of one client to one room that may be unanswered at a time.
pub const UNANSWERED_SENDS: u32 = 8;

/// Seconds a mute or a ban may last: 10 years. Without `seconds` it lasts for ever.
pub const STANDING_SECONDS: u64 = 315_360_000;

/// Milliseconds a connection lives at most (API Gateway: connection duration 2 hours).
pub const CONNECTION_MS: i64 = 7_200_000;

/// The largest integer that JavaScript reads exactly, 2^53 − 1: the bound of `seq`, `n` and `epoch`.
pub const INTEGER: u64 = (1 << 53) - 1;
