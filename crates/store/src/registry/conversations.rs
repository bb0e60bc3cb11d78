//! Who talks with whom: answers by the team and by members, both ways, and how deep discussions go.

use super::{
    By, LookBack, Metric, Role, Shape, column,
    community::{REPLIES_STORED, WAITED},
};
use crate::Column;

const COMMUNITY: &[Role] = &[Role::Community];
const PARENTS_STORED: &str = "what is replied to is not stored; a source has a gap";

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "team_response_time",
        title: "Team response time",
        definition: "How long questions and complaints created in the span waited for the first reply by the team, in \
            owned spaces and in public, whoever else replied before. A reply names the mention as its parent, or stands \
            in the thread that it opened. What the team has not replied to by the end of the span, or by the time that \
            the sources are complete through if that is earlier, is censored there, not left out: the Kaplan-Meier \
            estimate. Empty where fewer than half (or nine in ten) are expected ever to get one.",
        formula: "smallest t with S(t) <= 0.5 (median) and <= 0.1 (p90), S by Kaplan-Meier",
        unit: "s",
        denominator: "questions and complaints by others than the team, without reposts",
        version: 1,
        source: "CHAOSS; survival analysis",
        roles: COMMUNITY,
        partial_when: REPLIES_STORED,
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: WAITED,
                sql: "WITH $waits, waiting AS (SELECT '' AS key, team_wait AS wait, team_answered AS answered FROM waits), \
                    $survival SELECT $within FROM survival",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: WAITED,
                sql: "WITH $waits, waiting AS (SELECT $key AS key, team_wait AS wait, team_answered AS answered \
                    FROM waits), $survival SELECT key, $within FROM survival GROUP BY key ORDER BY n DESC, key",
            },
        ],
    },
    Metric {
        id: "peer_to_peer_ratio",
        title: "Peer-to-peer ratio",
        definition: "Replies by members to other members, of all replies in the span whose parent is stored and was written \
            in the span or the 90 days before it. Replies to oneself are left out. A member is anyone but the team. Beside \
            it: of the questions created in the span that somebody else has replied to, the share that a member replied to \
            first.",
        formula: "replies by members to members / replies with a known parent x 100; questions first answered by a member / \
            questions answered x 100",
        unit: "%",
        denominator: "replies to another person whose parent is known; questions with an answer by the end of the span",
        version: 3,
        source: "inSided",
        roles: COMMUNITY,
        partial_when: "parents are not stored, or older: known is then below replies; intents are the model's; a source has a gap",
        scored: true,
        looks_back: LookBack::RepliedTo(90),
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("peer_to_peer_ratio", "%"),
                column("peer_to_peer", "mentions"),
                column("known", "mentions"),
                column("replies", "mentions"),
                column("member_first", "%"),
                column("first_by_member", "mentions"),
                column("questions_answered", "mentions"),
            ],
            sql: "WITH $waits, r AS (SELECT id, parent_id, author_key, team FROM $mentions \
                    WHERE $span AND $reply AND parent_id != 0), \
                p AS (SELECT id, author_key, team, 1 AS found FROM $mentions \
                    WHERE brand = {brand:String} AND created_at >= $from - INTERVAL 90 DAY AND created_at < $to \
                    AND id IN (SELECT parent_id FROM r)), \
                replied AS (SELECT countIf(found = 1 AND NOT r.team AND NOT p.team) AS peers, countIf(found = 1) AS known, \
                    count() AS replies FROM r LEFT JOIN p ON r.parent_id = p.id \
                    WHERE found = 0 OR r.author_key != p.author_key), \
                first AS (SELECT countIf(NOT team_first) AS member, count() AS questions FROM waits \
                    WHERE intent = 'question' AND answered = 1) \
                SELECT peers / known * 100, peers, known, replies, member / questions * 100, member, questions \
                FROM replied CROSS JOIN first",
        }],
    },
    Metric {
        id: "reciprocity",
        title: "Reciprocity",
        definition: "Of the pairs of members where one replied to the other in the span, the share in which the other \
            replied as well. A pair counts once for each direction, however many replies. Without the team and bots. A \
            reply that names no parent answers who opened its thread. What is replied to was written in the span or the 90 \
            days before it.",
        formula: "reply edges whose reverse is there / reply edges x 100",
        unit: "%",
        denominator: "distinct pairs (who replied, to whom) of members in the span",
        version: 2,
        source: "NetworkX",
        roles: COMMUNITY,
        partial_when: PARENTS_STORED,
        scored: false,
        looks_back: LookBack::RepliedTo(90),
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: EDGES,
                sql: "WITH $exchanged SELECT sumIf(2, ways = 2) / sum(ways) * 100, sumIf(2, ways = 2), sum(ways), \
                    uniqExactArray([one, other]) FROM (\
                    SELECT least(source, target) AS one, greatest(source, target) AS other, uniqExact(source) AS ways \
                    FROM exchanged WHERE NOT by_team AND NOT to_team GROUP BY one, other)",
            },
            Shape {
                by: &[By::Platform],
                columns: EDGES,
                sql: "WITH $exchanged SELECT platform, sumIf(2, ways = 2) / sum(ways) * 100, sumIf(2, ways = 2), \
                    sum(ways) AS edges, uniqExactArray([one, other]) FROM (\
                    SELECT platform, least(source, target) AS one, greatest(source, target) AS other, \
                        uniqExact(source) AS ways \
                    FROM exchanged WHERE NOT by_team AND NOT to_team GROUP BY platform, one, other) \
                    GROUP BY platform ORDER BY edges DESC, platform",
            },
        ],
    },
    Metric {
        id: "discussion_depth",
        title: "Discussion depth",
        definition: "Replies and distinct people, its author included, of each thread that was opened in the span and got a \
            reply by the end of it: the median and the 90th percentile. Beside it how many threads were opened, and how \
            many of them got a reply. Reposts open no thread; bots are left out.",
        formula: "median and 90th percentile, interpolated between ranks, over threads with a reply",
        unit: "replies",
        denominator: "threads that were opened in the span and got a reply",
        version: 1,
        source: "ours",
        roles: COMMUNITY,
        partial_when: "replies that no monitor, own account or owned space brought in are not stored; a source has a gap",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: DEPTH,
                sql: "WITH opened AS (SELECT id, author_key, '' AS key FROM $mentions WHERE $span AND $opener), $depth \
                    SELECT $depths FROM threads",
            },
            Shape {
                by: &[By::Time, By::Hour, By::Day, By::Platform],
                columns: DEPTH,
                sql: "WITH opened AS (SELECT id, author_key, $key AS key FROM $mentions WHERE $span AND $opener), $depth \
                    SELECT key, $depths FROM threads GROUP BY key ORDER BY count() DESC, key",
            },
        ],
    },
];

const EDGES: &[Column] =
    &[column("reciprocity", "%"), column("mutual", "edges"), column("edges", "edges"), column("people", "authors")];

const DEPTH: &[Column] = &[
    column("replies_median", "replies"),
    column("replies_p90", "replies"),
    column("people_median", "people"),
    column("people_p90", "people"),
    column("discussed", "threads"),
    column("threads", "threads"),
];
