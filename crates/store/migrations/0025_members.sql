-- Who wrote, by the hour: posts of members (not the team, no bots, no reposts) by author. Every row carries the epoch of its insert or
-- rebuild, and of each hour the rows of its highest epoch count, as in 0015. The proof is in rollup.rs, the rest in members.rs.
--
-- rebuilt: a row for each hour that was rebuilt, which counts nothing. An hour without it has epoch 0.
CREATE TABLE IF NOT EXISTS rollup_members (
    brand LowCardinality(String),
    who Enum8('rebuilt' = 0, 'unnamed' = 1, 'named' = 2),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    author_key UInt64 CODEC(ZSTD(1)),
    epoch UInt64 CODEC(ZSTD(1)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, who, bucket, platform, author_key, epoch)
SETTINGS non_replicated_deduplication_window = 10000, min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_members_of_first TO rollup_members AS
SELECT
    brand, if(m.author = '', 'unnamed', 'named') AS who, toStartOfHour(m.created_at) AS bucket, platform, m.author_key AS author_key,
    epoch, count() AS mentions
FROM mentions AS m
WHERE first AND deleted = 0 AND NOT m.team AND NOT m.author_bot AND m.kind != 'repost'
GROUP BY brand, who, bucket, platform, author_key, epoch;

-- What is there is taken over, and every hour marked, as in 0020.
INSERT INTO rollup_members
SELECT brand, if(named, 'named', 'unnamed'), toStartOfHour(m.created_at), platform, m.author_key, 0, 1
FROM mentions AS m FINAL WHERE NOT m.team AND NOT m.author_bot AND m.kind != 'repost'
SETTINGS insert_deduplication_token = '0025_members';

INSERT INTO rollup_hours (brand, hour, marks)
SELECT brand, hour, 1 FROM (
    SELECT brand, toStartOfHour(created_at) AS hour FROM mentions UNION ALL SELECT brand, hour FROM rollup_hours)
GROUP BY brand, hour;
