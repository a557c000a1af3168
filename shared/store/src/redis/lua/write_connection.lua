-- Writes a connection's record, unless it was removed. Answers whether it was written.
-- KEYS c; ARGV user, name, dialect, client ('' unknown), lease, ttl, then room, shards, …
if redis.call('hexists', KEYS[1], 'x') == 1 then return 0 end
redis.call('hset', KEYS[1], 'u', ARGV[1], 'n', ARGV[2], 'd', ARGV[3], 'l', ARGV[5])
if ARGV[4] ~= '' then redis.call('hset', KEYS[1], 'i', ARGV[4]) end
for i = 7, #ARGV, 2 do
  redis.call('hset', KEYS[1], 'r:' .. ARGV[i], ARGV[i + 1])
end
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[6]) then redis.call('pexpire', KEYS[1], ARGV[6]) end
return 1
