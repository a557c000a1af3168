-- Changes what a user may do in a room, with a line in the audit where somebody answers for it.
-- Takes the room's row lock: an append that came first commits first, a later one sees the change.
create procedure gatepost_set_standing_v1(
  in p_actor varbinary(64),
  in p_room varchar(64) character set ascii collate ascii_bin,
  in p_user varbinary(64),
  in p_op varchar(10) character set ascii collate ascii_bin,
  in p_role varchar(9) character set ascii collate ascii_bin,
  in p_ends_at bigint
)
modifies sql data
sql security definer
begin
  declare v_room bigint default null;
  declare v_now bigint default timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000;
  declare exit handler for sqlexception begin rollback; resignal; end;

  start transaction;
  select id into v_room from room where name = p_room for update;
  if v_room is not null then
    case p_op
      when 'member' then
        insert into membership (room_id, user_id, role, joined_at)
          values (v_room, p_user, p_role, v_now)
          on duplicate key update
            joined_at = if(role is null, v_now, joined_at), role = p_role;
      when 'not_member' then
        update membership set role = null where room_id = v_room and user_id = p_user;
      when 'banned' then
        insert into ban (room_id, user_id, ends_at) values (v_room, p_user, p_ends_at)
          on duplicate key update ends_at = p_ends_at;
        update membership set role = null where room_id = v_room and user_id = p_user;
      when 'unbanned' then
        delete from ban where room_id = v_room and user_id = p_user;
      when 'muted' then
        insert into membership (room_id, user_id, muted_until)
          values (v_room, p_user, p_ends_at)
          on duplicate key update muted_until = p_ends_at;
      when 'unmuted' then
        update membership set muted_until = null where room_id = v_room and user_id = p_user;
    end case;
    if p_actor is not null then
      insert into audit (at, room_id, actor, user_id, op, role, ends_at)
        values (v_now, v_room, p_actor, p_user, p_op, p_role, p_ends_at);
    end if;
  end if;
  commit;
  select v_room is not null as found;
end
