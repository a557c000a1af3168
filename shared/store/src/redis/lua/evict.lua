-- Takes a room away from all of a user's connections, before it is taken from the shard: whoever
-- renews a subscription meanwhile finds out that it was. Answers the connections and their places,
-- also those that were not in the room: a call that stopped half-way is repeated.
-- KEYS u; ARGV room
local fields = redis.call('hgetall', KEYS[1])
local answer = {}
for i = 1, #fields, 2 do
  local field = fields[i]
  local kind = string.sub(field, 1, 2)
  if kind == 'c:' then
    answer[#answer + 1] = string.sub(field, 3)
    answer[#answer + 1] = fields[i + 1]
  elseif kind == 'r:' and string.match(field, '^r:%S+ (.+)$') == ARGV[1] then
    redis.call('hdel', KEYS[1], field)
  end
end
return answer
