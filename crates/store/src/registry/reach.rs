//! How far mentions are seen, where they are, and what people do with them.

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const OUTWARD: &[Role] = &[Role::Awareness];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "impressions",
        title: "Impressions",
        definition: "How often mentions created in the span were displayed, repeats included, as far as their platforms \
            report it, by the newest counters known of each. share_known is the share of mentions that carry the figure: the \
            others are not counted as unseen. Empty where no mention carries it.",
        formula: "sum of the newest impressions; share_known = mentions_known / mentions x 100",
        unit: "impressions",
        denominator: "share_known: all mentions in the span",
        version: 1,
        source: "Orlo",
        roles: OUTWARD,
        partial_when: "most platforms report impressions of one's own posts only, or none: share_known is then below 100",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: IMPRESSIONS,
                sql: "SELECT sum(impressions), count() AS n, count(impressions) AS known, known / n * 100 FROM $engaged",
            },
            Shape {
                by: &[By::Time, By::FiveMinutes, By::Hour, By::Day, By::Platform, By::Kind],
                columns: IMPRESSIONS,
                sql: "SELECT $key AS key, sum(impressions), count() AS n, count(impressions) AS known, known / n * 100 \
                    FROM $engaged GROUP BY key ORDER BY n DESC, key",
            },
        ],
    },
    Metric {
        id: "engagement_rate",
        title: "Engagement rate",
        definition: "Engagements of mentions created in the span, by the potential reach of their authors. Only authors \
            count whose followers are known and who have a mention with counters: the others are in neither. owned_rate is \
            the same of the team's mentions alone, by the followers of the accounts that wrote them.",
        formula: "engagements / potential reach x 100; owned: engagements of the team's mentions / followers of their accounts \
            x 100",
        unit: "%",
        denominator: "newest follower counts of the distinct authors who count; owned: of the team's accounts among them",
        version: 1,
        source: "Hootsuite",
        roles: OUTWARD,
        partial_when: "a platform does not state counters or followers: mentions_known is then below mentions",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: RATES,
                sql: "SELECT engaged / reach * 100, engaged, reach, sure, every, own / own_reach * 100, own, own_reach FROM (\
                    SELECT $rates FROM (SELECT $of_author FROM $engaged GROUP BY author_key))",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform, By::Kind],
                columns: RATES,
                sql: "SELECT key, engaged / reach * 100, engaged, reach, sure, every, own / own_reach * 100, own, own_reach \
                    FROM (SELECT key, $rates FROM (SELECT $key AS key, $of_author FROM $engaged GROUP BY key, author_key) \
                    GROUP BY key) ORDER BY every DESC, key",
            },
        ],
    },
    Metric {
        id: "share_by_source",
        title: "Share by source",
        definition: "Where the mentions of the span come from: by platform, kind and language, or by one of them. An empty \
            language is one that neither the platform nor the text shows.",
        formula: "mentions of the source / all mentions x 100",
        unit: "%",
        denominator: "all mentions of the brand in the span",
        version: 1,
        source: "ours",
        roles: OUTWARD,
        partial_when: "a source has a gap, or has not come to the end of the span: its share is then too small",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: &[
                    column("platform", "text"),
                    column("kind", "text"),
                    column("language", "text"),
                    column("share", "%"),
                    column("mentions", "mentions"),
                ],
                sql: "SELECT platform, kind, language, seen / sum(seen) OVER () * 100, seen FROM (\
                    SELECT platform, kind, language, sum(n) AS seen FROM $cells \
                    GROUP BY platform, kind, language) ORDER BY seen DESC, platform, kind, language LIMIT {limit:UInt32}",
            },
            Shape {
                by: &[By::Platform, By::Kind, By::Language],
                columns: &[column("share", "%"), column("mentions", "mentions")],
                sql: "SELECT key, seen / sum(seen) OVER () * 100, seen FROM (SELECT $key AS key, sum(n) AS seen \
                    FROM $cells GROUP BY key) ORDER BY seen DESC, key",
            },
        ],
    },
    Metric {
        id: "best_time_to_post",
        title: "Best time to post",
        definition: "Engagements per post of the team, by the hour of the week (UTC) in which it was posted, in the 16 weeks \
            before the end of the span, whatever the span. Hours with few posts are shrunk to the platform's mean, as if 5 \
            more posts had been made that did as well as it; hours without a post are not listed. Counted are posts, not \
            replies, whose counters are known.",
        formula: "(engagements + 5 x platform mean) / (posts + 5)",
        unit: "engagements",
        denominator: "the team's posts with known counters in that hour of the week",
        version: 1,
        source: "Sprout",
        roles: OUTWARD,
        partial_when: "the team's accounts are not configured or not read; fewer than 16 weeks are stored; counters of posts \
            are not read again and stay as they were when the post was new",
        scored: false,
        looks_back: LookBack::Window(112),
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("platform", "text"),
                column("weekday", "weekday"),
                column("hour", "hour"),
                column("expected", "engagements"),
                column("posts", "mentions"),
                column("measured", "engagements"),
                column("platform_mean", "engagements"),
            ],
            sql: "SELECT platform AS name, weekday, hour, (given + 5 * usual) / (n + 5) AS expected, n, given / n, usual FROM (\
                    SELECT platform, toDayOfWeek(created_at) AS weekday, toHour(created_at) AS hour, sum(total) AS given, \
                        count() AS n, sum(given) OVER (PARTITION BY platform) / sum(n) OVER (PARTITION BY platform) AS usual \
                    FROM $engaged WHERE known AND team AND kind = 'post' GROUP BY platform, weekday, hour) \
                ORDER BY expected DESC, name, weekday, hour LIMIT {limit:UInt32}",
        }],
    },
];

const IMPRESSIONS: &[Column] = &[
    column("impressions", "impressions"),
    column("mentions", "mentions"),
    column("mentions_known", "mentions"),
    column("share_known", "%"),
];

const RATES: &[Column] = &[
    column("engagement_rate", "%"),
    column("engagements", "engagements"),
    column("potential_reach", "followers"),
    column("mentions_known", "mentions"),
    column("mentions", "mentions"),
    column("owned_rate", "%"),
    column("owned_engagements", "engagements"),
    column("owned_followers", "followers"),
];
