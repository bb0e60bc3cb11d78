-- Rollups by what a mention is and what it is about, by the hour, as those of 0015: every row carries the epoch of its
-- insert or rebuild, and of each hour the rows of its highest epoch count. The proof is in rollup.rs, the text of a rebuild
-- in facets/.
--
-- What a mention is. others: not the team's, no reposts; told: those that are scored; judged: those that have a hostility.
-- members: those that are no bots', either; made: of these with media or links. A row of no platform counts nothing: it
-- stands for an hour that was rebuilt.
CREATE TABLE IF NOT EXISTS rollup_cells (
    brand LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    platform LowCardinality(String),
    kind LowCardinality(String),
    language LowCardinality(String),
    epoch UInt64 CODEC(ZSTD(1)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    negative SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    neutral SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    positive SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    unscored SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    others SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    told SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    hostile SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    judged SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    members SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    made SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    with_media SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    with_links SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, bucket, platform, kind, language, epoch)
SETTINGS non_replicated_deduplication_window = 10000, min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1;

-- What a mention is about. Facets:
--   hashtag: every hashtag by author, first_at the author's first use in the hour;
--   theme: themes of scored mentions by others than the team, no reposts; of these `ruled` a rule told;
--   question, complaint, suggestion: of the same and the unscored, themes by author; and a row of no author (key 0) that
--   counts nothing and has the three best examples, each of another story: reach, time, id, story;
--   rebuilt: a row for each hour that was rebuilt, which counts nothing. An hour without it has epoch 0.
CREATE TABLE IF NOT EXISTS rollup_facets (
    brand LowCardinality(String),
    facet LowCardinality(String),
    bucket DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    value LowCardinality(String),
    platform LowCardinality(String),
    author_key UInt64 CODEC(ZSTD(1)),
    epoch UInt64 CODEC(ZSTD(1)),
    mentions SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    reposts SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    negative SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    neutral SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    positive SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    ruled SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    best SimpleAggregateFunction(groupArrayArray, Array(Tuple(UInt64, DateTime64(3, 'UTC'), UInt128, UInt128))) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (brand, facet, bucket, value, platform, author_key, epoch)
SETTINGS non_replicated_deduplication_window = 10000, min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_cells_of_first TO rollup_cells AS
SELECT
    brand, toStartOfHour(created_at) AS bucket, platform, toString(m.kind) AS kind, language, epoch,
    count() AS mentions,
    countIf(m.polarity = 'negative') AS negative,
    countIf(m.polarity = 'neutral') AS neutral,
    countIf(m.polarity = 'positive') AS positive,
    countIf(m.polarity = 'unscored') AS unscored,
    countIf(NOT m.team AND m.kind != 'repost') AS others,
    countIf(NOT m.team AND m.kind != 'repost' AND m.polarity != 'unscored') AS told,
    countIf(NOT m.team AND m.kind != 'repost' AND m.hostility >= 0.5) AS hostile,
    countIf(NOT m.team AND m.kind != 'repost' AND m.hostility IS NOT NULL) AS judged,
    countIf(NOT m.team AND m.kind != 'repost' AND NOT m.author_bot) AS members,
    countIf(NOT m.team AND m.kind != 'repost' AND NOT m.author_bot AND (
        hasAny(m.media_kinds, ['image', 'video', 'audio']) OR has(m.media_kinds, 'link') OR notEmpty(m.links))) AS made,
    countIf(NOT m.team AND m.kind != 'repost' AND NOT m.author_bot
        AND hasAny(m.media_kinds, ['image', 'video', 'audio'])) AS with_media,
    countIf(NOT m.team AND m.kind != 'repost' AND NOT m.author_bot
        AND (has(m.media_kinds, 'link') OR notEmpty(m.links))) AS with_links
FROM mentions AS m
WHERE first AND deleted = 0
GROUP BY brand, bucket, platform, kind, language, epoch;

-- An entry: facet, value, whether a rule told it, and whether it is counted (0), counted by author (1) or an example (2). Of the
-- examples in order of story, reach, time and id the last of each story stays; of those the three that reach most.
CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_facets_of_first TO rollup_facets AS
SELECT
    brand, facet, bucket, value, platform, author_key, epoch, mentions, reposts, negative, neutral, positive, ruled, first_at,
    arraySlice(arrayReverseSort(arrayMap(one -> (one.2, one.3, one.4, one.1),
        arrayFilter((one, next) -> one.1 != next.1, examples, arrayShiftLeft(examples, 1)))), 1, 3) AS best
FROM (
    SELECT
        brand, entry.1 AS facet, bucket, entry.2 AS value, if(entry.4 = 1, toString(p), '') AS platform,
        if(entry.4 = 1, who, 0) AS author_key, epoch,
        countIf(entry.4 != 2) AS mentions,
        countIf(k = 'repost') AS reposts,
        countIf(entry.4 != 2 AND side = 'negative') AS negative,
        countIf(entry.4 != 2 AND side = 'neutral') AS neutral,
        countIf(entry.4 != 2 AND side = 'positive') AS positive,
        countIf(entry.3 = 1) AS ruled,
        min(if(entry.1 = 'hashtag', at, toDateTime64(0, 3, 'UTC'))) AS first_at,
        arraySort(groupArrayIf((story_id, reach, at, id), entry.4 = 2)) AS examples
    FROM (
        SELECT
            m.brand AS brand, toStartOfHour(m.created_at) AS bucket, m.platform AS p, m.kind AS k, m.polarity AS side,
            m.author_key AS who, m.epoch AS epoch, m.created_at AS at, m.id AS id,
            ifNull(m.author_followers, 0) AS reach, if(m.story = 0, m.id, m.story) AS story_id,
            NOT m.team AND m.kind != 'repost' AS by_other,
            if(empty(m.themes), ['other'], arrayMap(name -> toString(name), m.themes)) AS names,
            if(by_other AND m.polarity != 'unscored', names, []) AS themed,
            if(by_other AND m.intent IN ('question', 'complaint', 'suggestion'), names, []) AS asked,
            arrayJoin(arrayConcat(
                arrayMap(tag -> ('hashtag', toString(tag), toUInt8(0), toUInt8(1)), arrayDistinct(m.hashtags)),
                arrayMap((name, place) -> ('theme', name, toUInt8(m.theme_rules[place]), toUInt8(0)),
                    themed, arrayEnumerate(themed)),
                arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(1)), asked),
                arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(2)), asked))) AS entry
        FROM mentions AS m
        WHERE first AND deleted = 0)
    GROUP BY brand, facet, bucket, value, platform, author_key, epoch);

-- What is there is taken over, a row for each mention and entry, which merges fold: so that no hour is empty until its turn
-- comes. Every hour is marked.
INSERT INTO rollup_cells
SELECT brand, toStartOfHour(m.created_at) AS hour, platform, toString(m.kind), language, 0, 1, m.polarity = 'negative',
    m.polarity = 'neutral', m.polarity = 'positive', m.polarity = 'unscored', other, other AND m.polarity != 'unscored',
    other AND ifNull(m.hostility >= 0.5, 0), other AND m.hostility IS NOT NULL, member, member AND (media OR linked),
    member AND media, member AND linked
FROM (
    SELECT *, NOT team AND kind != 'repost' AS other, other AND NOT author_bot AS member,
        hasAny(media_kinds, ['image', 'video', 'audio']) AS media, has(media_kinds, 'link') OR notEmpty(links) AS linked
    FROM mentions FINAL) AS m
SETTINGS insert_deduplication_token = 'facets_cells';

INSERT INTO rollup_facets
SELECT brand, entry.1, bucket, entry.2, if(entry.4 = 1, toString(p), ''), if(entry.4 = 1, who, 0), 0, entry.4 != 2,
    k = 'repost', entry.4 != 2 AND side = 'negative', entry.4 != 2 AND side = 'neutral', entry.4 != 2 AND side = 'positive',
    entry.3, if(entry.1 = 'hashtag', at, toDateTime64(0, 3, 'UTC')), if(entry.4 = 2, [(reach, at, id, story_id)], [])
FROM (
    SELECT
        m.brand AS brand, toStartOfHour(m.created_at) AS bucket, m.platform AS p, m.kind AS k, m.polarity AS side,
        m.author_key AS who, m.created_at AS at, m.id AS id,
        ifNull(m.author_followers, 0) AS reach, if(m.story = 0, m.id, m.story) AS story_id,
        NOT m.team AND m.kind != 'repost' AS by_other,
        if(empty(m.themes), ['other'], arrayMap(name -> toString(name), m.themes)) AS names,
        if(by_other AND m.polarity != 'unscored', names, []) AS themed,
        if(by_other AND m.intent IN ('question', 'complaint', 'suggestion'), names, []) AS asked,
        arrayJoin(arrayConcat(
            arrayMap(tag -> ('hashtag', toString(tag), toUInt8(0), toUInt8(1)), arrayDistinct(m.hashtags)),
            arrayMap((name, place) -> ('theme', name, toUInt8(m.theme_rules[place]), toUInt8(0)),
                themed, arrayEnumerate(themed)),
            arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(1)), asked),
            arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(2)), asked))) AS entry
    FROM mentions AS m FINAL)
SETTINGS insert_deduplication_token = 'facets_facets';

INSERT INTO rollup_hours (brand, hour, marks)
SELECT brand, hour, 1 FROM (
    SELECT brand, toStartOfHour(created_at) AS hour FROM mentions UNION ALL SELECT brand, hour FROM rollup_hours)
GROUP BY brand, hour;
