//! What campaigns cost and brought, from imported rows of advertising platforms.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const OUTWARD: &[Role] = &[Role::Awareness];
const PLATFORMS: &str = "ad platforms";
const IMPORTED: &str = "nothing imports campaigns of the brand, or an export lacks the figure (rows_known is then below rows); \
    platforms correct their numbers for days; rows that begin before the span are left out";

const LIFT: &str = "campaign_lift";
/// Columns of the lift that say, or hold against, what was before.
pub(crate) const BEFORE: [&str; 4] = ["volume_lift", "mentions_before", "sentiment_lift", "net_sentiment_before"];

/// Whether the rows of a metric's statement are held against the time before.
pub(crate) fn is_lift(metric: &Metric) -> bool {
    metric.id == LIFT
}

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "campaign_spend",
        title: "Campaign spend",
        definition: "What campaigns of the brand cost, by imported rows that begin in the span, and the value of the \
            conversions that they are said to have brought. One currency a row: amounts of different currencies are never \
            added up. Where there is a row for the whole campaign, its parts are left out.",
        formula: "sum of spend, by currency",
        unit: "money",
        denominator: "",
        version: 1,
        source: PLATFORMS,
        roles: OUTWARD,
        partial_when: IMPORTED,
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: SPEND,
                sql: "SELECT toString(currency) AS money, $spent FROM $campaigns GROUP BY money ORDER BY 2 DESC, money",
            },
            Shape {
                by: &[By::Platform, By::Campaign],
                columns: SPEND,
                sql: "SELECT $key AS key, toString(currency) AS money, $spent FROM $campaigns GROUP BY key, money \
                    ORDER BY 3 DESC, key, money LIMIT {limit:UInt32}",
            },
        ],
    },
    Metric {
        id: "campaign_ctr",
        title: "Click-through rate",
        definition: "Clicks of impressions of the brand's campaigns, by imported rows that begin in the span and state both.",
        formula: "clicks / impressions x 100",
        unit: "%",
        denominator: "impressions of rows that state both",
        version: 1,
        source: PLATFORMS,
        roles: OUTWARD,
        partial_when: IMPORTED,
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: CLICKED,
                sql: "SELECT clicked / shown * 100, clicked, shown, sure, every FROM (SELECT $clicked FROM $campaigns)",
            },
            Shape {
                by: &[By::Time, By::Day, By::Platform, By::Campaign],
                columns: CLICKED,
                sql: "SELECT key, clicked / shown * 100, clicked, shown, sure, every FROM (SELECT $key AS key, $clicked \
                    FROM $campaigns GROUP BY key) ORDER BY shown DESC NULLS LAST, key",
            },
        ],
    },
    Metric {
        id: "campaign_cpc",
        title: "Cost per click",
        definition: "What a click cost in campaigns of the brand, by imported rows that begin in the span and state spend and \
            clicks. One currency a row.",
        formula: "spend / clicks, by currency",
        unit: "money",
        denominator: "clicks of rows that state both",
        version: 1,
        source: PLATFORMS,
        roles: OUTWARD,
        partial_when: IMPORTED,
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: COST,
                sql: "SELECT money, paid / clicked, paid, clicked, sure, every FROM (\
                    SELECT toString(currency) AS money, $paid FROM $campaigns GROUP BY money) \
                    ORDER BY clicked DESC NULLS LAST, money",
            },
            Shape {
                by: &[By::Platform, By::Campaign],
                columns: COST,
                sql: "SELECT key, money, paid / clicked, paid, clicked, sure, every FROM (\
                    SELECT $key AS key, toString(currency) AS money, $paid FROM $campaigns GROUP BY key, money) \
                    ORDER BY clicked DESC NULLS LAST, key, money LIMIT {limit:UInt32}",
            },
        ],
    },
    Metric {
        id: "campaign_conversion_rate",
        title: "Conversion rate",
        definition: "Conversions of clicks of the brand's campaigns, by imported rows that begin in the span and state both. \
            Platforms count conversions of views too, and share one out among ads: more than 100 % can be.",
        formula: "conversions / clicks x 100",
        unit: "%",
        denominator: "clicks of rows that state both",
        version: 1,
        source: PLATFORMS,
        roles: OUTWARD,
        partial_when: IMPORTED,
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: CONVERTED,
                sql: "SELECT won / clicked * 100, won, clicked, sure, every FROM (SELECT $converted FROM $campaigns)",
            },
            Shape {
                by: &[By::Time, By::Day, By::Platform, By::Campaign],
                columns: CONVERTED,
                sql: "SELECT key, won / clicked * 100, won, clicked, sure, every FROM (SELECT $key AS key, $converted \
                    FROM $campaigns GROUP BY key) ORDER BY clicked DESC NULLS LAST, key",
            },
        ],
    },
    Metric {
        id: LIFT,
        title: "Campaign lift",
        definition: "Mentions of the brand, their net sentiment and the followers that its own accounts gained while a campaign \
            ran, against the time of equal length before it. A campaign's time is from the start of its first row in the span \
            to the end of its last one, or of the span; whole five minutes for mentions. Where the brand's \
            history does not reach back that far, the time before is empty. Followers are those of all of the \
            brand's accounts, each as counted last at a moment, at most seven days before; empty where one of them was not, or \
            was not counted within the time. What else happened at the time is in the figures, too: a lift is no proof of an \
            effect.",
        formula: "volume_lift = (mentions - mentions before) / mentions before x 100; sentiment_lift = net sentiment - net \
            sentiment before; followers_gained = followers at the end - followers at the start",
        unit: "%",
        denominator: "mentions in the time of equal length before the campaign",
        version: 2,
        source: "ours",
        roles: OUTWARD,
        partial_when: "nothing imports campaigns of the brand; a source has a gap, or the brand's history begins, in the time \
            before; mentions are unscored; followers are not counted",
        scored: true,
        looks_back: LookBack::SpansBefore(1),
        buckets: true,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("campaign", "text"),
                column("name", "text"),
                column("platform", "text"),
                column("starts", "time"),
                column("ends", "time"),
                column("volume_lift", "%"),
                column("mentions", "mentions"),
                column("mentions_before", "mentions"),
                column("sentiment_lift", "points"),
                column("net_sentiment", "points"),
                column("net_sentiment_before", "points"),
                column("followers_gained", "followers"),
                column("followers_gained_before", "followers"),
            ],
            // A bucket of nothing at 1970 keeps campaigns without any mention in the answer.
            sql: "WITH windows AS (SELECT platform, campaign, argMax(name, (from_time, part)) AS title, min(from_time) AS starts, \
                    least(max(to_time), $to) AS ends, intDiv(toUnixTimestamp64Milli(starts), 300000) * 300 AS s, \
                    intDiv(toUnixTimestamp64Milli(ends) + 299999, 300000) * 300 AS e FROM $campaigns \
                    GROUP BY platform, campaign), \
                counts AS (SELECT toInt64(toUnixTimestamp(bucket)) AS at, sum(mentions) AS n, sum(positive) AS p, \
                    sum(negative) AS m, sum(neutral) AS u FROM rollup_epochs WHERE $both_buckets GROUP BY bucket \
                    UNION ALL SELECT toInt64(0), toUInt64(0), toUInt64(0), toUInt64(0), toUInt64(0)), \
                $own_counts AS own, toUnixTimestamp64Milli(starts) AS begin, toUnixTimestamp64Milli(ends) AS end, \
                arrayMap(counts -> arrayMap(time -> arrayLast(one -> one.1 <= time * 1000 \
                    AND one.1 >= (time - 604800000) * 1000, counts), [2 * begin - end, begin, end]), own) AS held \
                SELECT campaign, title, platform, starts, ends, \
                    (toInt64(here) - toInt64(before)) / before * 100, here, before, mood - mood_before, mood, mood_before, \
                    if(notEmpty(own) AND arrayAll(at -> at[2].1 > 0 AND at[3].1 > begin * 1000, held), \
                        arraySum(at -> toInt64(at[3].2) - toInt64(at[2].2), held), NULL), \
                    if(notEmpty(own) AND arrayAll(at -> at[1].1 > 0 AND at[2].1 > (2 * begin - end) * 1000, held), \
                        arraySum(at -> toInt64(at[2].2) - toInt64(at[1].2), held), NULL) \
                FROM (SELECT campaign, title, platform, starts, ends, \
                    sumIf(n, at >= s AND at < e) AS here, sumIf(n, at >= 2 * s - e AND at < s) AS before, \
                    (sumIf(p, at >= s AND at < e) - sumIf(m, at >= s AND at < e)) \
                        / sumIf(p + m + u, at >= s AND at < e) * 100 AS mood, \
                    (sumIf(p, at >= 2 * s - e AND at < s) - sumIf(m, at >= 2 * s - e AND at < s)) \
                        / sumIf(p + m + u, at >= 2 * s - e AND at < s) * 100 AS mood_before \
                    FROM windows CROSS JOIN counts GROUP BY campaign, title, platform, starts, ends) \
                ORDER BY starts, campaign, platform LIMIT {limit:UInt32}",
        }],
    },
];

const SPEND: &[Column] = &[
    column("currency", "text"),
    column("spend", "money"),
    column("conversion_value", "money"),
    column("rows_known", "rows"),
    column("rows", "rows"),
];

const CLICKED: &[Column] = &[
    column("ctr", "%"),
    column("clicks", "clicks"),
    column("impressions", "impressions"),
    column("rows_known", "rows"),
    column("rows", "rows"),
];

const COST: &[Column] = &[
    column("currency", "text"),
    column("cpc", "money"),
    column("spend", "money"),
    column("clicks", "clicks"),
    column("rows_known", "rows"),
    column("rows", "rows"),
];

const CONVERTED: &[Column] = &[
    column("conversion_rate", "%"),
    column("conversions", "conversions"),
    column("clicks", "clicks"),
    column("rows_known", "rows"),
    column("rows", "rows"),
];
