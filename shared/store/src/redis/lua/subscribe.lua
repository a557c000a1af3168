-- Puts a subscription into its shard, or renews it, and gives the shard a cursor if it has none.
-- The stamp of the list changes only when the list does. Answers how many subscriptions there are.
-- KEYS m, f; ARGV subscription, lease, now, stamp, head, ttl of m, ttl of f
local gone = redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[3])
local new = redis.call('zadd', KEYS[1], ARGV[2], ARGV[1])
if gone + new > 0 then redis.call('hset', KEYS[2], 'v', ARGV[4]) end
redis.call('hsetnx', KEYS[2], 'p', ARGV[5])
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[6]) then redis.call('pexpire', KEYS[1], ARGV[6]) end
redis.call('pexpire', KEYS[2], ARGV[7])
return redis.call('zcard', KEYS[1])
