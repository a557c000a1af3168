-- gatepost_append_v1 with edits, deletions and reactions: under the same lock it checks their
-- target. Its steps and why they stand in this order: 0002_append.sql.
--
-- A deletion takes the text out of the message and out of its edits in the same transaction: their
-- bodies become {}, and nobody is served what they said. Places, times and senders stay, so that the
-- log has no hole.
create procedure gatepost_append_v2(
  in p_room varchar(64) character set ascii collate ascii_bin,
  in p_sender varbinary(64),
  in p_sender_name varchar(64) character set utf8mb4 collate utf8mb4_bin,
  in p_producer varbinary(128),
  in p_n bigint,
  in p_kind varchar(16) character set ascii collate ascii_bin,
  in p_body json,
  in p_digest binary(32),
  in p_target bigint,                  -- the message that it is about, null for a message
  in p_moderates bigint                -- whether the sender's token makes a moderator
)
modifies sql data
sql security definer
append: begin
  declare v_status varchar(12) character set ascii collate ascii_bin default 'stored';
  declare v_room, v_epoch, v_seq, v_shards, v_at, v_last_at, v_last_n, v_until, v_banned,
    v_first_seq, v_first_at, v_floor, v_is_said, v_edit, v_next bigint default null;
  declare v_kind varchar(8) character set ascii collate ascii_bin default null;
  declare v_role varchar(9) character set ascii collate ascii_bin default null;
  declare v_author varbinary(64) default null;
  declare v_digest binary(32) default null;
  -- Without it an error would leave the transaction open, and the room locked.
  declare exit handler for sqlexception begin rollback; resignal; end;

  start transaction;
  select id, epoch, head + 1, shards, kind, last_at, floor
    into v_room, v_epoch, v_seq, v_shards, v_kind, v_last_at, v_floor
    from room where name = p_room for update;

  if v_room is null then
    set v_status = 'no_room';
  else
    set v_at = timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000;
    select p.last_n, b.room_id is not null and (b.ends_at is null or b.ends_at > v_at),
        m.role, m.muted_until
      into v_last_n, v_banned, v_role, v_until
      from (select 1 as one) as one_row
      left join producer p
        on p.room_id = v_room and p.sender = p_sender and p.client = p_producer and p_n > 0
      left join ban b on b.room_id = v_room and b.user_id = p_sender
      left join membership m on m.room_id = v_room and m.user_id = p_sender;

    -- A repetition is told its place even by a room that lets its sender write no more.
    if p_n = 0 or p_n <= v_last_n then
      select max(seq), max(at), max(digest) into v_first_seq, v_first_at, v_digest from message
        where room_id = v_room and sender = p_sender and producer = p_producer and n = p_n;
      if p_n > 0 or v_first_seq is not null then
        -- Null where retention purged the entry.
        set v_status = if(v_digest <> p_digest, 'conflict', 'duplicate');
        set v_seq = v_first_seq, v_at = v_first_at;
      end if;
    end if;

    if v_status = 'stored' then
      if v_banned then
        set v_status = 'banned';
      elseif v_kind <> 'public' and v_role is null then
        set v_status = 'not_member';
      elseif v_until > v_at then
        set v_status = 'muted';
      elseif p_n > coalesce(v_last_n, 0) + 1 then
        set v_status = 'early';
      elseif p_target between 1 and v_floor then
        set v_status = 'below_floor';
      elseif p_target is not null then
        select kind = 'message' and json_contains_path(body, 'one', '$.body.text'), sender, edited
          into v_is_said, v_author, v_edit
          from message where room_id = v_room and seq = p_target;
        if not coalesce(v_is_said, false) then
          set v_status = 'not_found';
        elseif p_kind <> 'reaction' and v_author <> p_sender and not (p_kind = 'delete'
            and v_kind <> 'direct' and (p_moderates or coalesce(v_role, 'member') <> 'member')) then
          set v_status = 'forbidden';
        end if;
      end if;
    end if;
  end if;

  if v_status <> 'stored' then
    rollback;
  else
    set v_at = greatest(v_at, v_last_at);
    insert into message
        (room_id, seq, at, sender, sender_name, producer, n, kind, body, digest, edited)
      values (v_room, v_seq, v_at, p_sender, p_sender_name, p_producer, p_n, p_kind, p_body,
        p_digest, if(p_kind = 'edit', v_edit, null));
    if p_kind = 'edit' then
      update message set edited = v_seq where room_id = v_room and seq = p_target;
    elseif p_kind = 'delete' then
      update message set body = json_set(body, '$.body', json_object())
        where room_id = v_room and seq = p_target;
      while v_edit is not null do
        select max(edited) into v_next from message where room_id = v_room and seq = v_edit;
        update message set body = json_set(body, '$.body', json_object())
          where room_id = v_room and seq = v_edit;
        set v_edit = v_next;
      end while;
    end if;
    update room set head = v_seq, last_at = v_at, active = v_at div 60000 where id = v_room;
    if p_n > 0 and v_last_n is null then
      insert into producer (room_id, sender, client, last_n, updated_at)
        values (v_room, p_sender, p_producer, p_n, v_at);
    elseif p_n > 0 then
      update producer set last_n = p_n, updated_at = v_at
        where room_id = v_room and sender = p_sender and client = p_producer;
    end if;
    commit;
  end if;

  select v_status as status, v_epoch as epoch, v_seq as seq, v_at as at, v_shards as shards,
    coalesce(v_last_n, 0) + 1 as expected, v_until as until_ms, v_floor as floor;
end
