//! The statements. What takes a lock is a procedure (`migrations/mysql`).

/// The log's clock: milliseconds.
macro_rules! now {
    () => {
        "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)"
    };
}

macro_rules! entries {
    ($compare:literal, $order:literal) => {
        concat!(
            "select m.seq, m.at, m.sender, m.sender_name, m.producer, m.n, m.kind,
               cast(m.body as char)
             from room r join message m on m.room_id = r.id
             where r.name = ? and m.seq ",
            $compare,
            " ? order by m.seq ",
            $order,
            " limit ?"
        )
    };
}

/// Room, bound, limit.
pub(super) const AFTER: &str = entries!(">", "asc");
pub(super) const BEFORE: &str = entries!("<", "desc");

/// Every change of its parameters or of what it answers is a new procedure: `gatepost_append_v3`.
pub(super) const APPEND: &str = "call gatepost_append_v2(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub(super) const CREATE: &str = "call gatepost_create_room_v1(?, ?, ?, ?, ?)";
pub(super) const STANDING: &str = "call gatepost_set_standing_v1(?, ?, ?, ?, ?, ?)";
pub(super) const MODERATE: &str = "call gatepost_moderate_v1(?, ?, ?, ?, ?, ?, ?)";
pub(super) const RESUME: &str = "call gatepost_resume_v1(?, ?, ?, ?, ?, ?, ?)";
pub(super) const PURGE: &str = "call gatepost_purge_v2(?, ?)";

/// Followed by as many `?` as names, and `)`.
pub(super) const ROOMS: &str = concat!(
    "select r.name, r.kind, r.epoch, r.head, r.floor, r.shards, m.role,
       b.room_id is not null and (b.ends_at is null or b.ends_at > ",
    now!(),
    "), m.read_seq
     from room r
     left join membership m on m.room_id = r.id and m.user_id = ?
     left join ban b on b.room_id = r.id and b.user_id = ?
     where r.name in ("
);

pub(super) const MEMBERSHIPS: &str = "select r.name, r.kind, m.role, r.head, m.read_seq,
       (select o.user_id from membership o
         where r.kind = 'direct' and o.room_id = r.id and o.user_id <> m.user_id
           and o.role is not null limit 1)
     from membership m join room r on r.id = m.room_id
     where m.user_id = ? and m.role is not null and r.name > ?
     order by r.name limit ?";

pub(super) const READ: &str = "insert into membership (room_id, user_id, read_seq)
     select id, ?, least(?, head) from room where name = ?
     on duplicate key update read_seq = greatest(membership.read_seq, least(?, room.head))";

pub(super) const RECENT: &str = concat!(
    "select name, head, shards from room
     where active >= (",
    now!(),
    " - ?) div 60000 and last_at >= ",
    now!(),
    " - ? and head > 0
     order by last_at desc limit ?"
);

/// Room, seq.
pub(super) const RENEW_EPOCH: &str = concat!(
    "update room set epoch = greatest(epoch + 1, ",
    now!(),
    ") where name = ? and head < ?"
);

/// Connection, user, when.
pub(super) const OPEN_SESSION: &str =
    "insert into session (connection, user_id, started_at) values (?, ?, ?)
                 on duplicate key update started_at = started_at";

/// When, connection.
pub(super) const CLOSE_SESSION: &str =
    "update session set ended_at = ? where connection = ? and ended_at is null";
