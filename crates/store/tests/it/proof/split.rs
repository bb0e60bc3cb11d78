//! The splits of a figure, done slowly: a group of mentions for each key, a row for each point of time.

use std::collections::BTreeMap;

use grapevine_store::{By, Column, MetricQuery, registry};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Facts, Held, Row, Rows};

/// A figure of mentions, of all of the span or split as the question says.
pub fn split(facts: &Facts, query: &MetricQuery, figure: impl Fn(&[&Held]) -> Row) -> Rows {
    split_of(facts, query, &facts.within(&query.brand, query.from, query.to), figure)
}

/// The same of chosen mentions.
pub fn split_of(facts: &Facts, query: &MetricQuery, held: &[&Held], figure: impl Fn(&[&Held]) -> Row) -> Rows {
    match query.by {
        None => vec![figure(held)],
        Some(By::Time | By::FiveMinutes | By::Hour | By::Day) => over_time(facts, query, |from, to| {
            let inside: Vec<&Held> = held.iter().copied().filter(|held| from <= held.at() && held.at() < to).collect();
            (!inside.is_empty()).then(|| figure(&inside))
        }),
        Some(by) => grouped(held, by).into_iter().map(|(key, held)| with(json!(key), figure(&held))).collect(),
    }
}

pub fn grouped<'a>(held: &[&'a Held], by: By) -> BTreeMap<String, Vec<&'a Held>> {
    let mut groups: BTreeMap<String, Vec<&Held>> = BTreeMap::new();
    for one in held {
        groups.entry(key(one, by)).or_default().push(one);
    }
    groups
}

fn key(held: &Held, by: By) -> String {
    match by {
        By::Platform => held.platform().to_owned(),
        By::Kind => held.mention.kind.name().to_owned(),
        By::Language => held.language(),
        By::Polarity => held.polarity.map_or("unscored", |polarity| polarity.name()).to_owned(),
        other => panic!("no mention has one {other}: the figure has to do this split itself"),
    }
}

pub fn with(key: Value, row: Row) -> Row {
    [vec![key], row].concat()
}

/// A row for each point of the span: what `point` gives for it, else none of anything where a source has come, else what
/// is not known; and how much of it the sources have covered.
pub fn over_time(facts: &Facts, query: &MetricQuery, point: impl Fn(Timestamp, Timestamp) -> Option<Row>) -> Rows {
    let (columns, step) = (columns(query), step(query));
    let length = step.as_secs();
    let mut start = Timestamp::from_second(query.from.as_second().div_euclid(length) * length).unwrap();
    let mut rows = vec![];
    while start < query.to {
        let end = start + step;
        let (from, to) = (start.max(query.from), end.min(query.to));
        let covered = covered(facts, from, to);
        let row = point(from, to).unwrap_or_else(|| match covered {
            Some(share) if share > 0.0 => columns.iter().map(none_of).collect(),
            _ => vec![Value::Null; columns.len()],
        });
        rows.push([vec![json!(start.to_string())], row, vec![json!(covered)]].concat());
        start = end;
    }
    rows
}

/// None of a count is 0; a share of nothing, and what is measured and was not, is not known.
fn none_of(column: &Column) -> Value {
    if matches!(column.unit, "%" | "points" | "s" | "stars" | "followers" | "replies" | "people") {
        Value::Null
    } else {
        json!(0)
    }
}

fn columns(query: &MetricQuery) -> &'static [Column] {
    let shapes = registry::find(&query.metric).unwrap().shapes;
    shapes.iter().find(|shape| query.by.is_some_and(|by| shape.by.contains(&by))).unwrap().columns
}

fn step(query: &MetricQuery) -> SignedDuration {
    let shapes = registry::find(&query.metric).unwrap().shapes;
    let by_hour = shapes.iter().any(|shape| shape.by.contains(&By::Time) && shape.by.contains(&By::Hour));
    let hours = query.to.duration_since(query.from).as_hours();
    match query.by {
        Some(By::FiveMinutes) => SignedDuration::from_mins(5),
        Some(By::Hour) => SignedDuration::from_hours(1),
        Some(By::Time) if by_hour && hours <= 12 => SignedDuration::from_mins(5),
        Some(By::Time) if by_hour && hours <= 14 * 24 => SignedDuration::from_hours(1),
        _ => SignedDuration::from_hours(24),
    }
}

/// Minute by minute: the share that was read of it, 0 in a gap and after what is complete. `None` where no source has said
/// anything. Gaps and samples of these worlds begin and end with a minute.
pub fn covered(facts: &Facts, from: Timestamp, to: Timestamp) -> Option<f64> {
    let through = facts.complete_through()?;
    let minute = SignedDuration::from_mins(1);
    let (mut at, mut read, mut minutes) = (from, 0.0, 0.0);
    while at < to {
        let lies_in = |start: Timestamp, end: Timestamp| start <= at && at < end;
        let lost = at >= through || facts.gaps.iter().any(|gap| lies_in(gap.from, gap.to));
        let rates = facts.sampled.iter().filter(|span| lies_in(span.from, span.to)).map(|span| f64::from(span.rate));
        read += if lost { 0.0 } else { rates.fold(1.0, f64::min) };
        minutes += 1.0;
        at += minute;
    }
    Some(read / minutes)
}
