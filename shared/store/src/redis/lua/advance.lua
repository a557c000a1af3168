-- Raises the cursor and renews the lease, for its holder only. Answers whether it is.
-- KEYS f; ARGV holder, cursor, end of the lease, ttl
local known = redis.call('hmget', KEYS[1], 'h', 'p')
if known[1] ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'e', ARGV[3])
if not known[2] or tonumber(known[2]) < tonumber(ARGV[2]) then
  redis.call('hset', KEYS[1], 'p', ARGV[2])
end
redis.call('pexpire', KEYS[1], ARGV[4])
return 1
