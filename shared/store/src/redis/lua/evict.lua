-- Takes a room away from all of a user's connections, before it is taken from the shard: whoever
-- renews a subscription meanwhile finds out that it was. Answers the connections that were in it.
-- KEYS u; ARGV room
local fields = redis.call('hkeys', KEYS[1])
local answer = {}
for _, field in ipairs(fields) do
  local conn, room = string.match(field, '^r:(%S+) (.+)$')
  if room == ARGV[1] then
    redis.call('hdel', KEYS[1], field)
    answer[#answer + 1] = conn
  end
end
return answer
