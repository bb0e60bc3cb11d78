//! What both roles ask of every page: is it all there, and how old is it?

use super::{By, LookBack, Metric, Role, Shape, column};
use crate::Column;

const BOTH: &[Role] = &[Role::Awareness, Role::Community];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        id: "coverage",
        title: "Coverage",
        definition: "How much of the span each source has covered: what lies before the time that it is complete \
        through, \
            less its gaps before that time; of a span that it sampled, the share that it read. The gaps themselves are shown as far as they lie in the span. Of every source, whatever the brand.",
        formula: "(covered seconds - seconds of them in gaps - sampled seconds x the share not read) / seconds of the span \
        x 100",
        unit: "%",
        denominator: "length of the span",
        version: 3,
        source: "ours",
        roles: BOTH,
        partial_when: "a source has sent no heartbeat: it is not listed",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("source", "text"),
                column("covered", "%"),
                column("complete_through", "time"),
                column("gaps", "gaps"),
                column("gap_time", "s"),
                column("caught_up", "flag"),
            ],
            sql: "WITH health AS (\
                SELECT source, toUnixTimestamp64Milli(min(part_through)) AS through, min(part_up) AS up FROM (\
                    SELECT source, max(complete_through) AS part_through, \
                        max(caught_up_at) = max(observed_at) AS part_up \
                    FROM source_health GROUP BY source, partition) GROUP BY source), \
                holes AS (SELECT g.source AS source, h.through AS through, \
                    greatest(toUnixTimestamp64Milli(g.from_time), {from:Int64}) AS start, \
                    least(toUnixTimestamp64Milli(g.to_time), {to:Int64}) AS stop \
                    FROM gaps AS g FINAL INNER JOIN health AS h ON g.source = h.source), \
                missing AS (SELECT source, count() AS gaps, intervalLengthSum(start, stop) AS length, \
                    intervalLengthSumIf(start, least(stop, through), start < through) AS lost \
                    FROM holes WHERE start < stop GROUP BY source), \
                parts AS (SELECT s.source AS source, s.rate AS rate, \
                    greatest(toUnixTimestamp64Milli(s.from_time), {from:Int64}) AS start, \
                    least(toUnixTimestamp64Milli(s.to_time), h.through, {to:Int64}) AS stop \
                    FROM sampled AS s FINAL INNER JOIN health AS h ON s.source = h.source), \
                skipped AS (SELECT source, sum((1 - toFloat64(rate)) * (stop - start)) AS unread \
                    FROM parts WHERE start < stop GROUP BY source) \
                SELECT health.source AS name, \
                    greatest(greatest(least(through, {to:Int64}) - {from:Int64}, 0) - lost - unread, 0) \
                    / ({to:Int64} - {from:Int64}) * 100, if(through > 0, fromUnixTimestamp64Milli(through, 'UTC'), NULL), gaps, \
                    length / 1000, toBool(up) FROM health LEFT JOIN missing ON health.source = missing.source \
                LEFT JOIN skipped ON health.source = skipped.source \
                ORDER BY 2, name",
        }],
    },
    Metric {
        id: "freshness",
        title: "Freshness",
        definition: "The end of the span less the time of the newest observed mention of the brand, per platform; and \
        the \
            median time from a mention's creation to its observation.",
        formula: "end of span - max(observed_at); median(observed_at - created_at)",
        unit: "s",
        denominator: "",
        version: 1,
        source: "ours",
        roles: BOTH,
        partial_when: "the platform has no mention in the span: it is not listed",
        scored: false,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[
            Shape {
                by: &[],
                columns: FRESHNESS,
                sql: "SELECT max(observed_at) AS newest, \
                    ({to:Int64} - toUnixTimestamp64Milli(newest)) / 1000, \
                    quantileExact(toUnixTimestamp64Micro(observed_at) - toUnixTimestamp64Milli(created_at) * 1000) / \
                    1e6, \
                    count() FROM $mentions WHERE $span HAVING count() > 0",
            },
            Shape {
                by: &[By::Platform],
                columns: FRESHNESS,
                sql: "SELECT platform, max(observed_at) AS newest, \
                    ({to:Int64} - toUnixTimestamp64Milli(newest)) / 1000, \
                    quantileExact(toUnixTimestamp64Micro(observed_at) - toUnixTimestamp64Milli(created_at) * 1000) / \
                    1e6, \
                    count() FROM $mentions WHERE $span GROUP BY platform ORDER BY 3 DESC, platform",
            },
        ],
    },
    Metric {
        id: "corrected_labels",
        title: "Corrected labels",
        definition: "What people labelled of mentions created in the span, by field: how many labels stand, and with how \
            many of them the newest model agrees. agreed_then counts those that said what the model had said when they \
            were given; the others corrected it. People look at what seems wrong, so the agreement is not the accuracy \
            of the model; that of labels on posts that chance drew (drawn) is. Themes have no agreement: the model may \
            name several.",
        formula: "agreement = agreed / labels x 100; drawn_agreement = drawn that agree / drawn x 100",
        unit: "labels",
        denominator: "labels that stand and whose mention is stored",
        version: 2,
        source: "ours",
        roles: BOTH,
        partial_when: "nobody has labelled a mention of the span: no row; no labelled post was drawn: no drawn_agreement",
        scored: true,
        looks_back: LookBack::Nothing,
        buckets: false,
        shapes: &[Shape {
            by: &[],
            columns: &[
                column("field", "text"),
                column("labels", "labels"),
                column("corrected", "labels"),
                column("agreed_then", "labels"),
                column("agreed", "labels"),
                column("agreement", "%"),
                column("drawn", "labels"),
                column("drawn_agreement", "%"),
            ],
            sql: "SELECT field, count(), countIf(value != before), countIf(value = before), \
                if(field = 'theme', NULL, countIf(value = now)) AS same, same / count() * 100, countIf(drawn) AS judged, \
                if(field = 'theme', NULL, countIf(drawn AND value = now)) / nullIf(judged, 0) * 100 FROM (\
                SELECT toString(l.field) AS field, l.value AS value, l.before AS before, l.drawn AS drawn, \
                    multiIf(field = 'polarity', toString(m.polarity), field = 'intent', toString(m.intent), \
                        field = 'relevance', 'yes', '') AS now \
                FROM (SELECT id, field, value, before, drawn FROM labels FINAL WHERE brand = {brand:String}) AS l \
                INNER JOIN (SELECT id, polarity, intent FROM mentions FINAL WHERE $span \
                    AND id IN (SELECT id FROM labels WHERE brand = {brand:String})) AS m ON l.id = m.id) \
                GROUP BY field ORDER BY 2 DESC, field",
        }],
    },
];

const FRESHNESS: &[Column] =
    &[column("newest", "time"), column("age", "s"), column("median_lag", "s"), column("mentions", "mentions")];
