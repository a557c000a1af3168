-- Takes the lease of a shard's fan-out, or marks it dirty. Answers the cursor ('' unknown), the stamp
-- of the list if the list's key is given, as stamp.lua does, and whether it took a mark away; or 0.
-- Fields of f: `h` holder, `e` end of its lease, `d` dirty, `p` cursor, `v` stamp of the list, `x`
-- how many leases had ended then.
-- `d` is 1, or the nonce of the release that saw it: repeated, that release sees the same.
-- KEYS f, maybe m; ARGV holder, now, end of the lease, ttl, stamp if the list changed or has none
local known = redis.call('hmget', KEYS[1], 'h', 'e', 'p', 'd', 'v', 'x')
if known[1] and known[1] ~= ARGV[1] and tonumber(known[2]) > tonumber(ARGV[2]) then
  if known[4] ~= '1' then redis.call('hset', KEYS[1], 'd', '1') end
  return 0
end
local stamp = known[5]
if not KEYS[2] then
  redis.call('hset', KEYS[1], 'h', ARGV[1], 'e', ARGV[3])
else
  local lapsed = redis.call('zcount', KEYS[2], '-inf', ARGV[2])
  if not stamp or lapsed ~= tonumber(known[6] or 0) then stamp = ARGV[5] end
  redis.call('hset', KEYS[1], 'h', ARGV[1], 'e', ARGV[3], 'v', stamp, 'x', lapsed)
end
if known[4] then redis.call('hdel', KEYS[1], 'd') end
redis.call('pexpire', KEYS[1], ARGV[4])
return {known[3] or '', stamp or '', known[4] and 1 or 0}
