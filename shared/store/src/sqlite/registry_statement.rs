//! The statements of the registry. Several in one text are one trip to SQLite's thread, and so one
//! transaction that no other call and no freeze can come into the middle of.

/// The form of the tables. A file of another one is made anew.
pub(super) const VERSION: i64 = 5;

/// `closed_until` is a tombstone: until then nothing can be added for the connection. `place`: a
/// connection under its user, so a post target. `replaced.who` is a client, or `@` and a connection.
pub(super) const TABLES: &str = "
begin immediate;
create table if not exists connection (
  id text primary key, user blob, name text, dialect text, client text, lease integer,
  closed_until integer
) strict, without rowid;
create table if not exists place (
  user blob not null, connection text not null, client text, lease integer not null,
  primary key (user, connection)
) strict, without rowid;
create table if not exists replaced (
  user blob not null, who text not null, ends integer not null, primary key (user, who)
) strict, without rowid;
create table if not exists evicted (
  user blob not null, room text not null, ends integer not null, primary key (user, room)
) strict, without rowid;
create table if not exists subscription (
  room text not null, shard integer not null, user blob not null, connection text not null,
  name text not null, dialect text not null, shards integer not null, lease integer not null,
  primary key (room, shard, user, connection)
) strict, without rowid;
create index if not exists subscription_connection on subscription (connection);
create table if not exists bucket (key text primary key, full integer not null) strict, without rowid;
create table if not exists occupancy (room text primary key, told integer not null)
  strict, without rowid;
create table if not exists head (room text primary key, seq integer not null) strict, without rowid;
create table if not exists fan_out (
  room text not null, shard integer not null, holder text, ends integer,
  dirty integer not null default 0, cursor integer, stamp integer,
  lapsed integer not null default 0, primary key (room, shard)
) strict, without rowid;
pragma user_version = 5;
commit";

/// What the statements of one call tell each other.
pub(super) const TEMPORARY: &str = "
create temp table verdict (open integer, refused integer);
create temp table wanted (
  number integer primary key, room text, shard integer, shards integer, head integer, first integer,
  renewed integer, confirm integer
);
create temp table admission (replaced integer, user_wait integer, room_wait integer);
create temp table leaving (id text primary key, client text);
create temp table lapsed (number integer, connection text, user blob, name text, dialect text);
create temp table taken (number integer primary key, key text, full integer, wait integer)";

pub(super) const CONNECT: &str = "
insert into connection (id, user, name, dialect, client, lease) values (?1, ?2, ?3, ?4, ?5, ?6)
on conflict do update set user = excluded.user, name = excluded.name, dialect = excluded.dialect,
  client = coalesce(excluded.client, client), lease = excluded.lease, closed_until = null
where closed_until is null or closed_until <= ?7";

pub(super) const SWEEP: &str = "
begin immediate;
delete from connection
  where coalesce(lease, 0) <= ?1 - 60000 and coalesce(closed_until, 0) <= ?1;
delete from place where lease <= ?1;
delete from replaced where ends <= ?1;
delete from evicted where ends <= ?1;
delete from bucket where full <= ?1 * 1000;
update fan_out set stamp = abs(random()) >> 11, lapsed = 0 where exists (select 1 from subscription s
  where s.room = fan_out.room and s.shard = fan_out.shard and s.lease <= ?1 - 3600000);
delete from subscription where lease <= ?1 - 3600000;
delete from occupancy
  where not exists (select 1 from subscription s where s.room = occupancy.room);
commit";

pub(super) const CONNECTION: &str = "
select id, user, name, dialect, client, lease from connection
where id = ?1 and user is not null and lease > ?2 and closed_until is null";

pub(super) const CONNECTIONS_OF: &str = "
select c.id, c.user, c.name, c.dialect, p.client, p.lease
from place p join connection c on c.id = p.connection
where p.user = ?1 and p.lease > ?2 and c.closed_until is null";

/// The user's other connections, if the one of a hello comes in.
macro_rules! others {
    () => {
        "from place where user = ?2 and connection <> ?1 and lease > ?7
         and (select open and not refused from verdict)"
    };
}

/// Puts the connection of a hello or a subscription under its user. A place whose lease has ended is
/// as good as none.
macro_rules! place {
    () => {
        "insert into place select ?2, ?1, ?5, ?6 from verdict where open and not refused
  on conflict do update set lease = excluded.lease,
    client = coalesce(excluded.client, iif(lease > ?7, client, null));"
    };
}

/// After [`CONNECT`]'s values ?8 policy, ?9 and ?10 until when a connection and a client stay
/// replaced, ?11 how many connections at most. Answers the connections that give way, then the
/// verdict.
pub(super) const HELLO: &str = concat!(
    "begin immediate;
delete from verdict;
insert into verdict select
  not exists (select 1 from connection where id = ?1 and closed_until > ?7),
  ?8 = 'takeover' and exists (select 1 from replaced
    where user = ?2 and who in ('@' || ?1, ?5) and ends > ?7);
insert into connection (id, user, name, dialect, client, lease)
  select ?1, ?2, ?3, ?4, ?5, ?6 from verdict where open
  on conflict do update set user = excluded.user, name = excluded.name, dialect = excluded.dialect,
    client = coalesce(excluded.client, client), lease = excluded.lease, closed_until = null;
delete from leaving;
insert into leaving select connection, client ",
    others!(),
    " and ?8 <> 'multi' and (client is null or client is not ?5);
insert into leaving select connection, null ",
    others!(),
    " and connection not in (select id from leaving)
  order by client is not null and client is ?5, lease desc limit -1 offset ?11 - 1;
insert into replaced select ?2, '@' || id, ?9 from leaving where true
  on conflict do update set ends = excluded.ends;
insert into replaced select distinct ?2, client, ?10 from leaving where client is not null
  on conflict do update set ends = excluded.ends;
delete from place where user = ?2 and connection in (select id from leaving) returning connection;
delete from replaced where user = ?2 and who in ('@' || ?1, ?5) and ?8 <> 'multi'
  and (select open and not refused from verdict);
",
    place!(),
    "
select open, refused from verdict;
commit"
);

/// When the bucket is full again once one more is taken; none is taken where there is no limit.
macro_rules! full {
    ($key:literal, $interval:literal) => {
        concat!(
            "max(coalesce((select full from bucket where key = ",
            $key,
            "), 0), ?3 * 1000) + ",
            $interval
        )
    };
}

/// ?1 connection, ?2 user, ?3 now, ?4 user's bucket, ?5 interval, ?6 room's bucket, ?7 interval,
/// ?8 tolerance.
pub(super) const ADMIT: &str = concat!(
    "begin immediate;
delete from admission;
insert into admission select
  exists (select 1 from replaced where user = ?2 and who = '@' || ?1 and ends > ?3),
  iif(?5 = 0, 0, ",
    full!("?4", "?5"),
    " - ?3 * 1000 - ?8),
  iif(?7 = 0, 0, ",
    full!("?6", "?7"),
    " - ?3 * 1000 - ?8);
insert into bucket select ?4, ",
    full!("?4", "?5"),
    " from admission
  where ?5 > 0 and not replaced and user_wait <= 0 and room_wait <= 0
  on conflict do update set full = excluded.full;
insert into bucket select ?6, ",
    full!("?6", "?7"),
    " from admission
  where ?7 > 0 and not replaced and user_wait <= 0 and room_wait <= 0
  on conflict do update set full = excluded.full;
select replaced, user_wait, room_wait,
  (select client from place where user = ?2 and connection = ?1 and lease > ?3) from admission;
commit"
);

/// ?1 bucket, ?2 interval.
pub(super) const REFUND: &str = "update bucket set full = full - ?2 where key = ?1";

/// ?1 now, ?2 `[[bucket, interval, tolerance], …]`. Answers the place of the limit that is reached,
/// and how long to wait, if one is.
pub(super) const TAKE: &str = "
begin immediate;
delete from taken;
insert into taken
  select number, bucket, full, full - ?1 * 1000 - tolerance from (
    select key as number, value ->> 0 as bucket, value ->> 2 as tolerance,
      max(coalesce((select b.full from bucket b where b.key = value ->> 0), 0), ?1 * 1000)
        + (value ->> 1) as full
    from json_each(?2));
insert into bucket select key, full from taken where not exists (select 1 from taken where wait > 0)
  on conflict do update set full = excluded.full;
select number, wait from taken where wait > 0 order by number limit 1;
commit";

/// ?1 room, ?2 now.
pub(super) const COUNT: &str = "select count(*) from subscription where room = ?1 and lease > ?2";

/// ?1 room, ?2 count. Answers a row if the count is another one than before.
pub(super) const NOTE_OCCUPANCY: &str = "
insert into occupancy values (?1, ?2)
  on conflict do update set told = excluded.told where told <> excluded.told
  returning 1";

/// After [`CONNECT`]'s values ?8 `[[room, shard, shards, head], …]`, ?9 stamp. Answers whether the
/// connection is open and whether it was replaced, then for each room whether with it the user comes
/// into the room, whether the connection is in it already, how many subscriptions its shard has, and
/// in how many rooms the connection is, and how many connections the user has; then the subscriptions
/// of other users whose lease had ended, each after the number of its room.
pub(super) const SUBSCRIBE: &str = concat!(
    "
begin immediate;
delete from verdict;
insert into verdict select
  not exists (select 1 from connection where id = ?1 and closed_until > ?7),
  exists (select 1 from replaced where user = ?2 and who = '@' || ?1 and ends > ?7);
insert into connection (id, user, name, dialect, client, lease)
  select ?1, ?2, ?3, ?4, ?5, ?6 from verdict where open
  on conflict do update set user = excluded.user, name = excluded.name, dialect = excluded.dialect,
    client = coalesce(excluded.client, client), lease = excluded.lease, closed_until = null;
delete from wanted;
insert into wanted
  select key, value ->> 0, value ->> 1, value ->> 2, value ->> 3,
    not exists (select 1 from subscription s where s.room = value ->> 0 and s.shard = value ->> 1
      and s.user = ?2 and s.lease > ?7),
    exists (select 1 from subscription s where s.room = value ->> 0 and s.shard = value ->> 1
      and s.user = ?2 and s.connection = ?1 and s.lease > ?7),
    not exists (select 1 from place where user = ?2 and connection = ?1 and lease > ?7)
      or exists (select 1 from evicted e where e.user = ?2 and e.room = value ->> 0 and e.ends > ?7)
  from json_each(?8) where (select open and not refused from verdict);
",
    place!(),
    "
delete from lapsed;
insert into lapsed select w.number, s.connection, s.user, s.name, s.dialect
  from wanted w join subscription s on s.room = w.room and s.shard = w.shard
  where s.lease <= ?7 and s.user <> ?2;
insert into fan_out (room, shard, cursor, stamp) select room, shard, head, ?9 from wanted where true
  on conflict do update set cursor = coalesce(cursor, excluded.cursor), lapsed = 0,
    stamp = iif(
      exists (select 1 from subscription s where s.room = fan_out.room
        and s.shard = fan_out.shard and s.lease <= ?7)
      or not exists (select 1 from subscription s where s.room = fan_out.room
        and s.shard = fan_out.shard and s.user = ?2 and s.connection = ?1),
      excluded.stamp, stamp);
delete from subscription where lease <= ?7 and (room, shard) in (select room, shard from wanted);
insert into subscription (room, shard, user, connection, name, dialect, shards, lease)
  select room, shard, ?2, ?1, ?3, ?4, shards, ?6 from wanted where true
  on conflict do update set lease = excluded.lease;
select open, refused from verdict;
select w.first, w.renewed,
  (select count(*) from subscription s where s.room = w.room and s.shard = w.shard),
  (select count(*) from subscription s where s.connection = ?1 and s.lease > ?7),
  (select count(*) from place where user = ?2 and lease > ?7),
  (select seq from head h where h.room = w.room), w.confirm and not w.renewed
  from wanted w order by w.number;
select number, connection, user, name, dialect from lapsed order by number, user, connection;
commit"
);

/// ?1 room, ?2 shard, ?3 user, ?4 connection, ?5 now, ?6 stamp.
pub(super) const UNSUBSCRIBE: &str = "
begin immediate;
update fan_out set stamp = ?6, lapsed = 0 where room = ?1 and shard = ?2 and exists (select 1
  from subscription where room = ?1 and shard = ?2 and user = ?3 and connection = ?4);
select
  exists (select 1 from subscription
    where room = ?1 and shard = ?2 and user = ?3 and connection = ?4 and lease > ?5),
  exists (select 1 from subscription
    where room = ?1 and shard = ?2 and user = ?3 and connection <> ?4 and lease > ?5);
delete from subscription where room = ?1 and shard = ?2 and user = ?3 and connection = ?4;
commit";

/// ?1 room, ?2 shard, ?3 user, ?4 now, ?5 stamp, ?6 until when it is remembered. Answers the
/// connections that were in it.
pub(super) const EVICT: &str = "
begin immediate;
insert into evicted values (?3, ?1, ?6) on conflict do update set ends = excluded.ends;
update fan_out set stamp = ?5, lapsed = 0 where room = ?1 and shard = ?2 and exists (select 1
  from subscription where room = ?1 and shard = ?2 and user = ?3);
select connection, user, name, dialect from subscription
  where room = ?1 and shard = ?2 and user = ?3 and lease > ?4;
delete from subscription where room = ?1 and shard = ?2 and user = ?3;
commit";

/// ?1 connection, ?2 now, ?3 end of the tombstone, ?4 stamp. Answers the connection, if it was
/// known, then its rooms and whether another connection of the user is in them.
pub(super) const REMOVE: &str = "
begin immediate;
select id, user, name, dialect from connection where id = ?1 and user is not null;
select s.room, s.shards, exists (select 1 from subscription o where o.room = s.room
    and o.shard = s.shard and o.user = s.user and o.connection <> ?1 and o.lease > ?2)
  from subscription s join connection c on c.id = s.connection and c.user is not null
  where s.connection = ?1 and s.lease > ?2;
update fan_out set stamp = ?4, lapsed = 0
  where (room, shard) in (select room, shard from subscription where connection = ?1);
delete from subscription where connection = ?1;
delete from place
  where connection = ?1 and user = (select user from connection where id = ?1);
insert into connection (id, closed_until) values (?1, ?3)
  on conflict do update set user = null, name = null, dialect = null, client = null, lease = null,
    closed_until = excluded.closed_until;
commit";

macro_rules! stamp {
    ($now:literal) => {
        concat!(
            "select stamp, lapsed <>
    (select count(*) from subscription where room = ?1 and shard = ?2 and lease <= ",
            $now,
            ") from fan_out where room = ?1 and shard = ?2"
        )
    };
}

/// ?1 room, ?2 shard, ?3 now. Answers the stamp, and whether more leases ended than when it was given.
pub(super) const STAMP: &str = stamp!("?3");

/// ?1 room, ?2 shard, ?3 now, ?4 stamp. Answers the stamp, then the list: what lapsed is not on it,
/// and stays until somebody subscribes or pings, who is told of it.
pub(super) const SUBSCRIBERS: &str = "
begin immediate;
insert into fan_out (room, shard, stamp, lapsed) select ?1, ?2, ?4, count(*)
    from subscription where room = ?1 and shard = ?2 and lease <= ?3
  on conflict do update set stamp = excluded.stamp, lapsed = excluded.lapsed
    where stamp is null or lapsed <> excluded.lapsed;
select stamp from fan_out where room = ?1 and shard = ?2;
select connection, user, name, dialect from subscription
  where room = ?1 and shard = ?2 and lease > ?3;
commit";

macro_rules! raise_head {
    ($seq:literal) => {
        concat!(
            "insert into head values (?1, ",
            $seq,
            ") on conflict do update set seq = max(seq, excluded.seq)"
        )
    };
}

/// ?1 room, ?2 seq.
pub(super) const RAISE_HEAD: &str = raise_head!("?2");

macro_rules! claim {
    () => {
        "insert into fan_out (room, shard, holder, ends) values (?1, ?2, ?3, ?5)
on conflict do update set
  dirty = holder is not null and holder <> ?3 and ends > ?4,
  holder = iif(holder is not null and holder <> ?3 and ends > ?4, holder, ?3),
  ends = iif(holder is not null and holder <> ?3 and ends > ?4, ends, ?5)
returning holder = ?3, cursor"
    };
}

/// ?1 room, ?2 shard, ?3 holder, ?4 now, ?5 end of the lease.
pub(super) const CLAIM: &str = claim!();

/// After [`CLAIM`]'s values ?6 seq. Answers what a claim does, then the room's head, then what
/// [`STAMP`] does.
pub(super) const BEGIN: &str = concat!(
    "begin immediate;
",
    raise_head!("?6"),
    ";
",
    claim!(),
    ";
select seq from head where room = ?1;
",
    stamp!("?4"),
    ";
commit"
);

/// ?1 room, ?2 shard, ?3 holder, ?4 cursor, ?5 end of the lease.
pub(super) const ADVANCE: &str = "
update fan_out set cursor = max(coalesce(cursor, 0), ?4), ends = ?5
where room = ?1 and shard = ?2 and holder = ?3 returning 1";

/// ?1 room, ?2 shard, ?3 holder, ?4 cursor. Answers whether it stays held, being dirty.
pub(super) const RELEASE: &str = "
update fan_out set cursor = max(coalesce(cursor, 0), ?4), dirty = 0,
  holder = iif(dirty, holder, null), ends = iif(dirty, ends, null)
where room = ?1 and shard = ?2 and holder = ?3 returning holder is not null";

/// ?1 room, ?2 seq.
pub(super) const FORGET_HEAD: &str = "delete from head where room = ?1 and seq = ?2";

/// ?1 room, ?2 shard, ?3 cursor.
pub(super) const FORGET_CURSOR: &str = "
update fan_out set cursor = null where room = ?1 and shard = ?2 and cursor = ?3";

/// ?1 room, ?2 shard, ?3 now.
pub(super) const PROGRESS: &str = "
select cursor, holder is not null and ends > ?3 from fan_out where room = ?1 and shard = ?2";
