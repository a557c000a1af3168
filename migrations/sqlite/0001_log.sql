-- The log of every room, and who may do what in it; migrations/mysql/0001_log.sql says more about
-- each column. Ids of users are bytes, times are milliseconds since 1970-01-01T00:00:00Z.

-- A room and the head of its log.
create table room (
  id integer primary key,
  name text not null unique,
  kind text not null,
  epoch integer not null,
  head integer not null default 0,
  floor integer not null default 0,
  shards integer not null,
  last_at integer not null,
  active integer not null default 0
) strict;
create index room_active on room (active);

-- One line of a log.
create table message (
  room_id integer not null,
  seq integer not null,
  at integer not null,
  sender blob not null,
  sender_name text not null,
  producer blob not null,
  n integer not null,
  kind text not null,
  body text not null,
  digest blob not null,
  primary key (room_id, seq)
) strict, without rowid;
create unique index message_producer on message (room_id, sender, producer, n);

-- How far a page load has numbered its sends to a room.
create table producer (
  room_id integer not null,
  sender blob not null,
  client blob not null,
  last_n integer not null,
  updated_at integer not null,
  primary key (room_id, sender, client)
) strict, without rowid;

-- What a user is in a room; without a role no member.
create table membership (
  room_id integer not null,
  user_id blob not null,
  role text,
  joined_at integer,
  read_seq integer not null default 0,
  muted_until integer,
  primary key (room_id, user_id)
) strict, without rowid;
create index membership_user on membership (user_id);

-- Who is shut out of a room.
create table ban (
  room_id integer not null,
  user_id blob not null,
  ends_at integer,
  primary key (room_id, user_id)
) strict, without rowid;

-- Who was connected when.
create table session (
  connection text not null primary key,
  user_id blob not null,
  started_at integer not null,
  ended_at integer
) strict, without rowid;

-- Who moderated whom.
create table audit (
  id integer primary key,
  at integer not null,
  room_id integer not null,
  actor blob not null,
  user_id blob not null,
  op text not null,
  role text,
  ends_at integer
) strict;
