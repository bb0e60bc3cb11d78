//! Polar net sentiment, and how sentiment has changed. Both from rollups, as net sentiment itself.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const BOTH: &[Role] = &[Role::Awareness, Role::Community];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "net_sentiment_polar",
        title: "Net sentiment, polar",
        definition: "Positive less negative mentions, of those that are one or the other: from -100 (all negative) to 100 \
            (all positive). Neutral and unscored mentions are left out, so that it rests on fewer mentions than net \
            sentiment, and moves more.",
        formula: "(P - N) / (P + N) x 100",
        unit: "points",
        denominator: "scored mentions that are not neutral",
        version: 1,
        source: "YouScan",
        roles: BOTH,
        partial_when: "a source has a gap, or mentions are unscored",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: true,
        shapes: &[
            Shape {
                by: &[],
                columns: POLAR,
                sql: "SELECT (p - n) / (p + n) * 100, n, p FROM (\
                    SELECT sum(positive) AS p, sum(negative) AS n FROM rollup_epochs WHERE $buckets)",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform],
                columns: POLAR,
                sql: "SELECT key, (p - n) / (p + n) * 100, n, p FROM (\
                    SELECT $bucket_key AS key, sum(positive) AS p, sum(negative) AS n FROM rollup_epochs \
                    WHERE $buckets GROUP BY key) ORDER BY n + p DESC, key",
            },
        ],
    },
    Metric {
        id: "sentiment_change",
        title: "Change in sentiment",
        definition: "Net sentiment of the span less net sentiment of the span of equal length before it, in points: a ratio \
            of the two would explode near zero. Empty where either has no scored mention.",
        formula: "net_sentiment of the span - net_sentiment of the span before",
        unit: "points",
        denominator: "scored mentions of each of the two spans",
        version: 1,
        source: "ours",
        roles: BOTH,
        partial_when: "a source has a gap in one of the two spans, or the brand's history begins within them; mentions are \
            unscored",
        scored: true,
        looks_back: LookBack::SpansBefore(1),
        buckets: true,
        shapes: &[
            Shape {
                by: &[],
                columns: CHANGE,
                sql: "SELECT here - before, here, before, n, earlier FROM (SELECT $net_of_both \
                    FROM rollup_epochs WHERE $two_spans)",
            },
            Shape {
                by: &[By::Platform],
                columns: CHANGE,
                sql: "SELECT name, here - before, here, before, n, earlier FROM (SELECT toString(platform) AS name, \
                    $net_of_both FROM rollup_epochs WHERE $two_spans GROUP BY name) ORDER BY n DESC, name",
            },
        ],
    },
];

const POLAR: &[Column] =
    &[column("net_sentiment_polar", "points"), column("negative", "mentions"), column("positive", "mentions")];

const CHANGE: &[Column] = &[
    column("sentiment_change", "points"),
    column("net_sentiment", "points"),
    column("net_sentiment_before", "points"),
    column("scored", "mentions"),
    column("scored_before", "mentions"),
];
