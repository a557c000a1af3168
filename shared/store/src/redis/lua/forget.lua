-- Takes a field away if it still holds a value.
-- KEYS r or f; ARGV field, value
if redis.call('hget', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('hdel', KEYS[1], ARGV[1]) end
return 1
