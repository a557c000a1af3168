-- Drops the subscriptions whose lease ended and answers the stamp of the list.
-- KEYS m, f; ARGV now, stamp if the list changed or has none, ttl of f
local gone = redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[1])
local stamp = redis.call('hget', KEYS[2], 'v')
if gone > 0 or not stamp then
  stamp = ARGV[2]
  redis.call('hset', KEYS[2], 'v', stamp)
  redis.call('pexpire', KEYS[2], ARGV[3])
end
return stamp
