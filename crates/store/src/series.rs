//! A series over time: every point of the span, and `null` where no row is stored and no source has come. A gap is never drawn as zero.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Column, Coverage, StoreError, answer::time_value, client::from_millis, client::millis};

/// Points of one answer: a year by the hour, or two months by five minutes.
const MOST_POINTS: u64 = 20_000;

/// Spans in milliseconds up to which a step (in seconds) suits.
const STEPS: [(i64, u32); 2] = [(12 * 3_600_000, 300), (14 * 86_400_000, 3600)];

pub(crate) fn fitting_step(length: i64) -> u32 {
    STEPS.iter().find(|(most, _)| length <= *most).map_or(86_400, |(_, step)| *step)
}

pub(crate) struct Series {
    /// Milliseconds.
    from: i64,
    to: i64,
    /// Seconds; points lie on multiples of it since the Unix epoch.
    pub step: u32,
}

impl Series {
    pub(crate) fn new(from: i64, to: i64, step: u32) -> Result<Self, StoreError> {
        let points = ((to - from) / (i64::from(step) * 1000)).unsigned_abs();
        if points > MOST_POINTS {
            return Err(StoreError::TooManyPoints {
                from: from_millis(from),
                to: from_millis(to),
                points,
                most: MOST_POINTS,
            });
        }
        Ok(Self { from, to, step })
    }

    /// One row per point: time, the values, and the share of the point that the sources have covered.
    pub(crate) fn fill(&self, rows: &[Vec<Value>], columns: &[Column], coverage: &Coverage) -> Vec<Vec<Value>> {
        let mut known: BTreeMap<i64, &[Value]> = BTreeMap::new();
        for row in rows {
            if let Some((key, values)) = row.split_first() {
                known.insert(key.as_i64().unwrap_or_default() * 1000, values);
            }
        }
        let step = i64::from(self.step) * 1000;
        let first = self.from.div_euclid(step) * step;
        let points = (first..self.to).step_by(usize::try_from(step).unwrap_or(1));
        points.map(|at| self.point(at, known.get(&at).copied(), columns, coverage)).collect()
    }

    fn point(&self, at: i64, known: Option<&[Value]>, columns: &[Column], coverage: &Coverage) -> Vec<Value> {
        let end = at + i64::from(self.step) * 1000;
        let covered = covered(at.max(self.from), end.min(self.to), coverage);
        // One source that lags covers nothing, while the rows of the others are there: they are shown, and the share
        // beside them says that they are not all.
        let values: Vec<Value> = match known {
            Some(values) => values.to_vec(),
            None if covered.is_some_and(|share| share > 0.0) => columns.iter().map(nothing).collect(),
            None => vec![Value::Null; columns.len()],
        };
        let mut row = vec![time_value(at)];
        row.extend(values);
        row.push(covered.map_or(Value::Null, |share| json!(share)));
        row
    }
}

/// The value of a point that is covered and has no mentions: none, but no ratio, mean or quantile of none, and nobody's followers.
fn nothing(column: &Column) -> Value {
    if matches!(column.unit, "%" | "points" | "s" | "stars" | "followers" | "replies" | "people") {
        Value::Null
    } else {
        json!(0)
    }
}

/// Share of a span that the sources have covered, 0 to 1; `None` where no source has said how far it is.
pub(crate) fn covered(from: i64, to: i64, coverage: &Coverage) -> Option<f64> {
    let end = millis(coverage.complete_through?).min(to);
    let within = |start: Timestamp, stop: Timestamp| (millis(start).max(from), millis(stop).min(end));
    let gaps = coverage.gaps.iter().map(|gap| (within(gap.from, gap.to), 0.0));
    let sampled = coverage.sampled.iter().map(|span| (within(span.from, span.to), span.rate));
    let parts: Vec<((i64, i64), f64)> = gaps.chain(sampled).filter(|((start, stop), _)| start < stop).collect();
    let mut edges: Vec<i64> = parts.iter().flat_map(|((start, stop), _)| [*start, *stop]).collect();
    edges.sort_unstable();
    // Between two edges, the least of the rates that lie over it counts.
    let missing: f64 = edges
        .windows(2)
        .map(|edge| {
            let over = parts.iter().filter(|((start, stop), _)| *start <= edge[0] && edge[1] <= *stop);
            let rate = over.map(|(_, rate)| *rate).fold(1.0, f64::min);
            (edge[1] - edge[0]) as f64 * (1.0 - rate)
        })
        .sum();
    Some(((end - from).max(0) as f64 - missing) / (to - from).max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GapSpan;

    const HOUR: i64 = 3_600_000;

    fn coverage(through: Option<i64>, gaps: &[(i64, i64)]) -> Coverage {
        let gap = |(from, to): &(i64, i64)| GapSpan {
            source: "s".into(),
            from: from_millis(*from),
            to: from_millis(*to),
            reason: "r".into(),
        };
        Coverage {
            complete_through: through.map(from_millis),
            gaps: gaps.iter().map(gap).collect(),
            sampled: Vec::new(),
            partial: false,
            note: String::new(),
        }
    }

    #[test]
    fn overlapping_gaps_are_counted_once() {
        let coverage = coverage(Some(HOUR), &[(0, HOUR / 2), (HOUR / 4, HOUR / 2), (HOUR * 3 / 4, HOUR * 2)]);
        assert_eq!(super::covered(0, HOUR, &coverage), Some(0.25));
    }

    #[test]
    fn a_span_of_which_a_part_was_read_is_covered_in_part() {
        let sampled = |from: i64, to: i64, rate: f64| crate::SampledSpan {
            source: "x".into(),
            from: from_millis(from),
            to: from_millis(to),
            rate,
            reason: "the cap".into(),
        };
        let spans = vec![sampled(0, HOUR / 2, 0.5), sampled(HOUR / 4, HOUR / 2, 0.25)];
        let coverage = Coverage { sampled: spans, ..coverage(Some(HOUR), &[(3 * HOUR / 4, HOUR)]) };
        let expected = 0.25 * 0.5 + 0.25 * 0.25 + 0.25;
        let found = super::covered(0, HOUR, &coverage).unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}");
    }

    #[test]
    fn a_point_with_rows_shows_them_one_without_is_zero_where_covered_and_null_where_not() {
        let series = Series::new(0, 5 * HOUR, 3600).unwrap();
        let columns = [Column { name: "raw", unit: "mentions" }, Column { name: "share", unit: "%" }];
        let rows = [vec![json!(0), json!(7), json!(50.0)], vec![json!(4 * 3600), json!(2), json!(25.0)]];
        let filled = series.fill(&rows, &columns, &coverage(Some(3 * HOUR), &[(2 * HOUR, 3 * HOUR)]));
        let expected = [
            json!(["1970-01-01T00:00:00Z", 7, 50.0, 1.0]),
            json!(["1970-01-01T01:00:00Z", 0, null, 1.0]),
            json!(["1970-01-01T02:00:00Z", null, null, 0.0]),
            json!(["1970-01-01T03:00:00Z", null, null, 0.0]),
            json!(["1970-01-01T04:00:00Z", 2, 25.0, 0.0]),
        ];
        assert_eq!(json!(filled), json!(expected));
    }

    #[test]
    fn without_any_heartbeat_what_is_not_there_is_not_known() {
        let series = Series::new(0, 2 * HOUR, 3600).unwrap();
        let columns = [Column { name: "raw", unit: "mentions" }];
        let filled = series.fill(&[vec![json!(3600), json!(7)]], &columns, &coverage(None, &[]));
        let expected = json!([["1970-01-01T00:00:00Z", null, null], ["1970-01-01T01:00:00Z", 7, null]]);
        assert_eq!(json!(filled), expected);
    }

    #[test]
    fn the_step_suits_the_span() {
        let steps = [HOUR, 24 * HOUR, 60 * 24 * HOUR].map(fitting_step);
        assert_eq!(steps, [300, 3600, 86_400]);
    }
}
