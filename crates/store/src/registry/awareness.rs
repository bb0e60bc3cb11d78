//! What a social media manager asks: is the brand seen, by whom, and against whom?

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const BASE: &[By] = &[By::Kind, By::Language];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "mention_volume",
        title: "Mention volume",
        definition: "Mentions of the brand in the span, by the time of creation: all of them, and without reposts. \
        Public \
            ones and those in owned spaces, the team's own included. Authors are counted by a sketch, exact for small \
            counts and within 1 % for large ones.",
        formula: "raw = all; unique = raw - reposts",
        unit: "mentions",
        denominator: "",
        version: 1,
        source: "ours",
        roles: &[Role::Awareness, Role::Community],
        partial_when: "a source has a gap, or has not come to the end of the span",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: true,
        shapes: &[
            Shape {
                by: &[],
                columns: &[column("raw", "mentions"), column("unique", "mentions"), column("authors", "authors")],
                sql: "SELECT sum(mentions), sum(mentions) - sum(reposts), uniqCombined64Merge(14)(authors) \
                    FROM rollup_epochs WHERE $buckets",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform],
                columns: &[column("raw", "mentions"), column("unique", "mentions"), column("authors", "authors")],
                sql: "SELECT $bucket_key AS key, sum(mentions), sum(mentions) - sum(reposts), \
                    uniqCombined64Merge(14)(authors) FROM rollup_epochs WHERE $buckets GROUP BY key ORDER BY 2 DESC, key",
            },
            Shape {
                by: &[By::Polarity],
                columns: &[column("raw", "mentions")],
                sql: "SELECT entry.1, entry.2 FROM (SELECT arrayJoin([('negative', sum(negative)), \
                    ('neutral', sum(neutral)), ('positive', sum(positive)), ('unscored', sum(unscored))]) AS entry \
                    FROM rollup_epochs WHERE $buckets)",
            },
            Shape {
                by: BASE,
                columns: &[column("raw", "mentions"), column("unique", "mentions"), column("authors", "authors")],
                sql: "SELECT $key AS key, count(), countIf(kind != 'repost'), uniqCombined64(14)(author_key) \
                    FROM $mentions WHERE $span GROUP BY key ORDER BY 2 DESC, key",
            },
        ],
    },
    Metric {
        id: "potential_reach",
        title: "Potential reach",
        definition: "The newest follower count of every distinct author who mentioned or reposted in the span, \
        summed. An \
            upper bound: followers of several authors count several times, and few see a post.",
        formula: "sum over distinct authors of their newest follower count",
        unit: "followers",
        denominator: "",
        version: 1,
        source: "Sprout",
        roles: &[Role::Awareness],
        partial_when: "a platform does not state followers: authors_known is then below authors",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[
                    column("potential_reach", "followers"),
                    column("authors", "authors"),
                    column("authors_known", "authors"),
                ],
                sql: "SELECT sum(followers), count(), count(followers) FROM (SELECT argMax(author_followers, \
                observed_at) \
                    AS followers FROM $mentions WHERE $span GROUP BY author_key)",
            },
            Shape {
                by: &[By::Platform],
                columns: &[
                    column("potential_reach", "followers"),
                    column("authors", "authors"),
                    column("authors_known", "authors"),
                ],
                sql: "SELECT platform, sum(followers), count(), count(followers) FROM (SELECT platform, \
                    argMax(author_followers, observed_at) AS followers FROM $mentions WHERE $span \
                    GROUP BY platform, author_key) GROUP BY platform ORDER BY 2 DESC, platform",
            },
        ],
    },
    Metric {
        id: "engagements",
        title: "Engagements",
        definition: "Likes, reposts, replies, quotes and bookmarks that mentions created in the span have received, \
        by the \
            newest counters known of each. What a platform does not state counts for nothing; a figure that no mention \
            states is empty, not zero.",
        formula: "likes + reposts + replies + quotes + bookmarks, newest snapshot per mention",
        unit: "engagements",
        denominator: "",
        version: 1,
        source: "Hootsuite",
        roles: &[Role::Awareness],
        partial_when: "a platform does not state counters: mentions_known is then below mentions",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: ENGAGEMENTS,
                sql: "SELECT if(countIf(known) = 0, NULL, sum(total)), sum(likes), sum(reposts), sum(replies), \
                    sum(quotes), sum(bookmarks), count(), countIf(known) FROM $engaged",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform, By::Kind],
                columns: ENGAGEMENTS,
                sql: "SELECT $key AS key, if(countIf(known) = 0, NULL, sum(total)), sum(likes), sum(reposts), \
                    sum(replies), sum(quotes), sum(bookmarks), count(), countIf(known) FROM $engaged \
                    GROUP BY key ORDER BY 2 DESC, key",
            },
        ],
    },
    Metric {
        id: "share_of_voice",
        title: "Share of voice",
        definition: "The brand's mentions in the span, of all mentions of the compared brands over the same sources. \
            Compared are the brands that the question names, else every stored brand. A mention of two brands counts \
            for \
            both.",
        formula: "own / (own + compared) x 100",
        unit: "%",
        denominator: "mentions of all compared brands in the same span, from the same sources",
        version: 1,
        source: "Mention",
        roles: &[Role::Awareness],
        partial_when: "a source has a gap, or has not come to the end of the span",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: true,
        shapes: &[
            Shape {
                by: &[],
                columns: &[column("brand", "text"), column("mentions", "mentions"), column("share_of_voice", "%")],
                sql: "SELECT name, sum(n), sum(n) / sum(sum(n)) OVER () * 100 FROM (\
                    SELECT toString(brand) AS name, mentions AS n FROM rollup_epochs \
                    WHERE $all_buckets AND (empty({among:Array(String)}) \
                        OR brand IN {among:Array(String)} OR brand = {brand:String}) \
                    UNION ALL SELECT arrayJoin(arrayPushBack({among:Array(String)}, {brand:String})), toUInt64(0)) \
                    GROUP BY name ORDER BY name = {brand:String} DESC, 2 DESC, name LIMIT {limit:UInt32}",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform],
                columns: &[column("mentions", "mentions"), column("all", "mentions"), column("share_of_voice", "%")],
                sql: "SELECT $bucket_key AS key, sumIf(mentions, brand = {brand:String}), sum(mentions), \
                    sumIf(mentions, brand = {brand:String}) / sum(mentions) * 100 FROM rollup_epochs \
                    WHERE $all_buckets AND (empty({among:Array(String)}) \
                        OR brand IN {among:Array(String)} OR brand = {brand:String}) \
                    GROUP BY key ORDER BY 2 DESC, key",
            },
        ],
    },
    Metric {
        id: "net_sentiment",
        title: "Net sentiment",
        definition: "Positive less negative mentions, of all scored ones: from -100 (all negative) to 100 (all \
        positive). \
            net_sentiment_polar leaves the neutral ones out. What no model scored is in neither; \
            it is shown as unscored.",
        formula: "(P - N) / (P + N + U) x 100; polar: (P - N) / (P + N) x 100",
        unit: "points",
        denominator: "scored mentions; polar: those that are not neutral",
        version: 1,
        source: "Symanto; YouScan",
        roles: &[Role::Awareness, Role::Community],
        partial_when: "a source has a gap, or mentions are unscored",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: true,
        shapes: &[
            Shape {
                by: &[],
                columns: SENTIMENT,
                sql: "SELECT (p - n) / (p + n + u) * 100, (p - n) / (p + n) * 100, n, u, p, x FROM (\
                    SELECT sum(positive) AS p, sum(negative) AS n, sum(neutral) AS u, sum(unscored) AS x \
                    FROM rollup_epochs WHERE $buckets)",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform],
                columns: SENTIMENT,
                sql: "SELECT key, (p - n) / (p + n + u) * 100, (p - n) / (p + n) * 100, n, u, p, x FROM (\
                    SELECT $bucket_key AS key, sum(positive) AS p, sum(negative) AS n, sum(neutral) AS u, \
                    sum(unscored) AS x FROM rollup_epochs WHERE $buckets GROUP BY key) ORDER BY n + u + p + x DESC, key",
            },
            Shape {
                by: BASE,
                columns: SENTIMENT,
                sql: "SELECT key, (p - n) / (p + n + u) * 100, (p - n) / (p + n) * 100, n, u, p, x FROM (\
                    SELECT $key AS key, sum(positive) AS p, sum(negative) AS n, sum(neutral) AS u, sum(unscored) AS x \
                    FROM $cells GROUP BY key) ORDER BY n + u + p + x DESC, key",
            },
        ],
    },
    Metric {
        id: "top_voices",
        title: "Top voices",
        definition: "Authors of mentions in the span, the team left out: those with the most followers (newest count), \
            those with the most engagements and those with the most mentions, as many of each as the limit says, in \
            one list. The three figures and the ranks in them stand side by side; there is no combined score. A rank is \
            empty where an author is not among the first of that figure. Equal figures are ranked by mentions, \
            followers, engagements, name.",
        formula: "per author: mentions; newest follower count; likes + reposts + replies + quotes + bookmarks; \
            the union of the highest of each",
        unit: "mentions",
        denominator: "",
        version: 2,
        source: "ours",
        roles: &[Role::Awareness, Role::Community],
        partial_when: "a platform does not state followers or counters: the figure and its rank are then empty",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("author", "text"),
                column("platform", "text"),
                column("mentions", "mentions"),
                column("followers", "followers"),
                column("engagements", "engagements"),
                column("rank_by_reach", "rank"),
                column("rank_by_engagement", "rank"),
                column("rank_by_mentions", "rank"),
            ],
            // The author's key ends the order: two authors of one name and platform, on different instances.
            sql: "WITH $voices SELECT name, platform, n, reach, engaged, \
                if(reach IS NOT NULL AND by_reach <= {limit:UInt32}, by_reach, NULL) AS reach_rank, \
                if(engaged IS NOT NULL AND by_engaged <= {limit:UInt32}, by_engaged, NULL) AS engaged_rank, \
                if(place <= {limit:UInt32}, place, NULL) AS mentions_rank FROM (\
                SELECT *, row_number() OVER (ORDER BY reach DESC NULLS LAST, place) AS by_reach, \
                    row_number() OVER (ORDER BY engaged DESC NULLS LAST, place) AS by_engaged FROM (\
                SELECT *, row_number() OVER (ORDER BY n DESC, reach DESC NULLS LAST, engaged DESC NULLS LAST, \
                    name, platform, author_key) AS place FROM voices)) \
                WHERE coalesce(reach_rank, engaged_rank, mentions_rank) IS NOT NULL ORDER BY place",
        }],
    },
];

const ENGAGEMENTS: &[Column] = &[
    column("engagements", "engagements"),
    column("likes", "likes"),
    column("reposts", "reposts"),
    column("replies", "replies"),
    column("quotes", "quotes"),
    column("bookmarks", "bookmarks"),
    column("mentions", "mentions"),
    column("mentions_known", "mentions"),
];

const SENTIMENT: &[Column] = &[
    column("net_sentiment", "points"),
    column("net_sentiment_polar", "points"),
    column("negative", "mentions"),
    column("neutral", "mentions"),
    column("positive", "mentions"),
    column("unscored", "mentions"),
];
