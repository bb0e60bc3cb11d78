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
        sql: "WITH counted AS (SELECT want, theme, sumIf(n, created_at >= $from) AS mentions, \
                uniqExactIf(author_key, created_at >= $from) AS authors, \
                toInt64(mentions) - toInt64(sumIf(n, created_at < $from)) AS change, \
                (toInt64(sumIf(positive, created_at >= $from)) - toInt64(sumIf(negative, created_at >= $from))) \
                    / sumIf(negative + neutral + positive, created_at >= $from) * 100 AS net \
                FROM $asked_of_2 GROUP BY want, theme HAVING mentions > 0 \
                ORDER BY theme = 'other', mentions DESC, want, theme LIMIT {limit:UInt32}), \
            told AS (SELECT want, theme, arraySlice(arrayReverseSort(groupArray(best)), 1, 3) AS examples FROM (\
                SELECT want, theme, max((example.1, example.2, example.3)) AS best FROM $examples \
                GROUP BY want, theme, example.4) GROUP BY want, theme), \
            digest AS (SELECT counted.want AS want, counted.theme AS theme, mentions, authors, change, net, examples \
                FROM counted LEFT JOIN told ON counted.want = told.want AND counted.theme = told.theme), \
            named AS (SELECT arrayJoin(examples) AS one FROM digest), \
            shown AS (SELECT groupArray(id) AS ids, groupArray(text) AS texts, groupArray(url) AS urls, \
                groupArray($hex) AS names FROM (SELECT id, text, url FROM $mentions WHERE $span \
                AND toStartOfHour(created_at) IN (SELECT toStartOfHour(one.2) FROM named) \
                AND id IN (SELECT one.3 FROM named))) \
            SELECT want, theme, mentions, authors, change, net, \
                if(has(ids, examples[1].3), texts[indexOf(ids, examples[1].3)], NULL), \
                if(has(ids, examples[1].3), urls[indexOf(ids, examples[1].3)], NULL), \
                if(has(ids, examples[1].3), names[indexOf(ids, examples[1].3)], NULL), \
                if(has(ids, examples[2].3), texts[indexOf(ids, examples[2].3)], NULL), \
                if(has(ids, examples[2].3), urls[indexOf(ids, examples[2].3)], NULL), \
                if(has(ids, examples[2].3), names[indexOf(ids, examples[2].3)], NULL), \
                if(has(ids, examples[3].3), texts[indexOf(ids, examples[3].3)], NULL), \
                if(has(ids, examples[3].3), urls[indexOf(ids, examples[3].3)], NULL), \
                if(has(ids, examples[3].3), names[indexOf(ids, examples[3].3)], NULL) \
            FROM digest CROSS JOIN shown ORDER BY theme = 'other', mentions DESC, want, theme",
    }],
}];
