-- Newer counters of a tenth of the mentions that state any.
INSERT INTO engagement (id, observed_at, likes, reposts, replies, quotes, bookmarks, impressions)
SELECT id, observed_at + INTERVAL 1 DAY, likes * 2, reposts, replies + 1, quotes, bookmarks, impressions
FROM mentions
WHERE first AND created_at >= fromUnixTimestamp64Milli({from:Int64} * 1000, 'UTC')
    AND created_at < fromUnixTimestamp64Milli({to:Int64} * 1000, 'UTC')
    AND likes IS NOT NULL AND cityHash64(id, 1) % 10 = 0
