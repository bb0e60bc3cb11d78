-- The newest counters of a mention that was seen before. They win over the counters of mentions where they are newer
-- and
-- known.
CREATE TABLE IF NOT EXISTS engagement (
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
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000;

-- Followers of owned and competitor accounts over time.
CREATE TABLE IF NOT EXISTS accounts (
    platform LowCardinality(String),
    account String,
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    followers UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (platform, account, observed_at)
SETTINGS non_replicated_deduplication_window = 10000;
