-- Session fence and the user's rate limit (GCRA: one number, the time at which the bucket is full
-- again). Answers microseconds to wait, or -1 for a replaced connection, and the client.
-- KEYS u; ARGV conn, now, interval and tolerance in microseconds (0: no limit), ttl
local known = redis.call('hmget', KEYS[1], 'x:' .. ARGV[1], 'c:' .. ARGV[1], 'g')
local now, interval = tonumber(ARGV[2]), tonumber(ARGV[3])
if known[1] and tonumber(known[1]) > now then return {-1, ''} end
local client = ''
if known[2] then
  local lease, named = string.match(known[2], '^(%-?%d+) (%S+) ')
  if tonumber(lease) > now then client = named end
end
if interval == 0 then return {0, client} end
now = now * 1000
local full = math.max(tonumber(known[3] or '0'), now) + interval
local wait = full - now - tonumber(ARGV[4])
if wait > 0 then return {wait, client} end
redis.call('hset', KEYS[1], 'g', string.format('%.0f', full))
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[5]) then redis.call('pexpire', KEYS[1], ARGV[5]) end
return {0, client}
