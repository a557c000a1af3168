-- Takes a room away from all of a user's connections, before it is taken from the shard: whoever
-- renews a subscription meanwhile finds out that it was. It is remembered for those who asked the
-- history before it and subscribe after it. Answers the connections that were in it.
-- KEYS u; ARGV room, until when it is remembered, ttl
local fields = redis.call('hkeys', KEYS[1])
local answer = {}
for _, field in ipairs(fields) do
  local conn, room = string.match(field, '^r:(%S+) (.+)$')
  if room == ARGV[1] then
    redis.call('hdel', KEYS[1], field)
    answer[#answer + 1] = conn
  end
end
redis.call('hset', KEYS[1], 'e:' .. ARGV[1], ARGV[2])
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[3]) then redis.call('pexpire', KEYS[1], ARGV[3]) end
return answer
