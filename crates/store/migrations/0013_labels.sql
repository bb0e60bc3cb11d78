-- What people say about mentions. The row with the highest version counts; a withdrawal is a row too. The argument why
-- figures stay exact beside these rows is in labels/mod.rs.
CREATE TABLE IF NOT EXISTS labels (
    brand LowCardinality(String),
    id UInt128,
    field Enum8('polarity' = 1, 'theme' = 2, 'intent' = 3, 'relevance' = 4),
    -- As a person writes it; the themes themselves stand beside it.
    value String CODEC(ZSTD(1)),
    themes Array(LowCardinality(String)),
    by LowCardinality(String),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    note String CODEC(ZSTD(1)),
    -- What the model had said when the person looked, and which one.
    before String CODEC(ZSTD(1)),
    model LowCardinality(String),
    -- Twice the microseconds of at; odd for a withdrawal, which so wins over a label of the same moment.
    version UInt64 CODEC(Delta, ZSTD(1)),
    withdrawn UInt8,
    -- The hours of the mention were marked after this version could be seen.
    settled Bool
)
ENGINE = ReplacingMergeTree(version, withdrawn)
ORDER BY (brand, id, field)
-- No deduplication: equal rows fold, and the same row again is an attempt to settle it.
SETTINGS non_replicated_deduplication_window = 0;
