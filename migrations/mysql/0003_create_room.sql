-- Makes a room with its first members, or finds that there is one: a direct room with both its
-- users, any other with its owner.
create procedure gatepost_create_room_v1(
  in p_name varchar(64) character set ascii collate ascii_bin,
  in p_kind varchar(8) character set ascii collate ascii_bin,
  in p_shards bigint,
  in p_first varbinary(64),
  in p_second varbinary(64)
)
modifies sql data
sql security definer
begin
  declare v_room bigint default null;
  declare v_made bigint default 1;
  declare v_now bigint default timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000;
  declare v_role varchar(9) character set ascii collate ascii_bin
    default if(p_kind = 'direct', 'member', 'owner');
  declare exit handler for sqlexception begin rollback; resignal; end;

  start transaction;
  begin
    -- There is one of this name.
    declare continue handler for 1062 set v_made = 0;
    insert into room (name, kind, epoch, shards, last_at)
      values (p_name, p_kind, v_now, p_shards, v_now);
  end;
  select id into v_room from room where name = p_name for update;
  if v_made or p_kind = 'direct' then
    insert into membership (room_id, user_id, role, joined_at)
      select v_room, u.user_id, v_role, v_now
        from (select p_first as user_id union select p_second) as u
        where u.user_id is not null and not exists (
          select 1 from ban b where b.room_id = v_room and b.user_id = u.user_id
            and (b.ends_at is null or b.ends_at > v_now))
      on duplicate key update role = coalesce(membership.role, v_role);
  end if;
  commit;
  select v_made as made;
end
