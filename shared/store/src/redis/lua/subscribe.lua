-- Puts a subscription into its shard, or renews it, and gives the shard a cursor if it has none.
-- The stamp of the list changes only when the list does. Takes out some whose lease ended; answers
-- how many subscriptions there are, then those.
-- KEYS m, f; ARGV subscription, lease, now, stamp, head, ttl of m, ttl of f, how many at most
local lapsed = redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[3], 'limit', 0, ARGV[8])
if #lapsed > 0 then redis.call('zrem', KEYS[1], unpack(lapsed)) end
local new = redis.call('zadd', KEYS[1], ARGV[2], ARGV[1])
if #lapsed + new > 0 then
  redis.call('hset', KEYS[2], 'v', ARGV[4])
  redis.call('hdel', KEYS[2], 'x')
end
redis.call('hsetnx', KEYS[2], 'p', ARGV[5])
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[6]) then redis.call('pexpire', KEYS[1], ARGV[6]) end
redis.call('pexpire', KEYS[2], ARGV[7])
return {redis.call('zcount', KEYS[1], '(' .. ARGV[3], '+inf'), lapsed}
