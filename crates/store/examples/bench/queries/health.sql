-- One source, complete through the end.
INSERT INTO source_health (source, partition, complete_through, observed_at, caught_up_at, closes_through)
SELECT 'bench', 0, fromUnixTimestamp64Milli({end:Int64} * 1000, 'UTC') AS through, through, through, through
