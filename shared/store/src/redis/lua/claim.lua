-- Takes the lease of a shard's fan-out, or marks it dirty. Answers the cursor ('' unknown), or 0.
-- Fields of f: `h` holder, `e` end of its lease, `d` dirty, `p` cursor, `v` stamp of the list.
-- `d` is 1, or the nonce of the release that saw it: repeated, that release sees the same.
-- KEYS f; ARGV holder, now, end of the lease, ttl
local known = redis.call('hmget', KEYS[1], 'h', 'e', 'p')
redis.call('pexpire', KEYS[1], ARGV[4])
if known[1] and known[1] ~= ARGV[1] and tonumber(known[2]) > tonumber(ARGV[2]) then
  redis.call('hset', KEYS[1], 'd', '1')
  return 0
end
redis.call('hset', KEYS[1], 'h', ARGV[1], 'e', ARGV[3])
redis.call('hdel', KEYS[1], 'd')
redis.call('pexpire', KEYS[1], ARGV[4])
return known[3] or ''
