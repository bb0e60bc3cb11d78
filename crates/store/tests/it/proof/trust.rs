//! Is it all there, how old is it, and how often did people correct the model?

use std::collections::BTreeMap;

use grapevine_model::{
    Before, Correction, Event, Gap, Heartbeat, Intent, Label, LabelField, Mention, Polarity, Sampled,
};
use grapevine_store::MetricQuery;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    answers::written,
    awareness::part,
    split::{grouped, with},
};
use crate::world::{at, day, heartbeat, post, upsert, with_polarity};

pub fn groups() -> Vec<Group> {
    vec![covered(), fresh(), labelled()]
}

/// One source came to 18:00, with a gap of two hours and one hour of which it read a quarter; the other is complete and has
/// not caught up.
fn covered() -> Group {
    let hours = |from: &str, to: &str| (day(from), day(to));
    let ((gap_from, gap_to), (from, to)) = (hours("02:00:00", "04:00:00"), hours("10:00:00", "11:00:00"));
    let behind = Heartbeat {
        source: "b".into(),
        complete_through: at("2026-03-03T00:00:00Z"),
        observed_at: at("2026-03-03T00:00:00Z"),
        caught_up: false,
        closes: None,
    };
    let events = vec![
        heartbeat("a", day("18:00:00")),
        Event::Heartbeat(behind),
        Event::Gap(Gap { source: "a".into(), from: gap_from, to: gap_to, reason: "quota".into() }),
        Event::Sampled(Sampled { source: "a".into(), from, to, rate: 0.25, reason: "budget".into() }),
    ];
    // 18 hours less 2 less three quarters of one.
    let golden = json!([
        ["a", 15.25 / 24.0 * 100.0, "2026-03-02T18:00:00.000Z", 1, 7200, true],
        ["b", 100, "2026-03-03T00:00:00.000Z", 0, 0, false]
    ]);
    Group { events, labels: vec![], proofs: vec![Proof::of("coverage", golden, coverage)] }
}

/// Minute by minute. Gaps and samples of these worlds begin and end with a minute, and do not overlap in one source.
fn coverage(facts: &Facts, query: &MetricQuery) -> Rows {
    let mut rows: Vec<(f64, Row)> = facts.heartbeats.iter().map(|beat| source(facts, query, beat)).collect();
    rows.sort_by(|(one, a), (other, b)| one.total_cmp(other).then(a[0].to_string().cmp(&b[0].to_string())));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn source(facts: &Facts, query: &MetricQuery, beat: &Heartbeat) -> (f64, Row) {
    let own: Vec<&Gap> = facts.gaps.iter().filter(|gap| gap.source == beat.source).collect();
    let own: Vec<&Gap> = own.into_iter().filter(|gap| gap.from < query.to && gap.to > query.from).collect();
    let minute = SignedDuration::from_mins(1);
    let (mut time, mut read, mut missing, mut minutes) = (query.from, 0.0, 0, 0.0);
    while time < query.to {
        let in_gap = own.iter().any(|gap| gap.from <= time && time < gap.to);
        let sampled = facts.sampled.iter().filter(|span| span.source == beat.source);
        let rate = sampled.filter(|span| span.from <= time && time < span.to).map(|span| span.rate).next();
        if time < beat.complete_through && !in_gap {
            read += rate.map_or(1.0, f64::from);
        }
        missing += i64::from(in_gap) * 60;
        minutes += 1.0;
        time += minute;
    }
    let share = read / minutes * 100.0;
    let through = written(beat.complete_through);
    let row = vec![json!(beat.source), json!(share), through, json!(own.len()), json!(missing), json!(beat.caught_up)];
    (share, row)
}

/// Seen after 5 seconds, a minute and two minutes; the last at 12:02.
fn fresh() -> Group {
    let seen = |seconds: i64, mention: Mention| Mention {
        observed_at: mention.created_at + SignedDuration::from_secs(seconds),
        ..mention
    };
    let mentions = [
        seen(5, post("1", day("10:00:00"))),
        seen(60, post("2", day("11:00:00"))),
        seen(120, post("3", day("12:00:00"))),
    ];
    let golden = json!([["2026-03-02T12:02:00.000000Z", 11 * 3600 + 58 * 60, 60, 3]]);
    let proofs = vec![Proof::of("freshness", golden, freshness)];
    Group { events: mentions.iter().map(upsert).collect(), labels: vec![], proofs }
}

fn freshness(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    match query.by {
        None if inside.is_empty() => vec![],
        None => vec![age(query, &inside)],
        Some(by) => grouped(&inside, by).into_iter().map(|(key, held)| with(json!(key), age(query, &held))).collect(),
    }
}

fn age(query: &MetricQuery, held: &[&Held]) -> Row {
    let newest = held.iter().map(|held| held.mention.observed_at).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let mut lags: Vec<i64> =
        held.iter().map(|held| held.mention.observed_at.as_microsecond() - held.at().as_microsecond()).collect();
    lags.sort_unstable();
    let age = query.to.as_millisecond() - newest.as_millisecond();
    let time = newest.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    vec![json!(time), json!(age as f64 / 1e3), json!(lags[lags.len() / 2] as f64 / 1e6), json!(held.len())]
}

/// Two of three polarities correct the model, which has come to agree with one of them since; two of the three were drawn;
/// a theme; a mention that is found not relevant; a label of what is not stored.
fn labelled() -> Group {
    let label = |name: &str, correction: Correction, before: &str| Label {
        mention: post(name, day("10:00:00")).id(),
        brand: "acme".into(),
        correction,
        by: "ada".into(),
        at: day("13:00:00"),
        note: String::new(),
        before: Before { value: before.into(), model: "minilm@1".into() },
        drawn: false,
    };
    let said = |name: &str, polarity| with_polarity(polarity, post(name, day("10:00:00")));
    let mentions = [
        said("1", Polarity::Negative),
        said("2", Polarity::Neutral),
        said("3", Polarity::Positive),
        said("4", Polarity::Neutral),
    ];
    let labels = vec![
        label("1", Correction::Polarity(Polarity::Negative), "neutral"),
        Label { drawn: true, ..label("2", Correction::Polarity(Polarity::Positive), "neutral") },
        Label { drawn: true, ..label("3", Correction::Polarity(Polarity::Positive), "positive") },
        label("3", Correction::Theme(vec!["price".into()]), ""),
        label("4", Correction::Relevance(false), "yes"),
        label("unseen", Correction::Intent(Intent::Praise), "none"),
    ];
    let golden = json!([
        ["polarity", 3, 2, 1, 2, 2.0 / 3.0 * 100.0, 2, 50],
        ["relevance", 1, 1, 0, 0, 0, 0, null],
        ["theme", 1, 1, 0, null, null, 0, null]
    ]);
    let events = mentions.iter().map(upsert).collect();
    Group { events, labels, proofs: vec![Proof::of("corrected_labels", golden, corrected_labels)] }
}

fn corrected_labels(facts: &Facts, query: &MetricQuery) -> Rows {
    let stored = |label: &&Label| {
        let mut all = facts.mentions.iter().chain(&facts.irrelevant);
        all.find(|held| held.id() == label.mention && held.brand == label.brand)
            .filter(|held| query.from <= held.at() && held.at() < query.to)
    };
    let mut fields: BTreeMap<&str, Vec<(&Label, &Held)>> = BTreeMap::new();
    for label in facts.labels.iter().filter(|label| label.brand == query.brand) {
        if let Some(held) = stored(&label) {
            fields.entry(label.correction.field().name()).or_default().push((label, held));
        }
    }
    let mut rows: Vec<(std::cmp::Reverse<usize>, &str, Row)> = fields
        .into_iter()
        .map(|(field, labels)| {
            let same = labels.iter().filter(|(label, _)| label.correction.value() == label.before.value).count();
            let agreed = labels.iter().filter(|(label, held)| agrees(label, held)).count();
            let known = labels[0].0.correction.field() != LabelField::Theme;
            let judged: Vec<_> = labels.iter().filter(|(label, _)| label.drawn).collect();
            let right = judged.iter().filter(|(label, held)| agrees(label, held)).count();
            let measured = |value: Value| if known { value } else { Value::Null };
            let row = vec![
                json!(field),
                json!(labels.len()),
                json!(labels.len() - same),
                json!(same),
                measured(json!(agreed)),
                measured(part(agreed as f64, labels.len() as f64)),
                json!(judged.len()),
                measured(part(right as f64, judged.len() as f64)),
            ];
            (std::cmp::Reverse(labels.len()), field, row)
        })
        .collect();
    rows.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// The newest model says the same of the newest version.
fn agrees(label: &Label, held: &Held) -> bool {
    let said = held.mention.scores.as_ref();
    match &label.correction {
        Correction::Polarity(polarity) => said.is_some_and(|scores| scores.polarity == *polarity),
        Correction::Intent(intent) => said.map_or(Intent::None, |scores| scores.intent) == *intent,
        Correction::Relevance(relevant) => *relevant,
        Correction::Theme(_) => false,
    }
}
