-- Counts by brand, platform and five minutes of creation. Fed by first sightings as they are written; an hour that
-- later
-- events change is marked in dirty_hours and computed anew from mentions FINAL.
--
-- No engagement here: it grows after the mention is written, and is read from the base table with its newest snapshot.
CREATE TABLE IF NOT EXISTS rollup_5m (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    mentions SimpleAggregateFunction(sum, UInt64),
    reposts SimpleAggregateFunction(sum, UInt64),
    negative SimpleAggregateFunction(sum, UInt64),
    neutral SimpleAggregateFunction(sum, UInt64),
    positive SimpleAggregateFunction(sum, UInt64),
    unscored SimpleAggregateFunction(sum, UInt64),
    questions SimpleAggregateFunction(sum, UInt64),
    complaints SimpleAggregateFunction(sum, UInt64),
    team SimpleAggregateFunction(sum, UInt64),
    authors AggregateFunction(uniqCombined64(14), UInt64),
    negative_authors AggregateFunction(uniqCombined64(14), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, platform)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_5m_of_first TO rollup_5m AS
SELECT
    brand,
    toStartOfFiveMinutes(created_at) AS bucket,
    platform,
    count() AS mentions,
    countIf(kind = 'repost') AS reposts,
    countIf(polarity = 'negative') AS negative,
    countIf(polarity = 'neutral') AS neutral,
    countIf(polarity = 'positive') AS positive,
    countIf(polarity = 'unscored') AS unscored,
    countIf(intent = 'question') AS questions,
    countIf(intent = 'complaint') AS complaints,
    countIf(m.team) AS team,
    uniqCombined64State(14)(author_key) AS authors,
    uniqCombined64StateIf(14)(author_key, m.polarity = 'negative') AS negative_authors
FROM mentions AS m
WHERE first AND deleted = 0
GROUP BY brand, bucket, platform;

-- Marks are added (+1) after a change is written, and taken away (-n) after a rebuild that has seen n of them: a mark
-- set meanwhile stays, whatever the clocks say.
CREATE TABLE IF NOT EXISTS dirty_hours (
    brand LowCardinality(String),
    hour DateTime('UTC'),
    marks Int64
)
ENGINE = SummingMergeTree(marks)
ORDER BY (brand, hour)
SETTINGS non_replicated_deduplication_window = 10000;
