//! Counts of the registry's statement become the rows of the figure.

use serde_json::{Value, json};

use super::{Forecast, HORIZON, forecast};
use crate::{Coverage, StoreError, answer::time_value, series::covered};

const DAY: i64 = 86_400_000;
/// Below this share of a day it is not known.
const WHOLE: f64 = 0.999;

/// One row for each of the days from that of `to` on. `first` is where the brand's history begins, in milliseconds as all
/// times here.
pub(crate) fn rows(
    counted: &[Vec<Value>],
    (from, to): (i64, i64),
    first: Option<i64>,
    coverage: &Coverage,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let begin = from.max(first.unwrap_or(to)).div_euclid(DAY) + 1;
    let end = to.div_euclid(DAY);
    let counts: Vec<(i64, f64)> = counted
        .iter()
        .map(|row| serde_json::from_value(Value::Array(row.clone())))
        .collect::<Result<_, _>>()
        .map_err(|source| StoreError::Answer { doing: "continuing counts by day", source })?;
    let of_day = |day: i64| -> Option<f64> {
        covered(day * DAY, (day + 1) * DAY, coverage).filter(|share| *share >= WHOLE)?;
        Some(counts.iter().find(|(at, _)| *at == day).map_or(0.0, |(_, count)| *count))
    };
    let days: Vec<Option<f64>> = (begin..end).map(of_day).collect();
    let made = forecast(&days);
    Ok((0..HORIZON).map(|distance| row(end * DAY, distance, made.as_ref())).collect())
}

fn row(start: i64, distance: usize, made: Option<&Forecast>) -> Vec<Value> {
    let mut row = vec![time_value(start + distance as i64 * DAY)];
    let Some(made) = made else {
        row.extend(vec![Value::Null; 7]);
        return row;
    };
    let day = made.days[distance];
    let (low, high) = day.interval.unzip();
    let percent = |share: Option<f64>| json!(share.map(|share| share * 100.0));
    row.extend([json!(day.value), json!(low), json!(high), json!(made.method.name())]);
    row.extend([percent(made.error), percent(made.other_error), json!(made.tested)]);
    row
}
