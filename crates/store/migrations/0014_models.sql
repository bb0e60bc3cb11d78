-- What was measured of each model that scores, as JSON: confusion by language, for corrected figures. The newest card of
-- a model counts.
CREATE TABLE IF NOT EXISTS models (
    model LowCardinality(String),
    observed_at DateTime64(6, 'UTC'),
    card String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(observed_at)
ORDER BY model
SETTINGS non_replicated_deduplication_window = 10000;

-- What another model says of stored mentions, beside what is shown, until it is switched to. One row for each version
-- of a mention that a model has read.
CREATE TABLE IF NOT EXISTS rescored (
    scorer LowCardinality(String),
    created_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id UInt128,
    -- That of the mention that was scored.
    version UInt64 CODEC(Delta, ZSTD(1)),
    -- As in mentions: a language that the model does not cover is 'unscored', and its model empty.
    polarity Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1, 'unscored' = 2),
    negative Nullable(Float32) CODEC(ZSTD(1)),
    neutral Nullable(Float32) CODEC(ZSTD(1)),
    positive Nullable(Float32) CODEC(ZSTD(1)),
    confidence Nullable(Float32) CODEC(ZSTD(1)),
    intent Enum8('none' = 0, 'question' = 1, 'complaint' = 2, 'suggestion' = 3, 'praise' = 4, 'purchase' = 5),
    hostility Nullable(Float32) CODEC(ZSTD(1)),
    irony Nullable(Float32) CODEC(ZSTD(1)),
    themes Array(LowCardinality(String)),
    theme_probabilities Array(Float32) CODEC(ZSTD(1)),
    theme_rules Array(Bool) CODEC(ZSTD(1)),
    model LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (scorer, toStartOfHour(created_at), id, version)
SETTINGS non_replicated_deduplication_window = 10000;
