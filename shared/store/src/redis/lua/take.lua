-- Takes one from each of several limits (GCRA, as in admit.lua), or none. Answers 0, or the place of
-- the limit that is reached and the microseconds to wait.
-- KEYS limits; ARGV now, then for each limit interval and tolerance in microseconds
local now = tonumber(ARGV[1]) * 1000
local full = {}
for i, key in ipairs(KEYS) do
  full[i] = math.max(tonumber(redis.call('get', key) or '0'), now) + tonumber(ARGV[2 * i])
  local wait = full[i] - now - tonumber(ARGV[2 * i + 1])
  if wait > 0 then return {i, wait} end
end
for i, key in ipairs(KEYS) do
  redis.call('set', key, string.format('%.0f', full[i]), 'px', math.ceil((full[i] - now) / 1000))
end
return {0, 0}
