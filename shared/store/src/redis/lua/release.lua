-- Raises the cursor and gives the lease back unless somebody marked it dirty. Answers 0 where the
-- lease is another's, 1 given back, 2 dirty.
-- KEYS f; ARGV holder, cursor, nonce of this release, ttl
local known = redis.call('hmget', KEYS[1], 'h', 'p', 'd')
if known[1] ~= ARGV[1] then return 0 end
if not known[2] or tonumber(known[2]) < tonumber(ARGV[2]) then
  redis.call('hset', KEYS[1], 'p', ARGV[2])
end
redis.call('pexpire', KEYS[1], ARGV[4])
if known[3] == '1' or known[3] == ARGV[3] then
  redis.call('hset', KEYS[1], 'd', ARGV[3])
  return 2
end
redis.call('hdel', KEYS[1], 'h', 'e', 'd')
return 1
