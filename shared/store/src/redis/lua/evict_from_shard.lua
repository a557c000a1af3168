-- Takes all of a user's subscriptions out of a shard. It looks at every one of them: a connection
-- that another client replaced, or of which a removal left only this, is under no user any more.
-- Answers those whose lease was running.
-- KEYS m, f; ARGV user, now, stamp, ttl of f
local all = redis.call('zrange', KEYS[1], 0, -1, 'withscores')
local answer, gone = {}, false
for i = 1, #all, 2 do
  local length, rest = string.match(all[i], '^%S+ %S+ (%d+) (.*)$')
  if string.sub(rest, 1, tonumber(length)) == ARGV[1] then
    redis.call('zrem', KEYS[1], all[i])
    gone = true
    if tonumber(all[i + 1]) > tonumber(ARGV[2]) then answer[#answer + 1] = all[i] end
  end
end
if gone then
  redis.call('hset', KEYS[2], 'v', ARGV[3])
  redis.call('pexpire', KEYS[2], ARGV[4])
end
return answer
