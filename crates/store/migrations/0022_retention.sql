-- Days of a brand and platform whose mentions retention removed, or is about to remove. What they counted stands in
-- expired_counts and expired_scored, and no more in mentions, whatever may still lie there. Of several passes that took up
-- one day, the highest counts. The argument is in retention/mod.rs.
CREATE TABLE IF NOT EXISTS expired (
    brand LowCardinality(String),
    platform LowCardinality(String),
    day Date,
    pass SimpleAggregateFunction(max, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (brand, platform, day)
-- No deduplication: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0;

-- As rollup_epochs, for the mentions that are gone.
CREATE TABLE IF NOT EXISTS expired_counts (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    pass UInt64 CODEC(ZSTD(1)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    reposts SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    negative SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    neutral SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    positive SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    unscored SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    questions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    complaints SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    team SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    authors AggregateFunction(uniqCombined64(14), UInt64),
    negative_authors AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, platform, pass)
SETTINGS non_replicated_deduplication_window = 10000;

-- As rollup_scored, for the mentions that are gone; by platform, as they go by platform.
CREATE TABLE IF NOT EXISTS expired_scored (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    model LowCardinality(String),
    language LowCardinality(String),
    pass UInt64 CODEC(ZSTD(1)),
    negative SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    neutral SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    positive SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, platform, model, language, pass)
SETTINGS non_replicated_deduplication_window = 10000;
