-- The edits of a message, newest first: whoever deletes it finds the texts that they hold. Of a
-- message the seq of its last edit, of an edit the one before. A chain costs a plain send nothing;
-- an index on the target would be written by every one.
alter table message add column edited bigint null;
