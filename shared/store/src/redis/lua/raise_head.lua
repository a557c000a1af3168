-- Raises a room's head.
-- KEYS r; ARGV seq, ttl
local head = redis.call('hget', KEYS[1], 'h')
if not head or tonumber(head) < tonumber(ARGV[1]) then redis.call('hset', KEYS[1], 'h', ARGV[1]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 1
