//! The statements of the log. An append is one of them and a trigger, so that no process can stop in
//! the middle of one.

/// The log's clock: milliseconds, once per statement.
macro_rules! now {
    () => {
        "cast(round(unixepoch('subsec') * 1000) as integer)"
    };
}

/// ?1 room, ?2 bound, ?3 limit.
macro_rules! entries {
    ($compare:literal, $order:literal) => {
        concat!(
            "select m.seq, m.at, m.sender, m.sender_name, m.producer, m.n, m.kind, m.body
             from room r join message m on m.room_id = r.id
             where r.name = ?1 and m.seq ",
            $compare,
            " ?2 order by m.seq ",
            $order,
            " limit ?3"
        )
    };
}

pub(super) const AFTER: &str = entries!(">", "asc");
pub(super) const BEFORE: &str = entries!("<", "desc");

/// Whether a message `t` is still there for an entry to be about.
macro_rules! is_said {
    () => {
        "t.kind = 'message' and json_extract(t.body, '$.body.text') is not null"
    };
}

/// Whether a message `t` in a room `r` is the sender's to change: ?2 sender, a member `m`.
macro_rules! is_own {
    ($kind:literal, $moderates:literal) => {
        concat!(
            "(t.sender = ?2 or ",
            $kind,
            " = 'reaction' or ",
            $kind,
            " = 'delete' and r.kind <> 'direct' and (",
            $moderates,
            " or coalesce(m.role, 'member') <> 'member'))"
        )
    };
}

/// ?1 room, ?2 sender, ?3 its name, ?4 producer, ?5 n, ?6 kind, ?7 body, ?8 digest, ?9 target, ?10
/// whether the sender's token makes a moderator.
pub(super) const APPEND: &str = concat!(
    "insert into message
       (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest)
     select r.id, r.head + 1, max(r.last_at, ",
    now!(),
    "), ?2, ?3, ?4, ?5, ?6, ?7, ?8
       from room r left join membership m on m.room_id = r.id and m.user_id = ?2
      where r.name = ?1
        and (r.kind = 'public' or m.role is not null)
        and coalesce(m.muted_until, 0) <= ",
    now!(),
    "
        and not exists (select 1 from ban b where b.room_id = r.id and b.user_id = ?2
              and (b.ends_at is null or b.ends_at > ",
    now!(),
    "))
        and case when ?5 = 0
              then not exists (select 1 from message d
                where d.room_id = r.id and d.sender = ?2 and d.producer = ?4 and d.n = 0)
              else ?5 = 1 + coalesce((select p.last_n from producer p
                where p.room_id = r.id and p.sender = ?2 and p.client = ?4), 0) end
        and (?9 is null or exists (select 1 from message t
              where t.room_id = r.id and t.seq = ?9 and ",
    is_said!(),
    " and ",
    is_own!("?6", "?10"),
    "))
     returning (select epoch from room where id = room_id), seq, at,
       (select shards from room where id = room_id)"
);

/// Why nothing was appended: the same conditions one by one. ?1 room, ?2 sender, ?3 producer, ?4 n,
/// ?5 kind, ?6 target, ?7 whether the sender's token makes a moderator.
pub(super) const REFUSAL: &str = concat!(
    "select r.epoch, r.shards, r.kind = 'public' or m.role is not null, m.muted_until,
       exists (select 1 from ban b where b.room_id = r.id and b.user_id = ?2
         and (b.ends_at is null or b.ends_at > ",
    now!(),
    ")),
       coalesce((select p.last_n from producer p
         where p.room_id = r.id and p.sender = ?2 and p.client = ?3 and ?4 > 0), 0),
       d.seq, d.at, d.digest, ",
    now!(),
    ", r.floor, coalesce(",
    is_said!(),
    ", 0), coalesce(",
    is_own!("?5", "?7"),
    ", 0)
     from room r
     left join membership m on m.room_id = r.id and m.user_id = ?2
     left join message d
       on d.room_id = r.id and d.sender = ?2 and d.producer = ?3 and d.n = ?4
     left join message t on t.room_id = r.id and t.seq = ?6
     where r.name = ?1"
);

pub(super) const ROOMS: &str = concat!(
    "select r.name, r.kind, r.epoch, r.head, r.floor, r.shards, m.role,
       b.room_id is not null and (b.ends_at is null or b.ends_at > ",
    now!(),
    "), m.read_seq
     from room r
     left join membership m on m.room_id = r.id and m.user_id = ?2
     left join ban b on b.room_id = r.id and b.user_id = ?2
     where r.name in (select value from json_each(?1))"
);

/// ?1 name, ?2 kind, ?3 shards, ?4 first member, ?5 second member, ?6 their role.
pub(super) const CREATE: &str = concat!(
    "begin immediate;
     create temp table if not exists made (room_id integer);
     delete from made;
     insert into made select null where not exists (select 1 from room where name = ?1);
     insert into room (name, kind, epoch, shards, last_at)
       select ?1, ?2, ",
    now!(),
    ", ?3, ",
    now!(),
    " from made;
     insert into membership (room_id, user_id, role, joined_at)
       select r.id, u.column1, ?6, ",
    now!(),
    "
         from room r, (values (?4), (?5)) u
        where r.name = ?1 and u.column1 is not null
          and (?2 = 'direct' or exists (select 1 from made))
          and not exists (select 1 from ban b where b.room_id = r.id and b.user_id = u.column1
                and (b.ends_at is null or b.ends_at > ",
    now!(),
    "))
       on conflict do update set role = coalesce(role, excluded.role);
     select count(*) from made;
     commit"
);

/// Whether a user is banned from a room `r`.
macro_rules! is_banned {
    ($user:literal) => {
        concat!(
            "exists (select 1 from ban b where b.room_id = r.id and b.user_id = ",
            $user,
            " and (b.ends_at is null or b.ends_at > ",
            now!(),
            "))"
        )
    };
}

/// A role by its height; 0 is none.
macro_rules! rank {
    ($role:literal) => {
        concat!(
            "(case ",
            $role,
            " when 'owner' then 3 when 'moderator' then 2 when 'member' then 1 else 0 end)"
        )
    };
}

/// ?1 actor, null for the operator, who may do all and is not audited; ?2 the rank of its token, ?3
/// room, ?4 user, ?5 op, ?6 role, ?7 its end. Only one of the changes applies.
pub(super) const MODERATE: &str = concat!(
    "begin immediate;
     create temp table if not exists moderated
       (status text, room_id integer, shards integer, was text);
     delete from moderated;
     insert into moderated
       select case
           when ?1 is null then 'done'
           when ",
    is_banned!("?1"),
    " then 'banned'
           when r.kind <> 'public' and a.role is null then 'not_member'
           when r.kind = 'direct' or max(?2, ",
    rank!("a.role"),
    ") < 2 then 'forbidden'
           when ?5 = 'member' and u.role is not null then 'unchanged'
           when ",
    rank!("u.role"),
    " >= max(?2, ",
    rank!("a.role"),
    ") or ?5 = 'member' and ",
    is_banned!("?4"),
    " then 'forbidden'
           else 'done' end, r.id, r.shards, u.role
         from room r
         left join membership a on a.room_id = r.id and a.user_id = ?1
         left join membership u on u.room_id = r.id and u.user_id = ?4
        where r.name = ?3;
     insert into membership (room_id, user_id, role, joined_at)
       select room_id, ?4, ?6, ",
    now!(),
    " from moderated where status = 'done' and ?5 = 'member'
       on conflict do update set
         joined_at = iif(role is null, excluded.joined_at, joined_at), role = excluded.role;
     update membership set role = null where ?5 in ('not_member', 'banned') and user_id = ?4
       and room_id = (select room_id from moderated where status = 'done');
     insert into ban (room_id, user_id, ends_at)
       select room_id, ?4, ?7 from moderated where status = 'done' and ?5 = 'banned'
       on conflict do update set ends_at = excluded.ends_at;
     delete from ban where ?5 = 'unbanned' and user_id = ?4
       and room_id = (select room_id from moderated where status = 'done');
     insert into membership (room_id, user_id, muted_until)
       select room_id, ?4, ?7 from moderated where status = 'done' and ?5 = 'muted'
       on conflict do update set muted_until = excluded.muted_until;
     update membership set muted_until = null where ?5 = 'unmuted' and user_id = ?4
       and room_id = (select room_id from moderated where status = 'done');
     insert into audit (at, room_id, actor, user_id, op, role, ends_at)
       select ",
    now!(),
    ", room_id, ?1, ?4, ?5, ?6, ?7 from moderated where status = 'done' and ?1 is not null;
     select status, shards, was from moderated;
     commit"
);

pub(super) const MEMBERSHIPS: &str = "select r.name, r.kind, m.role, r.head, m.read_seq,
       (select o.user_id from membership o
         where r.kind = 'direct' and o.room_id = r.id and o.user_id <> ?1 and o.role is not null)
     from membership m join room r on r.id = m.room_id
     where m.user_id = ?1 and m.role is not null and r.name > ?2
     order by r.name limit ?3";

pub(super) const READ: &str = "insert into membership (room_id, user_id, read_seq)
     select id, ?2, min(?3, head) from room where name = ?1
     on conflict do update set read_seq = max(read_seq, excluded.read_seq)";

/// ?1 room, ?2 seq.
pub(super) const RENEW_EPOCH: &str = concat!(
    "update room set epoch = max(epoch + 1, ",
    now!(),
    ") where name = ?1 and head < ?2"
);

/// ?1 before, ?2 limit.
pub(super) const PURGE: &str = "begin immediate;
     create temp table if not exists old (room_id integer, seq integer);
     delete from old;
     insert into old
       select m.room_id, m.seq from message m
        where m.room_id = (select r.id from room r
            join message f on f.room_id = r.id and f.seq = r.floor + 1 where f.at < ?1 limit 1)
          and m.at < ?1
        order by m.seq limit ?2;
     delete from message where (room_id, seq) in (select room_id, seq from old);
     update room set floor = (select max(seq) from old) where id = (select min(room_id) from old);
     delete from producer where updated_at < ?1;
     delete from session where started_at < ?1 and coalesce(ended_at, started_at) < ?1;
     select count(*) from old;
     commit";

/// ?1 within how many milliseconds, ?2 limit.
pub(super) const RECENT: &str = concat!(
    "select name, head, shards from room
                 where active >= (",
    now!(),
    " - ?1) / 60000 and last_at >= ",
    now!(),
    " - ?1
                   and head > 0
                 order by last_at desc limit ?2"
);

/// ?1 connection, ?2 user, ?3 when.
pub(super) const OPEN_SESSION: &str =
    "insert into session (connection, user_id, started_at) values (?1, ?2, ?3)
                 on conflict do nothing";

/// ?1 connection, ?2 when.
pub(super) const CLOSE_SESSION: &str =
    "update session set ended_at = ?2 where connection = ?1 and ended_at is null";
