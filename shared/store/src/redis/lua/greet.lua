-- Puts a connection under its user and lets the policy decide. Answers 0 for a client that was
-- replaced before, else the connections that give way: those it replaces, and those heard of longest
-- ago where there are too many, the same client's first.
-- Fields of u: `c:<conn>` = lease, client or -, dialect, name; `r:<conn> <room>` = lease;
-- `x:<conn>` and `k:<client>` = until when it counts as replaced; `e:<room>` = until when an eviction
-- is remembered; `g` = the limiter.
-- KEYS u; ARGV conn, lease, client or -, dialect, name, now, ttl, policy (multi, takeover, take),
--   until when a replaced connection and a replaced client stay replaced, ttl for the latter, how
--   many connections at most
local conn, client, now = ARGV[1], ARGV[3], tonumber(ARGV[6])
local takeover = ARGV[8] ~= 'multi'
local fields = redis.call('hgetall', KEYS[1])
local mine, replaced, others, marks = nil, {}, {}, {}
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  local kind, id = string.sub(field, 1, 2), string.sub(field, 3)
  if kind == 'c:' then
    local lease, theirs = string.match(value, '^(%-?%d+) (%S+) ')
    if tonumber(lease) <= now then
      redis.call('hdel', KEYS[1], field)
    elseif id == conn then
      mine = theirs
    elseif takeover and (client == '-' or theirs ~= client) then
      replaced[#replaced + 1] = {id, theirs}
    else
      others[#others + 1] = {id, tonumber(lease), client ~= '-' and theirs == client}
    end
  elseif kind == 'r:' or kind == 'x:' or kind == 'k:' or kind == 'e:' then
    if tonumber(value) <= now then
      redis.call('hdel', KEYS[1], field)
    elseif kind == 'k:' then
      marks[#marks + 1] = {tonumber(value), field}
    end
  end
end
local answer = {}
if takeover then
  if ARGV[8] ~= 'take' and (redis.call('hexists', KEYS[1], 'x:' .. conn) == 1
      or redis.call('hexists', KEYS[1], 'k:' .. client) == 1) then
    return 0
  end
  for _, other in ipairs(replaced) do
    redis.call('hdel', KEYS[1], 'c:' .. other[1])
    redis.call('hset', KEYS[1], 'x:' .. other[1], ARGV[9])
    if other[2] ~= '-' then
      redis.call('hset', KEYS[1], 'k:' .. other[2], ARGV[10])
      marks[#marks + 1] = {tonumber(ARGV[10]), 'k:' .. other[2]}
    end
    answer[#answer + 1] = other[1]
  end
  -- A user who opens one page after another must not grow without bound.
  table.sort(marks, function(a, b) return a[1] > b[1] end)
  for i = 33, #marks do redis.call('hdel', KEYS[1], marks[i][2]) end
  redis.call('hdel', KEYS[1], 'x:' .. conn, 'k:' .. client)
end
table.sort(others, function(a, b)
  if a[3] ~= b[3] then return a[3] end
  return a[2] < b[2]
end)
for i = 1, #others + 1 - tonumber(ARGV[12]) do
  redis.call('hdel', KEYS[1], 'c:' .. others[i][1])
  redis.call('hset', KEYS[1], 'x:' .. others[i][1], ARGV[9])
  answer[#answer + 1] = others[i][1]
end
if client == '-' and mine then client = mine end
redis.call('hset', KEYS[1], 'c:' .. conn,
  ARGV[2] .. ' ' .. client .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
local ttl = #answer > 0 and ARGV[11] or ARGV[7]
if redis.call('pttl', KEYS[1]) < tonumber(ttl) then redis.call('pexpire', KEYS[1], ttl) end
return answer
