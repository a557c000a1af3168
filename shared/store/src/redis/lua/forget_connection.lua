-- The last step of a removal: the tombstone alone stays.
-- KEYS c; ARGV ttl of the tombstone
redis.call('del', KEYS[1])
redis.call('hset', KEYS[1], 'x', '1')
redis.call('pexpire', KEYS[1], ARGV[1])
return 1
