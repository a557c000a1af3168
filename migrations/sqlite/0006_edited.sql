-- A deletion takes the text out of the message and out of its edits in the same statement: their
-- bodies become {}, and nobody is served what they said. Places, times and senders stay.
create index message_edit on message (room_id, json_extract(body, '$.target')) where kind = 'edit';
create trigger message_deleted after insert on message when new.kind = 'delete' begin
  update message set body = json_set(body, '$.body', json('{}'))
    where room_id = new.room_id and seq = json_extract(new.body, '$.target');
  update message set body = json_set(body, '$.body', json('{}'))
    where room_id = new.room_id and kind = 'edit'
      and json_extract(body, '$.target') = json_extract(new.body, '$.target');
end;
