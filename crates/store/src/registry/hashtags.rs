//! Hashtags: which of them trend, and what one of them is about.

use super::{By, LookBack, Metric, Role, Shape, column};

const OUTWARD: &[Role] = &[Role::Awareness];
/// Answers about the hashtag that the question names.
pub(crate) const RESEARCH: &str = "hashtag_research";

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "trending_hashtags",
        title: "Trending hashtags",
        definition: "Hashtags whose distinct authors in the span exceed what the seven equal spans before it lead to \
            expect (their mean, at least 1). 0 where fewer than 5 authors used it, or no more than expected. The score decays \
            from the time at which the last new author of the span joined in (newest_author), and halves every 4 hours until \
            the end of the span; peak is the score before it. Ask for a day: in longer spans what is old is nearly 0.",
        formula: "(observed - expected)^2 / expected over distinct authors, x 0.5^(hours since newest_author / 4)",
        unit: "score",
        denominator: "distinct authors expected from the seven spans before",
        version: 2,
        source: "Mastodon trends",
        roles: OUTWARD,
        partial_when: "a source has a gap in the span or in the seven before it, or the brand's history begins later",
        scored: false,
        looks_back: LookBack::SpansBefore(7),
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("hashtag", "text"),
                column("trend", "score"),
                column("observed", "authors"),
                column("expected", "authors"),
                column("mentions", "mentions"),
                column("peak", "score"),
                column("newest_author", "time"),
            ],
            sql: "SELECT tag, peak * pow(0.5, ({to:Int64} - toUnixTimestamp64Milli(newest)) / 14400000) AS trend, \
                observed, expected, used, \
                if(observed < 5 OR observed <= expected, 0, pow(observed - expected, 2) / expected) AS peak, newest FROM (\
                SELECT tag, observed, greatest(before / 7, 1) AS expected, used, newest FROM (\
                    SELECT tag, count() AS observed, sum(posts) AS used, max(joined) AS newest FROM (\
                        SELECT tag, author_key, sum(n) AS posts, min(first_at) AS joined FROM $tags \
                        GROUP BY tag, author_key) GROUP BY tag) AS now LEFT ANY JOIN (\
                    SELECT tag, sum(authors) AS before FROM (\
                        SELECT tag, uniqExact(author_key) AS authors, intDiv({to:Int64} - 1 - \
                            toUnixTimestamp64Milli(created_at), {to:Int64} - {from:Int64}) AS ago \
                        FROM $tags_of_8 WHERE created_at < $from GROUP BY tag, ago) GROUP BY tag) AS earlier \
                ON now.tag = earlier.tag) \
                ORDER BY trend DESC, observed DESC, tag LIMIT {limit:UInt32}",
        }],
    },
    Metric {
        id: RESEARCH,
        title: "Hashtag research",
        definition: "Mentions of the brand in the span that carry the hashtag that the question names: how many, by how many \
            authors, how they engage (as engagement_rate) and how they sound. By hashtag: the hashtags that stand beside it, \
            without reposts; lift is how many times more often they stand together than chance would have it: 1 is chance.",
        formula: "share = mentions with it / mentions x 100; net_sentiment = (P - N) / (P + N + U) x 100; \
            lift = together x mentions / (mentions with one x mentions with the other)",
        unit: "mentions",
        denominator: "share: all mentions of the brand; lift: all of them but reposts",
        version: 1,
        source: "ours",
        roles: OUTWARD,
        partial_when: "only mentions of the brand are stored: the hashtag may be used more widely; a source has a gap; \
            counters, followers or scores are not known",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[
                    column("mentions", "mentions"),
                    column("unique", "mentions"),
                    column("authors", "authors"),
                    column("share", "%"),
                    column("engagements", "engagements"),
                    column("engagement_rate", "%"),
                    column("net_sentiment", "points"),
                    column("scored", "mentions"),
                ],
                sql: "SELECT every, originals, people, every / (SELECT sum(n) FROM $cells) * 100, \
                    if(counted = 0, NULL, received), engaged / reach * 100, net / rated * 100, rated FROM (\
                    SELECT $rates, sum(fresh) AS originals, count() AS people, sum(stated) AS counted, sum(given) AS received, \
                        sum(side) AS net, sum(judged) AS rated FROM (\
                    SELECT $of_author, countIf(kind != 'repost') AS fresh, \
                        sumIf(toInt8(polarity), polarity != 'unscored') AS side, countIf(polarity != 'unscored') AS judged \
                    FROM $engaged WHERE has(hashtags, {hashtag:String}) GROUP BY author_key))",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: &[
                    column("mentions", "mentions"),
                    column("authors", "authors"),
                    column("net_sentiment", "points"),
                ],
                sql: "SELECT $key AS key, sum(n) AS used, uniqExact(author_key), \
                    100 * ((toInt64(sum(positive)) - toInt64(sum(negative))) / sum(negative + neutral + positive)) \
                    FROM $tags WHERE tag = {hashtag:String} GROUP BY key ORDER BY used DESC, key",
            },
            Shape {
                by: &[By::Hashtag],
                columns: &[column("together", "mentions"), column("mentions", "mentions"), column("lift", "times")],
                // Only hours that hold the hashtag are read from the base table.
                sql: "WITH beside AS (SELECT toString(arrayJoin(arrayDistinct(hashtags))) AS other, count() AS together \
                        FROM $mentions WHERE $span AND kind != 'repost' AND has(hashtags, {hashtag:String}) \
                        AND toStartOfHour(created_at) IN (\
                            SELECT toStartOfHour(created_at) FROM $tags WHERE tag = {hashtag:String} AND n > reposts) \
                        GROUP BY other), \
                    uses AS (SELECT toString(tag) AS name, sum(n) - sum(reposts) AS used FROM $tags \
                        WHERE name IN (SELECT other FROM beside) GROUP BY name), \
                    every AS (SELECT sumIf(n, kind != 'repost') AS fresh FROM $cells), \
                    carriers AS (SELECT sum(together) AS carried FROM beside WHERE other = {hashtag:String}) \
                    SELECT other, together, used, together * fresh / (used * carried) AS lift FROM beside \
                        INNER JOIN uses ON beside.other = uses.name CROSS JOIN every CROSS JOIN carriers \
                    WHERE other != {hashtag:String} \
                    ORDER BY together DESC, lift DESC, other LIMIT {limit:UInt32}",
            },
        ],
    },
];
