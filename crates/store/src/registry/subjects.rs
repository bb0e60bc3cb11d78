//! What is talked about: stories and themes.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const COUNTS: &[Column] = &[
    column("stories", "stories"),
    column("unique", "mentions"),
    column("raw", "mentions"),
    column("largest", "mentions"),
];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "stories",
        title: "Stories",
        definition: "Mentions of the brand in the span in three counts: all of them, without reposts, and stories, where \
            near-duplicates, reposts and what is told again in other words count once. A story is counted where any \
            mention of it was created in the span, so stories of two spans do not add up. largest is the mentions of \
            the span in the story that has most. Other words are heard where the model scores the language, and where \
            nearly half of the letters agree. A mention that was stored before stories were told apart is a story of \
            its own.",
        formula: "raw = all; unique = raw - reposts; stories = distinct first mentions of near-duplicates and rewordings",
        unit: "stories",
        denominator: "",
        version: 2,
        source: "ours",
        roles: &[Role::Awareness, Role::Community],
        partial_when: "a source has a gap; several scoring processes find copies among what each of them read, \
            and a story that rests for longer than the configured hours begins anew",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: COUNTS,
                sql: "SELECT count(), sum(n - reposts), sum(n), max(n) FROM (\
                    SELECT count() AS n, countIf(kind = 'repost') AS reposts FROM $mentions WHERE $span \
                    GROUP BY if(story = 0, id, story))",
            },
            Shape {
                by: &[By::Platform, By::Kind, By::Language],
                columns: COUNTS,
                sql: "SELECT key, count(), sum(n - reposts), sum(n), max(n) FROM (\
                    SELECT $key AS key, count() AS n, countIf(kind = 'repost') AS reposts FROM $mentions \
                    WHERE $span GROUP BY key, if(story = 0, id, story)) GROUP BY key ORDER BY 2 DESC, key",
            },
        ],
    },
    Metric {
        id: "themes",
        title: "Themes",
        definition: "What scored mentions of the span are about, the team and reposts left out. A mention of several themes \
            counts for each, so shares can sum to more than 100; one of none is other. change is against the span of \
            equal length before. by_rule is how many a rule told, not the model.",
        formula: "mentions of the theme; share = mentions / scored mentions x 100; change = mentions - mentions before; \
            net_sentiment = (P - N) / (P + N + U) x 100",
        unit: "mentions",
        denominator: "scored mentions of the span, without the team's and reposts",
        version: 1,
        source: "ours",
        roles: &[Role::Awareness, Role::Community],
        partial_when: "the model gives no embeddings: rules alone then tell themes; languages that it does not cover are \
            not scored",
        scored: true,
        looks_back: LookBack::SpansBefore(1),
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("theme", "text"),
                column("mentions", "mentions"),
                column("share", "%"),
                column("change", "mentions"),
                column("net_sentiment", "points"),
                column("by_rule", "mentions"),
            ],
            sql: "SELECT theme, told, 100 * told / (SELECT sum(told) FROM $cells), toInt64(told) - toInt64(before), \
                    100 * ((toInt64(p) - toInt64(m)) / told), by_rule FROM (\
                SELECT theme, sumIf(n, created_at >= $from) AS told, sumIf(n, created_at < $from) AS before, \
                    sumIf(positive, created_at >= $from) AS p, sumIf(negative, created_at >= $from) AS m, \
                    sumIf(ruled, created_at >= $from) AS by_rule \
                FROM $themes_of_2 GROUP BY theme HAVING told > 0) \
                ORDER BY theme = 'other', told DESC, theme LIMIT {limit:UInt32}",
        }],
    },
];
