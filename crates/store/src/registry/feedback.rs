//! What people complain of, suggest and ask, by theme: to be handed to product and support.

use super::{LookBack, Metric, Role, Shape, column};

pub(super) static METRICS: &[Metric] = &[Metric {
    id: "feedback_digest",
    title: "Feedback digest",
    definition: "What people complain of, suggest and ask in the span, by theme, the most frequent first: how many mentions \
        and authors, change against the span of equal length before, net sentiment, and three posts as examples. Those are \
        of different stories, the widest reach first. A mention of several themes counts for each; one of none is other. \
        Without the team and reposts.",
    formula: "mentions by intent and theme; change = mentions - mentions before; net_sentiment = (P - N) / (P + N + U) x 100",
    unit: "mentions",
    denominator: "net_sentiment: scored mentions of the row",
    version: 1,
    source: "ours",
    roles: &[Role::Awareness, Role::Community],
    partial_when: "languages that the model does not cover are not scored: no intent and no theme is known of them; a source \
        has a gap in the span or in the one before",
    scored: true,
    looks_back: LookBack::SpansBefore(1),
    buckets: false,
    shapes: &[Shape {
        by: &[],
        columns: &[
            column("intent", "text"),
            column("theme", "text"),
            column("mentions", "mentions"),
            column("authors", "authors"),
            column("change", "mentions"),
            column("net_sentiment", "points"),
            column("example_1", "text"),
            column("url_1", "text"),
            column("id_1", "text"),
            column("example_2", "text"),
            column("url_2", "text"),
            column("id_2", "text"),
            column("example_3", "text"),
            column("url_3", "text"),
            column("id_3", "text"),
        ],
        sql: "WITH told AS (SELECT id, toString(intent) AS want, created_at, created_at >= $from AS inside, \
                toInt8(polarity) AS side, author_key, ifNull(author_followers, 0) AS reach, if(story = 0, id, story) AS tale, \
                arrayJoin(if(empty(themes), ['other'], arrayMap(name -> toString(name), themes))) AS theme \
                FROM $mentions WHERE brand = {brand:String} AND created_at < $to AND created_at >= \
                    fromUnixTimestamp64Milli(greatest(2 * {from:Int64} - {to:Int64}, 0), 'UTC') \
                AND intent IN ('complaint', 'suggestion', 'question') AND NOT team AND kind != 'repost'), \
            tales AS (SELECT want, theme, tale, countIf(inside) AS n, countIf(NOT inside) AS n_before, \
                groupUniqArrayIf(author_key, inside) AS who, sumIf(side, inside AND side != 2) AS sides, \
                countIf(inside AND side != 2) AS scored, maxIf((reach, created_at, id), inside) AS best \
                FROM told GROUP BY want, theme, tale), \
            digest AS (SELECT want, theme, sum(n) AS mentions, length(groupUniqArrayArray(who)) AS authors, \
                toInt64(sum(n)) - toInt64(sum(n_before)) AS change, sum(sides) / sum(scored) * 100 AS net, \
                arrayMap(one -> one.3, arraySlice(arrayReverseSort(groupArrayIf(best, n > 0)), 1, 3)) AS examples \
                FROM tales GROUP BY want, theme HAVING mentions > 0 \
                ORDER BY theme = 'other', mentions DESC, want, theme LIMIT {limit:UInt32}), \
            shown AS (SELECT groupArray(id) AS ids, groupArray(text) AS texts, groupArray(url) AS urls, \
                groupArray($hex) AS names FROM (SELECT id, text, url FROM $mentions \
                WHERE $span AND id IN (SELECT arrayJoin(examples) FROM digest))) \
            SELECT want, theme, mentions, authors, change, net, \
                if(length(examples) > 0, texts[indexOf(ids, examples[1])], NULL), \
                if(length(examples) > 0, urls[indexOf(ids, examples[1])], NULL), \
                if(length(examples) > 0, names[indexOf(ids, examples[1])], NULL), \
                if(length(examples) > 1, texts[indexOf(ids, examples[2])], NULL), \
                if(length(examples) > 1, urls[indexOf(ids, examples[2])], NULL), \
                if(length(examples) > 1, names[indexOf(ids, examples[2])], NULL), \
                if(length(examples) > 2, texts[indexOf(ids, examples[3])], NULL), \
                if(length(examples) > 2, urls[indexOf(ids, examples[3])], NULL), \
                if(length(examples) > 2, names[indexOf(ids, examples[3])], NULL) \
            FROM digest CROSS JOIN shown ORDER BY theme = 'other', mentions DESC, want, theme",
    }],
}];
