//! Polar net sentiment, and its change.

use grapevine_model::{Event, Polarity, Polarity::*};
use grapevine_store::{By, MetricQuery};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::{net, part, polarities},
    split::{grouped, split, with},
};
use crate::world::{at, heartbeat, post, upsert, with_polarity};

/// Three positive, one negative and one neutral today; one positive and three negative yesterday, one of them at midnight
/// before; one the day before.
pub fn groups() -> Vec<Group> {
    let of = |id: &str, polarity: Polarity, time: &str| upsert(&with_polarity(polarity, post(id, at(time))));
    let events: Vec<Event> = vec![
        of("1", Positive, "2026-03-02T09:00:00Z"),
        of("2", Positive, "2026-03-02T10:00:00Z"),
        of("3", Positive, "2026-03-02T10:04:00Z"),
        of("4", Negative, "2026-03-02T11:00:00Z"),
        of("5", Neutral, "2026-03-02T11:00:00Z"),
        of("6", Positive, "2026-03-01T23:59:59Z"),
        of("7", Negative, "2026-03-01T00:00:00Z"),
        of("8", Negative, "2026-03-01T12:00:00Z"),
        of("9", Negative, "2026-03-01T13:00:00Z"),
        of("10", Negative, "2026-02-28T23:59:59Z"),
        heartbeat("s", at("2026-03-03T00:00:00Z")),
    ];
    let proofs = vec![
        Proof::of("net_sentiment_polar", json!([[50, 1, 3]]), polar),
        // 2 of 5 now, -2 of 4 before.
        Proof::of("sentiment_change", json!([[90, 40, -50, 5, 4]]), change),
        Proof::of("sentiment_change", json!([["forum", 90, 40, -50, 5, 4]]), change).by(By::Platform),
    ];
    vec![Group { events, labels: vec![], proofs }]
}

fn polar(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let [negative, _, positive, _] = polarities(held);
        let share = part(positive as f64 - negative as f64, (positive + negative) as f64);
        vec![share, json!(negative), json!(positive)]
    })
}

fn change(facts: &Facts, query: &MetricQuery) -> Rows {
    let length = query.to.duration_since(query.from);
    let both = facts.within(&query.brand, query.from - length, query.to);
    let row = |held: &[&Held]| -> Row {
        let (now, before): (Vec<&Held>, Vec<&Held>) = held.iter().partition(|held| held.at() >= query.from);
        let scored = |held: &[&Held]| held.iter().filter(|held| held.polarity.is_some()).count();
        let (here, there) = (net(&now), net(&before));
        let change = here.zip(there).map_or(Value::Null, |(here, there)| json!(here - there));
        vec![change, json!(here), json!(there), json!(scored(&now)), json!(scored(&before))]
    };
    match query.by {
        None => vec![row(&both)],
        Some(by) => grouped(&both, by).into_iter().map(|(key, held)| with(json!(key), row(&held))).collect(),
    }
}
