-- What campaigns cost and brought. The newest word on a campaign, part and span wins: platforms correct numbers for days.
CREATE TABLE IF NOT EXISTS campaigns (
    platform LowCardinality(String),
    campaign String,
    part String,
    from_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    to_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    account String,
    name String,
    brand LowCardinality(String),
    currency LowCardinality(String),
    spend Nullable(Decimal(18, 6)) CODEC(ZSTD(1)),
    impressions Nullable(UInt64) CODEC(T64, ZSTD(1)),
    clicks Nullable(UInt64) CODEC(T64, ZSTD(1)),
    conversions Nullable(Decimal(18, 6)) CODEC(ZSTD(1)),
    conversion_value Nullable(Decimal(18, 6)) CODEC(ZSTD(1)),
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(observed_at)
ORDER BY (platform, campaign, part, from_time, to_time)
SETTINGS non_replicated_deduplication_window = 10000;

-- Answers to surveys. The newest word on a response wins.
CREATE TABLE IF NOT EXISTS surveys (
    platform LowCardinality(String),
    id String,
    survey LowCardinality(String),
    brand LowCardinality(String),
    asked_at Nullable(DateTime64(3, 'UTC')),
    answered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- csat: 1 to 5, nps: 0 to 10.
    scale LowCardinality(String),
    score Nullable(Float32),
    comment String CODEC(ZSTD(1)),
    respondent String,
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(observed_at)
ORDER BY (platform, id)
SETTINGS non_replicated_deduplication_window = 10000;
