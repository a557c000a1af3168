-- Takes away what retention does not keep: at most p_limit entries of one room, and the producers
-- and sessions that ended before. `at` never goes back in the order of seq, so what is too old is
-- the beginning of a log, and its floor rises with it.
create procedure gatepost_purge_v1(in p_before bigint, in p_limit bigint)
modifies sql data
sql security definer
begin
  declare v_room, v_last bigint default null;
  declare v_gone bigint default 0;
  declare exit handler for sqlexception begin rollback; resignal; end;

  select r.id into v_room from room r
    join message m on m.room_id = r.id and m.seq = r.floor + 1
    where m.at < p_before limit 1;
  if v_room is not null then
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
  delete from producer where updated_at < p_before limit p_limit;
  delete from session where started_at < p_before and ended_at < p_before limit p_limit;
  select v_gone as gone;
end
