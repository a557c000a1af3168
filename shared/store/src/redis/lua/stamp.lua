-- Answers the stamp of the list: another one if more leases ended than when it was given. Those
-- subscriptions stay until somebody subscribes or pings, who is told of them.
-- Field of f: `x` how many had ended.
-- KEYS m, f; ARGV now, stamp if the list changed or has none, ttl of f
local lapsed = redis.call('zcount', KEYS[1], '-inf', ARGV[1])
local known = redis.call('hmget', KEYS[2], 'v', 'x')
if known[1] and lapsed == tonumber(known[2] or 0) then return known[1] end
redis.call('hset', KEYS[2], 'v', ARGV[2], 'x', lapsed)
redis.call('pexpire', KEYS[2], ARGV[3])
return ARGV[2]
