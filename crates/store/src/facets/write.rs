//! What a rebuild writes (R3 of the table in `rollup`), and what the audit compares. The views of first sightings, in the
//! migration, say the same of one insert.

/// Statements of R3, with the parameters and pieces of the others.
pub(crate) fn rebuilds() -> [String; 2] {
    [whole(REBUILD_CELLS), whole(REBUILD_FACETS)]
}

/// Sides 0 and 1 of the comparisons in `verify`, for each of the tables.
pub(crate) fn compared() -> [String; 2] {
    [whole(CELLS_COMPARED), whole(FACETS_COMPARED)]
}

fn whole(sql: &str) -> String {
    let pieces = [
        ("$cells", CELLS),
        ("$sums", SUMS),
        ("$entries", ENTRIES),
        ("$facts", FACTS),
        ("$best", BEST),
        ("$of_hours", OF_HOURS),
    ];
    pieces.iter().fold(sql.to_owned(), |sql, (name, piece)| sql.replace(name, piece))
}

const OF_HOURS: &str =
    "m.created_at >= toDateTime({from:UInt32}, 'UTC') AND m.created_at < toDateTime({to:UInt32}, 'UTC')
    AND (m.brand, toStartOfHour(m.created_at)) IN $pairs AND $unexpired";

const REBUILD_CELLS: &str =
    "INSERT INTO rollup_cells (brand, bucket, platform, kind, language, epoch, mentions, negative, neutral,
    positive, unscored, others, told, hostile, judged, members, made, with_media, with_links)
SELECT brand, bucket, platform, kind, language, {epoch:UInt64}, $sums
FROM ($cells WHERE $of_hours
    UNION ALL SELECT at.1, at.2, '', '', '', '', false, false, false, false, NULL, false
        FROM (SELECT arrayJoin($all) AS at))
GROUP BY brand, bucket, platform, kind, language";
/// Rows of mentions; one that is not real counts nothing.
const CELLS: &str = "SELECT toString(m.brand) AS brand, toStartOfHour(m.created_at) AS bucket, toString(m.platform) AS platform,
    toString(m.kind) AS kind, toString(m.language) AS language, toString(m.polarity) AS tone,
    NOT m.team AND m.kind != 'repost' AS other, other AND NOT m.author_bot AS member,
    hasAny(m.media_kinds, ['image', 'video', 'audio']) AS media, has(m.media_kinds, 'link') OR notEmpty(m.links) AS linked,
    m.hostility AS hostility, true AS real
FROM $corrected AS m";
const SUMS: &str = "countIf(real), countIf(tone = 'negative'), countIf(tone = 'neutral'), countIf(tone = 'positive'),
    countIf(tone = 'unscored'), countIf(other), countIf(other AND tone != 'unscored'),
    countIf(other AND hostility >= 0.5), countIf(other AND hostility IS NOT NULL), countIf(member),
    countIf(member AND (media OR linked)), countIf(member AND media), countIf(member AND linked)";

const REBUILD_FACETS: &str = "INSERT INTO rollup_facets (brand, facet, bucket, value, platform, author_key, epoch, mentions,
    reposts, negative, neutral, positive, ruled, first_at, best)
SELECT brand, facet, bucket, value, platform, author_key, {epoch:UInt64}, counts.1, counts.2, counts.3, counts.4, counts.5,
    counts.6, first_at, best
FROM (SELECT brand, facet, bucket, value, platform, author_key, $facts
    FROM ($entries WHERE $of_hours)
        UNION ALL SELECT at.1, 'rebuilt', at.2, '', '', 0, '', '', toDateTime64(0, 3, 'UTC'), 0, 0, 0, 0, 2
            FROM (SELECT arrayJoin($all) AS at))
    GROUP BY brand, facet, bucket, value, platform, author_key)";
/// An entry: facet, value, whether a rule told it, and whether it is counted (0), counted by author (1) or an example (2).
const ENTRIES: &str = "SELECT brand, entry.1 AS facet, bucket, entry.2 AS value, if(entry.4 = 1, p, '') AS platform,
    if(entry.4 = 1, who, 0) AS author_key, k, tone, at, id, reach, story_id, entry.3 AS rule, entry.4 AS way
FROM (SELECT toString(m.brand) AS brand, toStartOfHour(m.created_at) AS bucket, toString(m.platform) AS p,
        toString(m.kind) AS k, toString(m.polarity) AS tone, m.author_key AS who, m.created_at AS at, m.id AS id,
        ifNull(m.author_followers, 0) AS reach, if(m.story = 0, m.id, m.story) AS story_id,
        NOT m.team AND m.kind != 'repost' AS other,
        if(empty(m.themes), ['other'], arrayMap(name -> toString(name), m.themes)) AS names,
        if(other AND m.polarity != 'unscored', names, []) AS themed,
        if(other AND m.intent IN ('question', 'complaint', 'suggestion'), names, []) AS asked,
        arrayJoin(arrayConcat(
            arrayMap(tag -> ('hashtag', toString(tag), toUInt8(0), toUInt8(1)), arrayDistinct(m.hashtags)),
            arrayMap((name, place) -> ('theme', name, toUInt8(m.theme_rules[place]), toUInt8(0)),
                themed, arrayEnumerate(themed)),
            arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(1)), asked),
            arrayMap(name -> (toString(m.intent), name, toUInt8(0), toUInt8(2)), asked))) AS entry
    FROM $corrected AS m";
const FACTS: &str = "(countIf(way != 2), countIf(k = 'repost'), countIf(way != 2 AND tone = 'negative'),
        countIf(way != 2 AND tone = 'neutral'), countIf(way != 2 AND tone = 'positive'), countIf(rule = 1)) AS counts,
    min(if(facet = 'hashtag', at, toDateTime64(0, 3, 'UTC'))) AS first_at,
    arraySort(groupArrayIf((story_id, reach, at, id), way = 2 AND facet != 'rebuilt')) AS told, $best";
/// Of `told`, in order of story, reach, time and id, the last of each story stays; of those the three that reach most.
const BEST: &str = "arraySlice(arrayReverseSort(arrayMap(one -> (one.2, one.3, one.4, one.1),
        arrayFilter((one, next) -> one.1 != next.1, told, arrayShiftLeft(told, 1)))), 1, 3) AS best";

/// Counts stand in the places of `Counts`, and behind them what those do not have.
const CELLS_COMPARED: &str = "SELECT toUInt8(0) AS side, brand, bucket, cell AS platform, arrayConcat([counts[1], 0],
            arraySlice(counts, 2, 4), [0, 0, 0, 0, 0], arraySlice(counts, 6)) AS sums
        FROM (SELECT brand, bucket, concat(platform, ' ', kind, ' ', language) AS cell, [$sums] AS counts
            FROM ($cells WHERE toStartOfHour(m.created_at) $in_span AND $unexpired) GROUP BY brand, bucket, cell)
        UNION ALL
        SELECT toUInt8(1), toString(r.brand) AS brand, r.bucket AS bucket,
            concat(r.platform, ' ', r.kind, ' ', r.language) AS platform, [sum(r.mentions), 0, sum(r.negative),
            sum(r.neutral), sum(r.positive), sum(r.unscored), 0, 0, 0, 0, 0, sum(r.others), sum(r.told), sum(r.hostile),
            sum(r.judged), sum(r.members), sum(r.made), sum(r.with_media), sum(r.with_links)]
        FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND r.platform != '' AND $newest
        GROUP BY brand, bucket, platform";
/// By facet and value: the sums, and one of a hash of every row.
const FACETS_COMPARED: &str = "SELECT side, brand, bucket, concat(facet, ' ', value) AS platform,
            [sum(counts.1), sum(counts.2), sum(counts.3), sum(counts.4), sum(counts.5), 0, 0, 0, 0, 0, 0,
            sum(cityHash64(platform, author_key, toString((counts, first_at, best))))] AS sums
        FROM (SELECT toUInt8(0) AS side, brand, facet, bucket, value, platform, author_key, $facts
            FROM ($entries WHERE toStartOfHour(m.created_at) $in_span AND $unexpired))
            GROUP BY brand, facet, bucket, value, platform, author_key
            UNION ALL
            SELECT toUInt8(1), toString(r.brand) AS brand, toString(r.facet) AS facet, r.bucket AS bucket,
                toString(r.value) AS value, toString(r.platform) AS platform, r.author_key AS author_key,
                (sum(r.mentions), sum(r.reposts), sum(r.negative), sum(r.neutral), sum(r.positive), sum(r.ruled)) AS counts,
                min(r.first_at) AS first_at, arraySort(arrayMap(one -> (one.4, one.1, one.2, one.3),
                    groupArrayArray(r.best))) AS told, $best
            FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND r.facet != 'rebuilt' AND $newest
            GROUP BY brand, facet, bucket, value, platform, author_key)
        GROUP BY side, brand, bucket, facet, value";
