//! Kinds of rooms and roles in them.

use serde::Deserialize;
use serde::Serialize;

/// Who may read and write a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Anybody who is not banned.
    Public,
    /// Members.
    Private,
    /// Its two members.
    Direct,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read and write.
    Member,
    /// And moderate.
    Moderator,
    /// And appoint.
    Owner,
}
