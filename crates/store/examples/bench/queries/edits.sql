-- A later version of some mentions that were created from {from} to before {to} (seconds): one in six of every eighth hour, 2 %.
INSERT INTO mentions
SELECT * REPLACE (concat(text, ' edited') AS text, observed_at + INTERVAL 1 MINUTE AS observed_at,
    version + 120000000 AS version, false AS first)
FROM mentions AS m
WHERE m.first AND created_at >= fromUnixTimestamp64Milli({from:Int64} * 1000, 'UTC')
    AND created_at < fromUnixTimestamp64Milli({to:Int64} * 1000, 'UTC')
    AND intHash32(toUnixTimestamp(toStartOfHour(created_at))) % 8 = 0 AND cityHash64(id) % 6 = 0
