//! What is to come. The statement counts days; [`crate::forecast`] makes the figure of that.

use super::{LookBack, Metric, Role, Shape, column};

const ID: &str = "volume_forecast";

/// Whether the rows of a metric's statement are counts by day that are to be continued.
pub(crate) fn is(metric: &Metric) -> bool {
    metric.id == ID
}

pub(super) static METRICS: &[Metric] = &[Metric {
    id: ID,
    title: "Volume forecast",
    definition: "Mentions a day to expect for 14 days from the end of the span on, with an interval that 80 % should fall \
        into, whatever the span: from the 26 weeks before. Of two plain methods the one that erred less when it was tried on \
        the last eight weeks: a level of the last weeks times the weekday's usual share, or the same weekday of the last week. \
        Each was tried from every one of those days, with what was known then; error is what it missed, of what there was. \
        Days that a source did not cover are left out, not counted as quiet. No method foresees an event.",
    formula: "level x weekday factor, both weighted means with half-lives of 14 and 28 days; interval: the 10th and 90th \
        percentile of what was missed at that distance, over the square root of the forecast; error = sum |missed| / sum \
        counted x 100",
    unit: "mentions",
    denominator: "error: mentions of the days that were tried",
    version: 1,
    source: "ours",
    roles: &[Role::Awareness],
    partial_when: "fewer than 28 whole days are known: it is then empty; sources have gaps in the 26 weeks before",
    scored: false,
    looks_back: LookBack::Window(182),
    buckets: true,
    shapes: &[Shape {
        by: &[],
        columns: &[
            column("day", "time"),
            column("expected", "mentions"),
            column("low", "mentions"),
            column("high", "mentions"),
            column("method", "text"),
            column("error", "%"),
            column("other_error", "%"),
            column("tested", "days"),
        ],
        sql: "SELECT toUInt32(intDiv(toUnixTimestamp(bucket), 86400)) AS day, sum(mentions) FROM rollup_epochs \
            WHERE $buckets GROUP BY day ORDER BY day",
    }],
}];
