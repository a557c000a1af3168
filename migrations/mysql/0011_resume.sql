-- What a client that comes back is told, in one round trip: its memberships, its rooms, and of each
-- room that it may read and that went on without it the entries that it lacks. Its session is
-- recorded with it.
--
-- Answers rows of three kinds, which their last column names: memberships; then for each room the
-- room, followed by its entries. A room's row is read before its entries, so that these may go
-- further than its head, never less far.
create procedure gatepost_resume_v1(
  in p_user varbinary(64),
  in p_positions json,                 -- [[room, epoch, seq], …], each room once
  in p_entries bigint,                 -- at most so many entries of all rooms, …
  in p_page bigint,                    -- … and of one room
  in p_memberships bigint,             -- at most so many memberships
  in p_connection varchar(128) character set ascii collate ascii_bin,   -- null: no session begins
  in p_started_at bigint
)
modifies sql data
sql security definer
begin
  declare v_id, v_epoch, v_head, v_floor, v_shards, v_is_banned, v_read, v_from, v_behind,
    v_page bigint;
  declare v_name varchar(64) character set ascii collate ascii_bin;
  declare v_kind varchar(8) character set ascii collate ascii_bin;
  declare v_role varchar(9) character set ascii collate ascii_bin;
  declare v_is_done boolean default false;
  -- After what a client has; where its log is another one, or its next entry is purged, the newest
  -- page. Null where there is nothing to read. `behind` is how many rooms have something.
  declare v_rooms cursor for
    select t.*, count(if(t.is_banned or t.kind <> 'public' and t.role is null, null, t.after_seq))
        over () as behind
      from (
        select r.id, r.name, r.kind, r.epoch, r.head, r.floor, r.shards, m.role,
            b.room_id is not null and (b.ends_at is null or b.ends_at
              > timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000) as is_banned,
            m.read_seq,
            case
              when p.epoch <> r.epoch or p.seq > r.head or p.seq < r.floor then -1
              when p.seq < r.head then p.seq
            end as after_seq
          from json_table(p_positions, '$[*]' columns (
              name varchar(64) path '$[0]', epoch bigint path '$[1]', seq bigint path '$[2]'
            )) p
          straight_join room r on r.name = convert(p.name using ascii) collate ascii_bin
          left join membership m on m.room_id = r.id and m.user_id = p_user
          left join ban b on b.room_id = r.id and b.user_id = p_user
      ) t;
  declare continue handler for not found set v_is_done = true;

  if p_memberships > 0 then
    select r.name, r.kind, m.role, r.head, m.read_seq,
        (select o.user_id from membership o
          where r.kind = 'direct' and o.room_id = r.id and o.user_id <> m.user_id
            and o.role is not null limit 1),
        'membership'
      from membership m join room r on r.id = m.room_id
      where m.user_id = p_user and m.role is not null
      order by r.name limit p_memberships;
  end if;

  if json_length(p_positions) > 0 then
    open v_rooms;
    rooms: loop
      fetch v_rooms into v_id, v_name, v_kind, v_epoch, v_head, v_floor, v_shards, v_role,
        v_is_banned, v_read, v_from, v_behind;
      if v_is_done then
        leave rooms;
      end if;
      select v_name, v_kind, v_epoch, v_head, v_floor, v_shards, v_role, v_is_banned, v_read, 'room';
      if v_from is not null and not v_is_banned and (v_kind = 'public' or v_role is not null) then
        set v_page = greatest(1, least(p_page, p_entries div v_behind));
        if v_from < 0 then
          -- Without holes above the floor: the newest are the last seqs.
          set v_from = greatest(0, v_head - v_page);
        end if;
        select m.seq, m.at, m.sender, m.sender_name, m.producer, m.n, m.kind,
            cast(m.body as char), 'entry'
          from message m where m.room_id = v_id and m.seq > v_from
          order by m.seq limit v_page;
      end if;
    end loop;
    close v_rooms;
  end if;

  if p_connection is not null then
    insert into session (connection, user_id, started_at)
      values (p_connection, p_user, p_started_at)
      on duplicate key update started_at = started_at;
  end if;
end
