-- How many mentions an hour of a brand has under each epoch: a few narrow rows, by which a rollup of days is known to be of
-- now. Fed as rollup_hourly is. The proof is in rollup.rs.
CREATE TABLE IF NOT EXISTS rollup_counts (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    epoch UInt64 CODEC(ZSTD(1)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, epoch)
SETTINGS non_replicated_deduplication_window = 10000, min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_counts_of_epochs TO rollup_counts AS
SELECT brand, toStartOfHour(r.bucket) AS bucket, epoch, sum(r.mentions) AS mentions
FROM rollup_epochs AS r
GROUP BY brand, bucket, epoch;

-- Days that are over, summed from rollup_hourly now and then. A day counts while its stamp is that of its hours: the sum of
-- the epochs that count, above the mentions that they count.
CREATE TABLE IF NOT EXISTS rollup_daily (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    stamp UInt128 CODEC(ZSTD(1)),
    mentions UInt64 CODEC(T64, ZSTD(1)),
    reposts UInt64 CODEC(T64, ZSTD(1)),
    negative UInt64 CODEC(T64, ZSTD(1)),
    neutral UInt64 CODEC(T64, ZSTD(1)),
    positive UInt64 CODEC(T64, ZSTD(1)),
    unscored UInt64 CODEC(T64, ZSTD(1)),
    questions UInt64 CODEC(T64, ZSTD(1)),
    complaints UInt64 CODEC(T64, ZSTD(1)),
    team UInt64 CODEC(T64, ZSTD(1)),
    authors AggregateFunction(uniqCombined64(14), UInt64),
    negative_authors AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = ReplacingMergeTree(stamp)
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, platform)
-- No deduplication: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0;

-- What is there is taken over, and every hour marked, as in 0015.
INSERT INTO rollup_counts
SELECT brand, toStartOfHour(r.bucket) AS hour, epoch, sum(r.mentions)
FROM rollup_epochs AS r GROUP BY brand, hour, epoch ORDER BY brand, hour, epoch
SETTINGS insert_deduplication_token = '0019_counts';

INSERT INTO rollup_hours (brand, hour, marks)
SELECT brand, toStartOfHour(created_at) AS hour, 1 FROM mentions GROUP BY brand, hour;
