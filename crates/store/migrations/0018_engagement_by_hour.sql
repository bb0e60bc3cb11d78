-- The newest counters of a mention that is there, by the hour of its creation: those of a span are one range. It says what
-- engagement says, which keeps the counters of mentions that are not there, too. Why it lacks nothing: write/by_hour.rs.
CREATE TABLE IF NOT EXISTS engagement_by_hour (
    brand LowCardinality(String),
    hour DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    id UInt128,
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    likes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    reposts Nullable(UInt64) CODEC(T64, ZSTD(1)),
    replies Nullable(UInt64) CODEC(T64, ZSTD(1)),
    quotes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    bookmarks Nullable(UInt64) CODEC(T64, ZSTD(1)),
    impressions Nullable(UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(observed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (brand, hour, id)
-- No deduplication by blocks: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0, min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1;

-- What is there already; again, it changes nothing.
INSERT INTO engagement_by_hour
SELECT m.brand, toStartOfHour(m.created_at), e.* FROM (SELECT brand, created_at, id FROM mentions) AS m
INNER JOIN (SELECT * FROM engagement FINAL) AS e ON m.id = e.id
SETTINGS join_algorithm = 'grace_hash', max_bytes_in_join = 1000000000, max_partitions_per_insert_block = 0,
    insert_deduplication_token = '0018_engagement_by_hour';
