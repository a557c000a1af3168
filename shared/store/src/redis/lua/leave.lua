-- Takes rooms away from a connection's place under its user, and the place too where the connection
-- is gone. Answers for each room two numbers: whether it was there, and whether another connection
-- of the user is still in it.
-- KEYS u; ARGV conn, gone (1 or 0), now, then rooms
local conn, now = ARGV[1], tonumber(ARGV[3])
local fields = redis.call('hgetall', KEYS[1])
local others, mine = {}, {}
for i = 1, #fields, 2 do
  local holder, room = string.match(fields[i], '^r:(%S+) (.+)$')
  if holder and tonumber(fields[i + 1]) > now then
    if holder == conn then mine[room] = true else others[room] = true end
  end
end
if ARGV[2] == '1' then redis.call('hdel', KEYS[1], 'c:' .. conn) end
local answer = {}
for i = 4, #ARGV do
  redis.call('hdel', KEYS[1], 'r:' .. conn .. ' ' .. ARGV[i])
  answer[#answer + 1] = mine[ARGV[i]] and 1 or 0
  answer[#answer + 1] = others[ARGV[i]] and 1 or 0
end
return answer
