-- Takes away what retention does not keep, as gatepost_purge_v1, but looks at no more than 2,000
-- rooms: it begins after the last that it looked at. With nothing to take away the first version
-- looked at all. Of up to 1,000 rooms every call looks at each.
create table purge_position (
  id tinyint not null primary key,     -- 1: there is one row
  room_id bigint not null              -- rooms up to here were looked at
) engine=innodb default character set utf8mb4 collate utf8mb4_bin;

insert into purge_position values (1, 0);

create procedure gatepost_purge_v2(in p_before bigint, in p_limit bigint)
modifies sql data
sql security definer
begin
  declare v_room, v_last, v_after, v_end bigint default null;
  declare v_seen, v_gone bigint default 0;
  declare exit handler for sqlexception begin rollback; resignal; end;

  select room_id into v_after from purge_position where id = 1;
  -- After the end it begins again.
  select min(r.id) into v_room
    from (
      (select id, floor from room where id > v_after order by id limit 1000)
      union all
      (select id, floor from room where id <= v_after order by id limit 1000)
    ) as r
    join message m on m.room_id = r.id and m.seq = r.floor + 1
    where m.at < p_before;
  if v_room is null then
    select max(id), count(*) into v_end, v_seen
      from (select id from room where id > v_after order by id limit 1000) as s;
    if v_seen < 1000 then
      select max(id) into v_end
        from (select id from room where id <= v_after order by id limit 1000) as s;
    end if;
  else
    -- There may be more of it.
    set v_end = v_room - 1;
    start transaction;
    select id into v_room from room where id = v_room for update;
    select max(old.seq) into v_last from (
      select seq from message where room_id = v_room and at < p_before order by seq limit p_limit
    ) as old;
    delete from message where room_id = v_room and seq <= v_last;
    set v_gone = row_count();
    update room set floor = greatest(floor, v_last) where id = v_room and v_last is not null;
    commit;
  end if;
  update purge_position set room_id = coalesce(v_end, 0) where id = 1;
  delete from producer where updated_at < p_before limit p_limit;
  -- No connection outlives two hours, whether its end was told or not.
  delete from session
    where started_at < p_before and coalesce(ended_at, started_at) < p_before limit p_limit;
  select v_gone as gone;
end
