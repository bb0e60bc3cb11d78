-- Every range of offsets that was stored, written last: offsets between two ranges that none covers were lost.
CREATE TABLE IF NOT EXISTS batches (
    log LowCardinality(String),
    topic LowCardinality(String),
    partition UInt32,
    first_offset UInt64 CODEC(Delta, ZSTD(1)),
    last_offset UInt64 CODEC(Delta, ZSTD(1)),
    events UInt64 CODEC(T64, ZSTD(1)),
    unreadable UInt64 CODEC(T64, ZSTD(1)),
    -- By the server's clock, for the retention alone.
    written_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (log, topic, partition, first_offset, last_offset)
TTL toDateTime(written_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;
