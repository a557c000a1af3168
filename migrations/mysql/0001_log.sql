-- The log of every room, and who may do what in it. Runs on MySQL 8.0 to 9.x and MariaDB 10.11.
--
-- Ids of users are bytes: they are opaque, and every collation that both servers know would take
-- 'ann' and 'ann ' for one user. Times are milliseconds since 1970-01-01T00:00:00Z.

-- A room and the head of its log. The row's lock is what puts its appends in order.
create table room (
  id bigint not null auto_increment primary key,
  name varchar(64) character set ascii collate ascii_bin not null,
  kind varchar(8) character set ascii collate ascii_bin not null,   -- public, private or direct
  epoch bigint not null,               -- when it was made: another epoch is another log
  head bigint not null default 0,      -- the last seq
  floor bigint not null default 0,     -- everything up to this seq was purged
  shards smallint not null,            -- over how many its subscriptions spread; never changes
  last_at bigint not null,             -- when its last entry was committed
  active bigint not null default 0,    -- the minute of last_at: its index is touched once a minute
  unique key room_name (name),
  key room_active (active)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- One line of a log. Reads only ever ask for a range of the primary key.
create table message (
  room_id bigint not null,
  seq bigint not null,                 -- gapless from 1, in the order of commit
  at bigint not null,                  -- never goes back in the order of seq
  sender varbinary(64) not null,
  sender_name varchar(64) not null,    -- as the sender was called then
  producer varbinary(128) not null,    -- the client of a numbered send, else the gateway's messageId
  n bigint not null,                   -- the number of a numbered send, else 0
  kind varchar(16) character set ascii collate ascii_bin not null,
  body json not null,                  -- the rest of the entry; MySQL does not keep it verbatim
  digest binary(32) not null,          -- SHA-256 of what the client sent
  primary key (room_id, seq),
  unique key message_producer (room_id, sender, producer, n)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- How far a page load has numbered its sends to a room. Outlives the entries, so that a send stays
-- a repetition after its entry was purged.
create table producer (
  room_id bigint not null,
  sender varbinary(64) not null,
  client varbinary(64) not null,
  last_n bigint not null,
  updated_at bigint not null,
  primary key (room_id, sender, client),
  key producer_updated_at (updated_at)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- What a user is in a room. Without a role the user is no member, but may have read or be muted.
create table membership (
  room_id bigint not null,
  user_id varbinary(64) not null,
  role varchar(9) character set ascii collate ascii_bin null,   -- member, moderator or owner
  joined_at bigint null,
  read_seq bigint not null default 0,
  muted_until bigint null,
  primary key (room_id, user_id),
  key membership_user (user_id)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- Who is shut out of a room.
create table ban (
  room_id bigint not null,
  user_id varbinary(64) not null,
  ends_at bigint null,                 -- null: never
  primary key (room_id, user_id)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- Who was connected when, for the operator's questions; nothing in the chat reads it.
create table session (
  connection varchar(128) character set ascii collate ascii_bin not null primary key,
  user_id varbinary(64) not null,
  started_at bigint not null,
  ended_at bigint null,
  key session_user_id (user_id),
  key session_started_at (started_at)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

-- Who moderated whom. Rows are only ever added.
create table audit (
  id bigint not null auto_increment primary key,
  at bigint not null,
  room_id bigint not null,
  actor varbinary(64) not null,
  user_id varbinary(64) not null,
  op varchar(10) character set ascii collate ascii_bin not null,
  role varchar(9) character set ascii collate ascii_bin null,
  ends_at bigint null,
  key audit_room (room_id, id)
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;
