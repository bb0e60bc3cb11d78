//! What a community manager asks: do people get answers, come back, and help each other?

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

/// What makes a figure about answers partial.
pub(super) const REPLIES_STORED: &str = "replies that no monitor, own account or owned space brought in are not stored, \
    and intents are the model's; a source has a gap";

pub(super) const WAITED: &[Column] = &[
    column("median", "s"),
    column("p90", "s"),
    column("asked", "mentions"),
    column("answered", "mentions"),
    column("waiting", "mentions"),
];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "first_response_time",
        title: "First response time",
        definition: "How long questions and complaints created in the span waited for the first reply by another \
        person, \
            team or member, in owned spaces and in public. A reply names the mention as its parent, or stands in the \
            thread that it opened. What has no reply by the end of the span, or by the time that the sources are \
            complete through if that is earlier, is censored there, not left out: the Kaplan-Meier estimate. Empty \
            where fewer than half (or nine in ten) are expected ever to be \
            answered.",
        formula: "smallest t with S(t) <= 0.5 (median) and <= 0.1 (p90), S by Kaplan-Meier",
        unit: "s",
        denominator: "questions and complaints by others than the team, without reposts",
        version: 1,
        source: "CHAOSS; survival analysis",
        roles: &[Role::Community],
        partial_when: REPLIES_STORED,
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: WAITED,
                sql: "WITH $waits, waiting AS (SELECT '' AS key, wait, answered FROM waits), $survival \
                    SELECT $within FROM survival",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: WAITED,
                sql: "WITH $waits, waiting AS (SELECT $key AS key, wait, answered FROM waits), $survival \
                    SELECT key, $within FROM survival GROUP BY key ORDER BY n DESC, key",
            },
        ],
    },
    Metric {
        id: "unanswered_questions",
        title: "Unanswered questions",
        definition: "Questions created in the span that nobody else has replied to by the end of the span (or the \
        time that \
            the sources are complete through, if that is earlier), and that are then older than the target. \
            Oldest hour first; within an hour the widest reach first.",
        formula: "questions with no reply by another person and age > target",
        unit: "s",
        denominator: "",
        version: 1,
        source: "dsc",
        roles: &[Role::Community],
        partial_when: REPLIES_STORED,
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("id", "text"),
                column("created_at", "time"),
                column("age", "s"),
                column("overdue", "s"),
                column("platform", "text"),
                column("space", "text"),
                column("author", "text"),
                column("followers", "followers"),
                column("text", "text"),
                column("url", "text"),
            ],
            sql: "WITH $waits SELECT $hex AS name, created_at AS at, \
                (toUnixTimestamp64Milli($horizon) - toUnixTimestamp64Milli(created_at)) / 1000 AS age, \
                age - {target:UInt32} AS overdue, platform, space, if(author_handle = '', author, author_handle) AS \
                who, \
                author_followers AS followers, text, url FROM $mentions \
                WHERE $span AND id IN (SELECT id FROM waits WHERE answered = 0 AND intent = 'question' \
                    AND wait > {target:UInt32} * 1000) \
                ORDER BY toStartOfHour(created_at), followers DESC NULLS LAST, at, name LIMIT {limit:UInt32}",
        }],
    },
    Metric {
        id: "response_rate",
        title: "Response rate",
        definition: "Questions and complaints created in the span that another person, team or member, has replied to \
        by \
            the end of the span, of all of them. In owned spaces and in public.",
        formula: "answered / needing an answer x 100, where needing = question or complaint",
        unit: "%",
        denominator: "questions and complaints by others than the team, without reposts",
        version: 1,
        source: "ours",
        roles: &[Role::Community],
        partial_when: REPLIES_STORED,
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: RESPONSES,
                sql: "WITH $waits SELECT countIf(answered = 1) / count() * 100, count(), \
                    countIf(answered = 1) FROM waits",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: RESPONSES,
                sql: "WITH $waits SELECT $key AS key, countIf(answered = 1) / count() * 100, count(), \
                    countIf(answered = 1) FROM waits GROUP BY key ORDER BY 3 DESC, key",
            },
        ],
    },
    Metric {
        id: "active_members",
        title: "Active members",
        definition: "Distinct authors who posted about the brand or in its spaces in the last day (DAU), 7 days (WAU) \
        and 30 \
            days (MAU) before the end of the span; by day, before the end of each day. Without the team, bots and \
            reposts. \
            Stickiness is DAU / MAU.",
        formula: "distinct authors; stickiness = DAU / MAU x 100",
        unit: "authors",
        denominator: "stickiness: MAU",
        version: 1,
        source: "Discourse",
        roles: &[Role::Community],
        partial_when: "a source has a gap in the 30 days before, or the brand's history begins later",
        scored: false,
        looks_back: LookBack::DaysBeforeEnd(30),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: MEMBERS,
                sql: "SELECT uniqExactIf(author_key, created_at >= $to - INTERVAL 1 DAY) AS day, \
                    uniqExactIf(author_key, created_at >= $to - INTERVAL 7 DAY), uniqExact(author_key) AS month, \
                    day / month * 100 FROM $wrote[$to - INTERVAL 30 DAY; $to - INTERVAL 7 DAY; $to - INTERVAL 1 DAY; $to]",
            },
            Shape {
                by: &[By::Time, By::Day],
                columns: MEMBERS,
                sql: "SELECT toUnixTimestamp(toDateTime(at, 'UTC')) AS key, sumIf(n, posted = at) AS day, \
                    sumIf(n, posted > at - 7), sum(n) AS month, day / month * 100 FROM $daily GROUP BY at ORDER BY key",
            },
        ],
    },
    Metric {
        id: "newcomers",
        title: "Newcomers",
        definition: "Authors whose first post ever about the brand or in its spaces, as far as it is stored, falls \
        into the \
            span; beside all authors active in it. Without the team, bots and reposts.",
        formula: "authors with first post in the span; share = newcomers / active authors x 100",
        unit: "authors",
        denominator: "share: distinct authors in the span",
        version: 1,
        source: "CHAOSS",
        roles: &[Role::Community],
        partial_when: "the stored history begins less than 30 days before the span, so that nearly everyone is new; or a source has a \
            gap in the history",
        scored: false,
        looks_back: LookBack::History,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[column("newcomers", "authors"), column("active", "authors"), column("share", "%")],
                sql: "SELECT countIf(author_key NOT IN $known[$from; $to]) AS fresh, count() AS active, fresh / active * 100 FROM (\
                    SELECT author_key FROM $wrote[$from; $to] GROUP BY author_key)",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day],
                columns: &[column("newcomers", "authors")],
                sql: "SELECT $key AS key, count() FROM (SELECT first_at AS created_at FROM (\
                    SELECT min(created_at) AS first_at FROM $wrote_at[$from; $to] GROUP BY author_key \
                    HAVING author_key NOT IN $known[$from; $to])) GROUP BY key ORDER BY key",
            },
        ],
    },
];

const RESPONSES: &[Column] =
    &[column("response_rate", "%"), column("asked", "mentions"), column("answered", "mentions")];

const MEMBERS: &[Column] =
    &[column("dau", "authors"), column("wau", "authors"), column("mau", "authors"), column("stickiness", "%")];
