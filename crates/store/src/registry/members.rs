//! Who the members are: those who return, leave, join, write most, and speak for the brand. Members are people whom the
//! platform names, without the team, bots and reposts.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const COMMUNITY: &[Role] = &[Role::Community];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "stickiness",
        title: "Stickiness",
        definition: "Of the authors who posted about the brand or in its spaces in the 30 days before the end of the span \
            (MAU), the share who posted in its last day (DAU); by day, before the end of each day. Without the team, bots \
            and reposts.",
        formula: "DAU / MAU x 100",
        unit: "%",
        denominator: "distinct authors of 30 days",
        version: 1,
        source: "Discourse",
        roles: COMMUNITY,
        partial_when: "a source has a gap in the 30 days before, or the brand's history begins later",
        scored: false,
        looks_back: LookBack::DaysBeforeEnd(30),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: STICKY,
                sql: "SELECT day / month * 100, day, month FROM (\
                    SELECT uniqExactIf(author_key, created_at >= $to - INTERVAL 1 DAY) AS day, uniqExact(author_key) AS month \
                    FROM $wrote[$to - INTERVAL 30 DAY; $to - INTERVAL 1 DAY; $to])",
            },
            Shape {
                by: &[By::Time, By::Day],
                columns: STICKY,
                sql: "SELECT toUnixTimestamp(toDateTime(at, 'UTC')) AS key, sumIf(n, posted = at) / sum(n) * 100, \
                    sumIf(n, posted = at), sum(n) FROM $daily GROUP BY at ORDER BY key",
            },
        ],
    },
    Metric {
        id: "retention",
        title: "Retention",
        definition: "For each calendar month (UTC) that the span touches: of the members who posted in the month before, the \
            share who posted in this one. A month that is not over by the end of the span, or by the time that the sources \
            are complete through, has a count so far and no share. Without the team, bots and reposts.",
        formula: "authors of the month before who post in this one / authors of the month before x 100",
        unit: "%",
        denominator: "distinct authors of the month before",
        version: 1,
        source: "crowd.dev",
        roles: COMMUNITY,
        partial_when: "a source has a gap since the month before, or the brand's history begins later",
        scored: false,
        looks_back: LookBack::MonthBefore,
        buckets: false,
        shapes: &[
            Shape { by: &[], columns: RETURNED, sql: "SELECT $returned GROUP BY earlier ORDER BY earlier" },
            Shape {
                by: &[By::Platform],
                columns: RETURNED,
                sql: "SELECT platform, $returned GROUP BY platform, earlier ORDER BY platform, earlier",
            },
        ],
    },
    Metric {
        id: "retention_cohorts",
        title: "Retention by joining month",
        definition: "Members by the calendar month (UTC) of their first stored post about the brand or in its spaces, of the \
            months that the span touches; of each such cohort, the share who posted in each month since. age is the months \
            since they joined. A month that is not over by the end of the span, or by the time that the sources are \
            complete through, has a count so far and no share. Without the team, bots and reposts.",
        formula: "authors of the cohort who post in the month / authors of the cohort x 100",
        unit: "%",
        denominator: "authors who joined in the cohort's month",
        version: 1,
        source: "crowd.dev",
        roles: COMMUNITY,
        partial_when: "the stored history begins less than two months before the span, so that nearly everyone joins in its \
            first month; or a source has a gap in the history",
        scored: false,
        looks_back: LookBack::HistoryOfDaysBefore(31),
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("cohort", "time"),
                column("month", "time"),
                column("age", "months"),
                column("retention", "%"),
                column("active", "authors"),
                column("members", "authors"),
                column("over", "flag"),
            ],
            sql: "WITH people AS (SELECT toStartOfMonth(min(created_at)) AS joined, \
                    groupUniqArray(toStartOfMonth(created_at)) AS months \
                    FROM $wrote[$first_month; $to] WHERE named GROUP BY author_key \
                    HAVING author_key NOT IN $known[$first_month; $to]), \
                cohorts AS (SELECT joined, count() AS members, \
                        sumMap(arrayMap(month -> toUInt32(dateDiff('month', joined, month)), months), \
                            arrayMap(month -> toUInt64(1), months)) AS posted \
                    FROM people GROUP BY joined) \
                SELECT toDateTime(joined, 'UTC'), toDateTime(addMonths(joined, age), 'UTC'), age, \
                    if(over, active / members * 100, NULL), posted.2[indexOf(posted.1, age)] AS active, members, \
                    toBool(toDateTime(addMonths(joined, age + 1), 'UTC') <= $horizon) AS over \
                FROM cohorts ARRAY JOIN range(toUInt32(\
                    dateDiff('month', joined, toDate($to - INTERVAL 1 MILLISECOND)) + 1)) AS age \
                ORDER BY joined, age",
        }],
    },
    Metric {
        id: "churned_regulars",
        title: "Churned regulars",
        definition: "Members who posted at least 4 times in the 90 days before the span and not at all in it, those who \
            posted most first, each with their last post. By platform: how many of the regulars they are. Without the \
            team, bots and reposts.",
        formula: "authors with >= 4 posts in the 90 days before the span and none in it; churn = those / authors with >= 4 x 100",
        unit: "mentions",
        denominator: "churn: authors with at least 4 posts in the 90 days before the span",
        version: 1,
        source: "dsc",
        roles: COMMUNITY,
        partial_when: "a source has a gap in the span or in the 90 days before it, or the brand's history begins later",
        scored: false,
        looks_back: LookBack::DaysBefore(90),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[
                    column("author", "text"),
                    column("platform", "text"),
                    column("posts", "mentions"),
                    column("last_at", "time"),
                    column("silent", "s"),
                    column("followers", "followers"),
                    column("id", "text"),
                    column("text", "text"),
                    column("url", "text"),
                ],
                sql: "WITH $gone SELECT if(m.author_handle = '', m.author, m.author_handle), m.platform, last.posts AS posts, \
                        m.created_at AS at, ({to:Int64} - toUnixTimestamp64Milli(m.created_at)) / 1000, m.author_followers, \
                        $hex, m.text, m.url \
                    FROM (SELECT * FROM $mentions WHERE brand = {brand:String} AND created_at >= $from - INTERVAL 90 DAY \
                        AND created_at < $from AND toStartOfHour(created_at) IN (SELECT arrayJoin(often).3) \
                        AND id IN (SELECT arrayJoin(gone).3)) AS m \
                    INNER JOIN (SELECT arrayJoin(gone) AS one, one.1 AS posts, one.3 AS id) AS last ON m.id = last.id \
                    ORDER BY posts DESC, at DESC, m.id DESC",
            },
            Shape {
                by: &[By::Platform],
                columns: &[column("churned", "authors"), column("regulars", "authors"), column("churn", "%")],
                sql: "WITH $regulars SELECT platform, \
                    countIf(author_key NOT IN (SELECT author_key FROM $wrote[$from; $to] WHERE named)) AS churned, \
                    count() AS n, churned / n * 100 FROM regulars GROUP BY platform ORDER BY n DESC, platform",
            },
        ],
    },
    Metric {
        id: "newcomer_conversion",
        title: "Newcomer conversion",
        definition: "Of the newcomers whose first 30 days ended in the span, the share who posted at least 3 times within them, \
            the first post included. Newcomers whose 30 days are not over by the end of the span, or by the time that the \
            sources are complete through, are censored: counted beside, in neither part of the share. Without the team, \
            bots and reposts.",
        formula: "newcomers with >= 3 posts in the 30 days from their first / newcomers whose 30 days ended in the span x 100",
        unit: "%",
        denominator: "authors whose first stored post was made 30 days before the span up to 30 days before its end",
        version: 1,
        source: "CHAOSS",
        roles: COMMUNITY,
        partial_when: "the stored history begins less than 60 days before the span, so that nearly everyone is new; or a \
            source has a gap in the history",
        scored: false,
        looks_back: LookBack::HistoryOfDaysBefore(30),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: CONVERTED,
                sql: "WITH $joined SELECT countIf(over AND converted) / countIf(over) * 100, countIf(over AND converted), \
                    countIf(over), countIf(NOT over) FROM joined",
            },
            Shape {
                by: &[By::Platform],
                columns: CONVERTED,
                sql: "WITH $joined SELECT platform, countIf(over AND converted) / countIf(over) * 100, \
                    countIf(over AND converted), countIf(over), countIf(NOT over) FROM joined \
                    GROUP BY platform ORDER BY count() DESC, platform",
            },
        ],
    },
    Metric {
        id: "contribution_inequality",
        title: "Contribution inequality",
        definition: "Share of the span's posts that the top 1 % and the top 10 % of its authors wrote, at least one author \
            each; and the share of the authors who posted once. Without the team, bots and reposts.",
        formula: "posts of the ceil(n / 100) and ceil(n / 10) authors who wrote most / posts x 100",
        unit: "%",
        denominator: "posts in the span; posted_once: distinct authors in the span",
        version: 1,
        source: "NN/g (90-9-1)",
        roles: COMMUNITY,
        partial_when: "a source has a gap",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: INEQUALITY,
                sql: "SELECT $inequality FROM (SELECT arrayReverseSort(groupArray(n)) AS posts FROM (\
                    SELECT sum(n) AS n FROM $wrote[$from; $to] WHERE named GROUP BY author_key))",
            },
            Shape {
                by: &[By::Platform],
                columns: INEQUALITY,
                sql: "SELECT platform, $inequality FROM (SELECT platform, arrayReverseSort(groupArray(n)) AS posts FROM (\
                    SELECT platform, sum(n) AS n FROM $wrote[$from; $to] WHERE named GROUP BY platform, author_key) \
                    GROUP BY platform) ORDER BY arraySum(posts) DESC, platform",
            },
        ],
    },
    Metric {
        id: "advocates",
        title: "Advocates",
        definition: "Members who in the span praised the brand, replied to another member, and got a reply by another person: \
            the three counts side by side, those who answered most first, each with their newest praise. By platform: how \
            many of the members they are. What is replied to was written in the span or the 90 days before it. Without the \
            team, bots and reposts.",
        formula: "authors with praise >= 1, replies to other members >= 1 and replies received >= 1; share = those / authors x 100",
        unit: "mentions",
        denominator: "share: distinct authors in the span",
        version: 2,
        source: "Orbit",
        roles: COMMUNITY,
        partial_when: "what is replied to is not stored, and intents are the model's; a source has a gap",
        scored: true,
        looks_back: LookBack::RepliedTo(90),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[
                    column("author", "text"),
                    column("platform", "text"),
                    column("praise", "mentions"),
                    column("answers", "mentions"),
                    column("answered", "mentions"),
                    column("followers", "followers"),
                    column("id", "text"),
                    column("text", "text"),
                    column("url", "text"),
                ],
                sql: "WITH $advocates, (SELECT groupArray((praise, answers, answered, newest.2)) FROM (SELECT * FROM advocates \
                    ORDER BY answers DESC, praise DESC, answered DESC, newest DESC LIMIT {limit:UInt32})) AS listed \
                    SELECT if(m.author_handle = '', m.author, m.author_handle), m.platform, one.1 AS praise, \
                        one.2 AS answers, one.3 AS answered, m.author_followers, $hex, m.text, m.url \
                    FROM (SELECT * FROM $mentions WHERE $span AND id IN (SELECT arrayJoin(listed).4)) AS m \
                    INNER JOIN (SELECT arrayJoin(listed) AS one, one.4 AS id) AS newest ON m.id = newest.id \
                    ORDER BY answers DESC, praise DESC, answered DESC, m.created_at DESC, m.id DESC",
            },
            Shape {
                by: &[By::Platform],
                columns: &[column("advocates", "authors"), column("members", "authors"), column("share", "%")],
                sql: "WITH $advocates SELECT platform, countIf(author_key IN (SELECT author_key FROM advocates)) AS n, \
                    count() AS members, n / members * 100 FROM (\
                    SELECT platform, author_key FROM $wrote[$from; $to] WHERE named GROUP BY platform, author_key) \
                    GROUP BY platform ORDER BY members DESC, platform",
            },
        ],
    },
];

const STICKY: &[Column] = &[column("stickiness", "%"), column("dau", "authors"), column("mau", "authors")];

const RETURNED: &[Column] = &[
    column("month", "time"),
    column("retention", "%"),
    column("returned", "authors"),
    column("authors", "authors"),
    column("over", "flag"),
];

const CONVERTED: &[Column] = &[
    column("newcomer_conversion", "%"),
    column("converted", "authors"),
    column("judged", "authors"),
    column("censored", "authors"),
];

const INEQUALITY: &[Column] = &[
    column("top_1_percent", "%"),
    column("top_10_percent", "%"),
    column("posted_once", "%"),
    column("authors", "authors"),
    column("posts", "mentions"),
];
