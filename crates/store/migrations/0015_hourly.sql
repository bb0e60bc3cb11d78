-- The rollup by the hour. What is written to rollup_epochs, by whomever, comes here in the same statement and under the same
-- epoch, so that of each hour the rows of its highest epoch count here too. The proof is in rollup.rs.
CREATE TABLE IF NOT EXISTS rollup_hourly (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    epoch UInt64 CODEC(ZSTD(1)),
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
ORDER BY (brand, bucket, platform, epoch)
SETTINGS non_replicated_deduplication_window = 10000;

-- What the model said, by the hour, model and language, whatever people labelled; without what they found not relevant. A
-- row of no model counts nothing: it stands for an hour that was rebuilt.
CREATE TABLE IF NOT EXISTS rollup_scored (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    model LowCardinality(String),
    language LowCardinality(String),
    epoch UInt64 CODEC(ZSTD(1)),
    negative SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    neutral SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    positive SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, model, language, epoch)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_hourly_of_epochs TO rollup_hourly AS
SELECT
    brand,
    toStartOfHour(r.bucket) AS bucket,
    platform,
    epoch,
    sum(r.mentions) AS mentions,
    sum(r.reposts) AS reposts,
    sum(r.negative) AS negative,
    sum(r.neutral) AS neutral,
    sum(r.positive) AS positive,
    sum(r.unscored) AS unscored,
    sum(r.questions) AS questions,
    sum(r.complaints) AS complaints,
    sum(r.team) AS team,
    uniqCombined64MergeState(14)(r.authors) AS authors,
    uniqCombined64MergeState(14)(r.negative_authors) AS negative_authors
FROM rollup_epochs AS r
GROUP BY brand, bucket, platform, epoch;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_scored_of_first TO rollup_scored AS
SELECT
    brand,
    toStartOfHour(created_at) AS bucket,
    model,
    language,
    epoch,
    countIf(polarity = 'negative') AS negative,
    countIf(polarity = 'neutral') AS neutral,
    countIf(polarity = 'positive') AS positive
FROM mentions
WHERE first AND deleted = 0 AND polarity != 'unscored'
GROUP BY brand, bucket, model, language, epoch;

-- For people and other programs, as rollup_5m.
CREATE VIEW IF NOT EXISTS rollup_1h AS
SELECT
    brand, bucket, platform, mentions, reposts, negative, neutral, positive, unscored, questions, complaints, team,
    authors, negative_authors
FROM rollup_hourly
WHERE platform != '' AND (brand, bucket, epoch) IN (
    SELECT brand, bucket, max(epoch) FROM rollup_hourly GROUP BY brand, bucket);

-- What is there is taken over, so that no hour is empty until its turn comes; and every hour is marked, as a row that is
-- written meanwhile may be counted twice or not. The tokens make a repetition write nothing.
INSERT INTO rollup_hourly
SELECT brand, toStartOfHour(r.bucket) AS hour, platform, epoch, sum(r.mentions), sum(r.reposts), sum(r.negative),
    sum(r.neutral), sum(r.positive), sum(r.unscored), sum(r.questions), sum(r.complaints), sum(r.team),
    uniqCombined64MergeState(14)(r.authors), uniqCombined64MergeState(14)(r.negative_authors)
FROM rollup_epochs AS r GROUP BY brand, hour, platform, epoch ORDER BY brand, hour, platform, epoch
SETTINGS insert_deduplication_token = '0015_hourly';

INSERT INTO rollup_scored
SELECT brand, toStartOfHour(created_at) AS hour, model, language, 0 AS since, countIf(polarity = 'negative'),
    countIf(polarity = 'neutral'), countIf(polarity = 'positive')
FROM mentions FINAL WHERE polarity != 'unscored' GROUP BY brand, hour, model, language ORDER BY brand, hour, model, language
SETTINGS insert_deduplication_token = '0015_scored';

INSERT INTO rollup_hours (brand, hour, marks)
SELECT brand, toStartOfHour(created_at) AS hour, 1 FROM mentions GROUP BY brand, hour;
