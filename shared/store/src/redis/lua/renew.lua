-- Renews a connection's place under its user, with the rooms it is in. Answers 0 if another client
-- took over, else for each room 1 if with it the user comes into the room, 2 if this connection does,
-- 3 if it is in it already; 1 and 2 are negative where the user was evicted from the room, or that is
-- not known because the connection's place was not. Then in how many rooms the connection is now, and
-- how many connections the user has.
-- KEYS u; ARGV conn, lease, client or -, dialect, name, now, ttl, then rooms
local conn, client, now = ARGV[1], ARGV[3], tonumber(ARGV[6])
local fields = redis.call('hgetall', KEYS[1])
local present, mine, count, connections = {}, {}, 0, 1
local placed, evicted = false, {}
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  local kind = string.sub(field, 1, 2)
  if kind == 'x:' and string.sub(field, 3) == conn and tonumber(value) > now then
    return 0
  elseif kind == 'c:' then
    local lease, named = string.match(value, '^(%-?%d+) (%S+) ')
    if tonumber(lease) > now then
      if string.sub(field, 3) ~= conn then
        connections = connections + 1
      else
        placed = true
        if client == '-' then client = named end
      end
    end
  elseif kind == 'e:' then
    evicted[string.sub(field, 3)] = tonumber(value) > now
  elseif kind == 'r:' then
    if tonumber(value) <= now then
      redis.call('hdel', KEYS[1], field)
    else
      local holder, room = string.match(field, '^r:(%S+) (.+)$')
      present[room] = true
      if holder == conn then mine[room], count = true, count + 1 end
    end
  end
end
redis.call('hset', KEYS[1], 'c:' .. conn,
  ARGV[2] .. ' ' .. client .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
local answer = {}
for i = 8, #ARGV do
  redis.call('hset', KEYS[1], 'r:' .. conn .. ' ' .. ARGV[i], ARGV[2])
  local sure = placed and not evicted[ARGV[i]] and 1 or -1
  answer[#answer + 1] = mine[ARGV[i]] and 3 or sure * (present[ARGV[i]] and 2 or 1)
  if not mine[ARGV[i]] then mine[ARGV[i]], count = true, count + 1 end
end
answer[#answer + 1] = count
answer[#answer + 1] = connections
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[7]) then redis.call('pexpire', KEYS[1], ARGV[7]) end
return answer
