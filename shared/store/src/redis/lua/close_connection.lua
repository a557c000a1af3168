-- The first step of a removal: from here on nothing can be added for the connection. Answers what
-- was known of it; its record stays until the last step, so that a removal that stops half-way can
-- be repeated.
-- KEYS c; ARGV ttl of the tombstone
local known = redis.call('hgetall', KEYS[1])
redis.call('hset', KEYS[1], 'x', '1')
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[1]) then redis.call('pexpire', KEYS[1], ARGV[1]) end
return known
