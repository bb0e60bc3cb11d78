-- One row per mention and brand. The row with the highest version counts; a deletion is a row too.
--
-- Every version of a mention carries the created_at of its first sighting: otherwise it would not collapse.
-- Zero stands for "none" in parent_id. Nullable counters tell "the platform did not say" from zero.
CREATE TABLE IF NOT EXISTS mentions (
    brand LowCardinality(String),
    id UInt128,
    platform LowCardinality(String),
    instance LowCardinality(String),
    native_id String CODEC(ZSTD(1)),
    kind Enum8('post' = 1, 'reply' = 2, 'repost' = 3, 'quote' = 4, 'review' = 5, 'message' = 6),
    space LowCardinality(String),
    url String CODEC(ZSTD(3)),

    author String CODEC(ZSTD(1)),
    author_handle String CODEC(ZSTD(1)),
    author_name String CODEC(ZSTD(1)),
    author_followers Nullable(UInt64) CODEC(T64, ZSTD(1)),
    author_bot Bool,
    -- Speaks for the brand, by the platform's mark or by the configuration.
    team Bool,
    author_key UInt64 MATERIALIZED cityHash64(platform, instance, author),

    created_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),

    text String CODEC(ZSTD(3)),
    language LowCardinality(String),
    hashtags Array(LowCardinality(String)),
    handles Array(String) CODEC(ZSTD(1)),
    links Array(String) CODEC(ZSTD(3)),
    media_kinds Array(LowCardinality(String)),
    media_urls Array(String) CODEC(ZSTD(3)),

    thread_id UInt128,
    parent_id UInt128,
    parent_author String CODEC(ZSTD(1)),

    likes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    reposts Nullable(UInt64) CODEC(T64, ZSTD(1)),
    replies Nullable(UInt64) CODEC(T64, ZSTD(1)),
    quotes Nullable(UInt64) CODEC(T64, ZSTD(1)),
    bookmarks Nullable(UInt64) CODEC(T64, ZSTD(1)),
    impressions Nullable(UInt64) CODEC(T64, ZSTD(1)),
    stars Nullable(Float32),

    monitor LowCardinality(String),
    owned_space Bool,

    -- A mention that no model scored is 'unscored', never neutral; its probabilities are null.
    polarity Enum8('negative' = -1, 'neutral' = 0, 'positive' = 1, 'unscored' = 2),
    negative Nullable(Float32) CODEC(ZSTD(1)),
    neutral Nullable(Float32) CODEC(ZSTD(1)),
    positive Nullable(Float32) CODEC(ZSTD(1)),
    confidence Nullable(Float32) CODEC(ZSTD(1)),
    intent Enum8('none' = 0, 'question' = 1, 'complaint' = 2, 'suggestion' = 3, 'praise' = 4, 'purchase' = 5),
    model LowCardinality(String),

    -- Twice the microseconds of observed_at; odd for a deletion, which so wins over an upsert of the same moment.
    version UInt64 CODEC(Delta, ZSTD(1)),
    deleted UInt8,
    -- First sighting of this mention for this brand. Of these the rollups are fed as they are written, deletions left
    -- out.
    first Bool,
    -- Where it stood in the log.
    partition UInt16,
    offset UInt64 CODEC(Delta, ZSTD(1)),

    INDEX by_id id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX by_author author_key TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, deleted)
PARTITION BY toYYYYMM(created_at)
ORDER BY (brand, toStartOfHour(created_at), platform, id)
SETTINGS non_replicated_deduplication_window = 10000;
