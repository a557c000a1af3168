-- The last step of a removal: `y` says that everything is told. What was known stays until the record
-- ends: a worker that died after it had added a subscription for a connection that was being removed
-- leaves a ghost, and the 410 of the first post to it removes the connection once more.
-- KEYS c; ARGV ttl of the tombstone
redis.call('hset', KEYS[1], 'x', '1', 'y', '1')
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[1]) then redis.call('pexpire', KEYS[1], ARGV[1]) end
return 1
