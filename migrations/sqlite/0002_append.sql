-- What an append changes beside its own row, in the same statement: the head of the log and how far
-- its producer has come. An append is one statement, so no process can stop in the middle of one.
create trigger message_appended after insert on message begin
  update room set head = new.seq, last_at = new.at, active = new.at / 60000
    where id = new.room_id;
  insert into producer (room_id, sender, client, last_n, updated_at)
    select new.room_id, new.sender, new.producer, new.n, new.at where new.n > 0
    on conflict do update set last_n = excluded.last_n, updated_at = excluded.updated_at;
end;
