-- How many mentions one stands for: 1, or the inverse of the share that its source read. Figures count it once.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS weight Float32 DEFAULT 1 CODEC(ZSTD(1));

-- Beyond this time buckets need not wait for the source, though it is not complete up to then.
ALTER TABLE source_health ADD COLUMN IF NOT EXISTS closes_through SimpleAggregateFunction(max, DateTime64(3, 'UTC'));

-- Spans of which a source read a part: rate is the share of what was there. One comes on every partition, and is one
-- row.
CREATE TABLE IF NOT EXISTS sampled (
    source LowCardinality(String),
    from_time DateTime64(3, 'UTC'),
    to_time DateTime64(3, 'UTC'),
    rate Float32,
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (source, from_time, to_time)
SETTINGS non_replicated_deduplication_window = 10000;

-- What the runtime knew of each source, when it changed and once a minute. Counters are since the report before. 1970
-- stands for "not known", a cap of 0 for "none".
CREATE TABLE IF NOT EXISTS source_reports (
    source LowCardinality(String),
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    state LowCardinality(String),
    since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    message String CODEC(ZSTD(1)),
    complete_through DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_success DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    requests UInt64 CODEC(T64, ZSTD(1)),
    records UInt64 CODEC(T64, ZSTD(1)),
    rejected UInt64 CODEC(T64, ZSTD(1)),
    -- Failed polls: the classes, and how many of each.
    error_classes Array(LowCardinality(String)),
    error_counts Array(UInt64),
    -- The platform's limits: what is counted, what was used of the window that was open, what is allowed.
    quota Array(String),
    quota_used Array(UInt64),
    quota_allowed Array(UInt64),
    -- In the month that ran, in records and in USD.
    spent_records UInt64,
    spent Float64,
    spend_cap Float64,
    -- Share of what was there that was read.
    share Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (source, observed_at)
TTL toDateTime(observed_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;
