//! Sentiment corrected for what the model gets wrong. The statements count by model and language; [`crate::corrected`]
//! makes the figure of that.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const ID: &str = "net_sentiment_corrected";
pub(super) const IN_COMMUNITY: &str = "community_sentiment";

/// Whether the rows of a metric's statements are counts that are to be corrected.
pub(crate) fn is(metric: &Metric) -> bool {
    metric.id == ID || metric.id == IN_COMMUNITY
}

pub(super) static METRICS: &[Metric] = &[Metric {
    id: ID,
    title: "Net sentiment, corrected",
    definition: "Positive less negative mentions of all scored ones, as people would have read them: the model's counts, \
        corrected language by language for how often it was measured to mistake each polarity for another, with a 95 % \
        interval. The interval covers that the span is a sample, and on how many texts the model was measured. It holds as \
        far as the posts are as hard to read as those texts: the brand's own posts, where people judged at least 20 of each \
        polarity of those that chance drew, else sets of other posts. Beside it: the shares, each with its interval, and the \
        uncorrected figure of all scored mentions. Languages in which the model was not measured are left out, and named. \
        Counted is what the model said of each mention, whatever people labelled; what they found not relevant is left out.",
    formula: "p = inverse(transposed confusion) x q for each language, brought to shares of 0 to 1; (P - N) x 100, summed by \
        mentions; +- 1.96 sd, sd of the span's sampling and of each row of the confusion",
    unit: "points",
    denominator: "scored mentions in languages in which the model was measured",
    version: 2,
    source: "adjusted count (Forman 2008); the interval is ours",
    roles: &[Role::Awareness, Role::Community],
    partial_when: "a source has a gap, mentions are unscored, or the model was not measured in their language",
    scored: true,
    looks_back: LookBack::Nothing,
    buckets: true,
    shapes: &[
        Shape {
            by: &[],
            columns: CORRECTED,
            sql: "SELECT toString(model) AS scorer, $spoken AS spoken, sum(negative), sum(neutral), sum(positive) \
                FROM $scored AS said GROUP BY scorer, spoken ORDER BY scorer, spoken",
        },
        Shape {
            by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform, By::Kind, By::Language],
            columns: CORRECTED,
            sql: "SELECT key, scorer, spoken, n, u, p FROM (SELECT $key AS key, toString(model) AS scorer, \
                $spoken AS spoken, sum(negative) AS n, sum(neutral) AS u, sum(positive) AS p FROM $scored AS said \
                GROUP BY key, scorer, spoken) ORDER BY sum(n + u + p) OVER (PARTITION BY key) DESC, key, scorer, spoken",
        },
    ],
}];

pub(super) const CORRECTED: &[Column] = &[
    column("net_sentiment_corrected", "points"),
    column("low", "points"),
    column("high", "points"),
    column("negative", "%"),
    column("negative_low", "%"),
    column("negative_high", "%"),
    column("neutral", "%"),
    column("neutral_low", "%"),
    column("neutral_high", "%"),
    column("positive", "%"),
    column("positive_low", "%"),
    column("positive_high", "%"),
    column("net_sentiment", "points"),
    column("scored", "mentions"),
    column("corrected", "mentions"),
];
