-- The rate limit of a room, as in admit.lua; with a negative interval, of a room or a user, it gives
-- back what was taken for a send that something else refused.
-- KEYS r or u; ARGV now, interval and tolerance in microseconds, ttl
local now, interval = tonumber(ARGV[1]) * 1000, tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('hget', KEYS[1], 'g') or '0'), now) + interval
local wait = full - now - tonumber(ARGV[3])
if wait > 0 then return wait end
redis.call('hset', KEYS[1], 'g', string.format('%.0f', full))
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[4]) then redis.call('pexpire', KEYS[1], ARGV[4]) end
return 0
