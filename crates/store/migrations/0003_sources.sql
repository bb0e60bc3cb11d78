-- How far each source has come, by its heartbeats. Only the highest of each column is kept: a late copy takes nothing
-- back.
CREATE TABLE IF NOT EXISTS source_health (
    source LowCardinality(String),
    partition UInt16,
    complete_through SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    observed_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    -- observed_at of the last heartbeat that said so: it is caught up while both are equal.
    caught_up_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (source, partition)
SETTINGS non_replicated_deduplication_window = 10000;

-- Spans that a source could not read. A gap comes once on every partition, and is one row.
CREATE TABLE IF NOT EXISTS gaps (
    source LowCardinality(String),
    from_time DateTime64(3, 'UTC'),
    to_time DateTime64(3, 'UTC'),
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (source, from_time, to_time)
SETTINGS non_replicated_deduplication_window = 10000;
