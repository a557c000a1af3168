-- Changes what a user may do in a room on behalf of another, who must stand above that user there,
-- with a line in the audit. Takes the room's row lock like gatepost_set_standing_v1, so that what it
-- checks is still so when it commits.
create procedure gatepost_moderate_v1(
  in p_actor varbinary(64),
  in p_rank bigint,                    -- what the actor's token makes of the actor: 0 to 3
  in p_room varchar(64) character set ascii collate ascii_bin,
  in p_user varbinary(64),
  in p_op varchar(10) character set ascii collate ascii_bin,
  in p_role varchar(9) character set ascii collate ascii_bin,
  in p_ends_at bigint
)
modifies sql data
sql security definer
begin
  declare v_status varchar(12) character set ascii collate ascii_bin default 'done';
  declare v_room, v_shards, v_actor_banned, v_user_banned, v_actor_rank, v_user_rank
    bigint default null;
  declare v_kind varchar(8) character set ascii collate ascii_bin default null;
  declare v_actor_role, v_before varchar(9) character set ascii collate ascii_bin default null;
  declare v_now bigint default timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000;
  declare exit handler for sqlexception begin rollback; resignal; end;

  start transaction;
  select id, kind, shards into v_room, v_kind, v_shards from room where name = p_room for update;
  select a.role, u.role, field(a.role, 'member', 'moderator', 'owner'),
      field(u.role, 'member', 'moderator', 'owner'),
      x.room_id is not null and (x.ends_at is null or x.ends_at > v_now),
      y.room_id is not null and (y.ends_at is null or y.ends_at > v_now)
    into v_actor_role, v_before, v_actor_rank, v_user_rank, v_actor_banned, v_user_banned
    from (select 1 as one) as one_row
    left join membership a on a.room_id = v_room and a.user_id = p_actor
    left join membership u on u.room_id = v_room and u.user_id = p_user
    left join ban x on x.room_id = v_room and x.user_id = p_actor
    left join ban y on y.room_id = v_room and y.user_id = p_user;
  set v_actor_rank = if(v_kind = 'direct', 0, greatest(v_actor_rank, p_rank));

  if v_room is null then
    set v_status = 'no_room';
  elseif v_actor_banned then
    set v_status = 'banned';
  elseif v_kind <> 'public' and v_actor_role is null then
    set v_status = 'not_member';
  elseif v_actor_rank < 2 then
    set v_status = 'forbidden';
  elseif p_op = 'member' and v_before is not null then
    set v_status = 'unchanged';
  elseif v_user_rank >= v_actor_rank or p_op = 'member' and v_user_banned then
    set v_status = 'forbidden';
  else
    case p_op
      when 'member' then
        insert into membership (room_id, user_id, role, joined_at)
          values (v_room, p_user, p_role, v_now)
          on duplicate key update joined_at = v_now, role = p_role;
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
    insert into audit (at, room_id, actor, user_id, op, role, ends_at)
      values (v_now, v_room, p_actor, p_user, p_op, p_role, p_ends_at);
  end if;
  commit;
  select v_status as status, v_shards as shards, v_before as was;
end
