-- Raises a room's head. Answers the head.
-- KEYS r; ARGV seq, ttl
local head = redis.call('hget', KEYS[1], 'h')
if not head or tonumber(head) < tonumber(ARGV[1]) then
  head = ARGV[1]
  redis.call('hset', KEYS[1], 'h', head)
end
redis.call('pexpire', KEYS[1], ARGV[2])
return head
