-- Takes a subscription out of its shard. Answers whether it was there and its lease was running.
-- KEYS m, f; ARGV subscription, now, stamp, ttl of f
local lease = redis.call('zscore', KEYS[1], ARGV[1])
if not lease then return 0 end
redis.call('zrem', KEYS[1], ARGV[1])
redis.call('hset', KEYS[2], 'v', ARGV[3])
redis.call('hdel', KEYS[2], 'x')
redis.call('pexpire', KEYS[2], ARGV[4])
return tonumber(lease) > tonumber(ARGV[2]) and 1 or 0
