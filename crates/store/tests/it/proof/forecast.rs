//! What is to come, by a program that follows the definition day by day.

use std::collections::BTreeMap;

use grapevine_model::Event;
use grapevine_store::MetricQuery;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Facts, Group, Proof, Row, Rows, split::covered};
use crate::world::{at, heartbeat, post, upsert};

const DAY: i64 = 86_400;

/// Two posts on each weekday and one on each day of a weekend, for ten weeks and the Monday before them, whose day is not
/// whole: they are expected to go on, and nothing was missed in the 42 days that follow upon 28 known ones.
pub fn groups() -> Vec<Group> {
    let first = at("2025-12-22T09:00:00Z");
    let day = |number: i64| first + SignedDuration::from_hours(24 * number);
    let posts = |number: i64| {
        let count = if number % 7 < 5 { 2 } else { 1 };
        (0..count).map(move |copy| upsert(&post(&format!("{number}-{copy}"), day(number))))
    };
    let mut events: Vec<Event> = (0..71).flat_map(posts).collect();
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    let golden: Rows = (0..14)
        .map(|number| {
            // 2026-03-03 is a Tuesday.
            let count = if (number + 1) % 7 < 5 { 2 } else { 1 };
            let date = at("2026-03-03T00:00:00Z") + SignedDuration::from_hours(24 * number);
            vec![json!(date.to_string()), json!(count), json!(count), json!(count), json!("level and weekday")]
        })
        .map(|row| [row, vec![json!(0), json!(0), json!(42)]].concat())
        .collect();
    vec![Group { events, labels: vec![], proofs: vec![Proof::of("volume_forecast", json!(golden), forecast)] }]
}

/// Counts by the number of the day since 1970, of those that are known.
fn known_days(facts: &Facts, query: &MetricQuery) -> BTreeMap<i64, f64> {
    let end = query.to.as_second().div_euclid(DAY);
    let times: Vec<i64> = facts.of_brand(&query.brand).map(|held| held.at().as_second() / 300 * 300).collect();
    // After two weeks of silence a brand begins anew.
    let begins = |at: &usize| *at == 0 || times[*at] - times[*at - 1] >= 14 * DAY;
    let Some(first) = (0..times.len()).rfind(begins) else { return BTreeMap::new() };
    let from = (query.to.as_second() - 182 * DAY).max(times[first]).div_euclid(DAY) + 1;
    let time = |day: i64| Timestamp::from_second(day * DAY).unwrap();
    (from..end)
        .filter(|day| covered(facts, time(*day), time(*day + 1)).is_some_and(|share| share >= 0.999))
        .map(|day| (day, facts.within(&query.brand, time(day), time(day + 1)).len() as f64))
        .collect()
}

type Days = BTreeMap<i64, f64>;
type Method = fn(&Days, i64, i64) -> f64;

/// The level of the days before `origin`, times the share of the weekday of `day`.
fn by_weekday(days: &Days, origin: i64, day: i64) -> f64 {
    let age = |of: i64| (origin - 1 - of) as f64;
    let weighted = |half_life: f64, values: Vec<(i64, f64)>| -> Option<f64> {
        let weights: Vec<f64> = values.iter().map(|(of, _)| 2f64.powf(-age(*of) / half_life)).collect();
        let sum: f64 = values.iter().zip(&weights).map(|((_, value), weight)| value * weight).sum();
        (!values.is_empty()).then(|| sum / weights.iter().sum::<f64>())
    };
    let before: Vec<(i64, f64)> = days.range(..origin).map(|(day, count)| (*day, *count)).collect();
    let same = |weekday: i64| before.iter().copied().filter(|(of, _)| of.rem_euclid(7) == weekday).collect::<Vec<_>>();
    let means: Vec<Option<f64>> = (0..7).map(|weekday| weighted(28.0, same(weekday))).collect();
    let there: Vec<f64> = means.iter().flatten().copied().collect();
    let usual = there.iter().sum::<f64>() / there.len() as f64;
    let factor = |of: i64| match means[of.rem_euclid(7) as usize] {
        Some(mean) if usual > 0.0 => mean / usual,
        _ => 1.0,
    };
    let even =
        before.iter().filter(|(of, _)| factor(*of) > 0.0).map(|(of, count)| (*of, count / factor(*of))).collect();
    weighted(14.0, even).unwrap_or(0.0) * factor(day)
}

/// The newest day before `origin` of the same weekday.
fn last_week(days: &Days, origin: i64, day: i64) -> f64 {
    let before: Vec<(&i64, &f64)> = days.range(..origin).collect();
    let same = before.iter().rfind(|(of, _)| (day - **of) % 7 == 0).map(|(_, count)| **count);
    same.unwrap_or_else(|| before.iter().map(|(_, count)| **count).sum::<f64>() / before.len() as f64)
}

/// Distance, what was said, what was.
fn missed(days: &Days, origins: &[i64], end: i64, method: Method) -> Vec<(i64, f64, f64)> {
    let pairs = origins.iter().flat_map(|origin| (*origin..end.min(origin + 14)).map(move |day| (*origin, day)));
    pairs.filter_map(|(origin, day)| Some((day - origin, method(days, origin, day), *days.get(&day)?))).collect()
}

fn share_missed(missed: &[(i64, f64, f64)]) -> Option<f64> {
    let all: f64 = missed.iter().map(|(.., was)| was).sum();
    (all > 0.0).then(|| missed.iter().map(|(_, said, was)| (was - said).abs()).sum::<f64>() / all * 100.0)
}

fn forecast(facts: &Facts, query: &MetricQuery) -> Rows {
    let (days, end) = (known_days(facts, query), query.to.as_second().div_euclid(DAY));
    let date = |distance: i64| json!(Timestamp::from_second((end + distance) * DAY).unwrap().to_string());
    if days.len() < 28 {
        return (0..14).map(|distance| [vec![date(distance)], vec![Value::Null; 7]].concat()).collect();
    }
    // The trial begins 56 days back, or where the first known day is, if that is later.
    let first = days.keys().next().copied().unwrap_or(end).max(end - 56);
    let origins: Vec<i64> = (first..end).filter(|origin| days.range(..origin).count() >= 28).collect();
    let tried = [by_weekday as Method, last_week].map(|method| missed(&days, &origins, end, method));
    let errors = tried.each_ref().map(|missed| share_missed(missed));
    let chosen = usize::from(matches!(errors, [Some(plain), Some(naive)] if naive + 1e-7 < plain));
    let method = [by_weekday as Method, last_week][chosen];
    let name = ["level and weekday", "as last week"][chosen];
    let row = |distance: i64| -> Row {
        let value = method(&days, end, end + distance);
        let (low, high) = interval(value, distance, &tried[chosen]).unzip();
        let figures =
            [json!(value), json!(low), json!(high), json!(name), json!(errors[chosen]), json!(errors[1 - chosen])];
        [vec![date(distance)], figures.to_vec(), vec![json!(origins.len())]].concat()
    };
    (0..14).map(row).collect()
}

fn interval(value: f64, distance: i64, tried: &[(i64, f64, f64)]) -> Option<(f64, f64)> {
    let root = |said: f64| said.max(1.0).sqrt();
    let near = tried.iter().filter(|(of, ..)| of / 7 == distance / 7);
    let mut misses: Vec<f64> = near.map(|(_, said, was)| (was - said) / root(*said)).collect();
    misses.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (misses.len() as f64 - 1.0);
        let (low, high) = (misses[place.floor() as usize], misses[place.ceil() as usize]);
        (value + (low + (high - low) * place.fract()) * root(value)).max(0.0)
    };
    (misses.len() >= 20).then(|| (at(0.1).min(value), at(0.9).max(value)))
}
