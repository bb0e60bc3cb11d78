//! Sentiment that is corrected for what the model gets wrong, with its interval.

use std::collections::BTreeMap;

use grapevine_model::{Before, Confusion, Correction, Event, Label, Mention, ModelCard, Polarity, Polarity::*};
use grapevine_store::{By, MetricQuery};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Facts, Group, Held, Proof, Row, Rows, split::split_of};
use crate::world::{at, day, heartbeat, post, upsert, with_polarity};

pub fn groups() -> Vec<Group> {
    vec![unjudged(), judged()]
}

/// 10, 30 and 60 that a model calls so which is right on every text of a million; and three in a language that was not
/// measured. It takes nothing from the counts, and what is left of the interval is the sampling of the span.
fn unjudged() -> Group {
    let posts = |language: &'static str, of: &[(Polarity, usize)]| -> Vec<Event> {
        let each = of.iter().flat_map(|(polarity, n)| std::iter::repeat_n(*polarity, *n)).enumerate();
        let made = each.map(|(number, polarity)| {
            let created = day("10:00:00") + SignedDuration::from_secs(number as i64);
            let name = format!("{language}-{number}");
            upsert(&Mention { language: Some(language.into()), ..with_polarity(polarity, post(&name, created)) })
        });
        made.collect()
    };
    let mut events =
        [posts("en", &[(Negative, 10), (Neutral, 30), (Positive, 60)]), posts("sv", &[(Negative, 3)])].concat();
    events.extend([card(), heartbeat("s", at("2026-03-03T00:00:00Z"))]);
    // (60 - 10 - 3) / 103; nothing is corrected of what was not measured.
    let plain = 47.0 / 103.0 * 100.0;
    let english: Row = [vec![json!("en")], measured()].concat();
    let unmeasured: Row = [vec![json!("sv")], vec![Value::Null; 12], vec![json!(-100), json!(3), json!(0)]].concat();
    let proofs = vec![
        Proof::of("net_sentiment_corrected", json!([golden(plain)]), corrected).within(1e-4),
        Proof::of("net_sentiment_corrected", json!([english, unmeasured]), corrected).by(By::Language).within(1e-4),
    ];
    Group { events, labels: vec![], proofs }
}

/// The same posts, of which people read 75 that chance drew: 25 of each polarity, of which the model finds 20, and calls the
/// others neutral, or of the neutral ones negative. Its card, which says that it is always right, does not count.
fn judged() -> Group {
    let Group { mut events, .. } = unjudged();
    let mut labels = vec![];
    for (truth, said, n) in JUDGED {
        for number in 0..n {
            let name = format!("judged-{truth:?}-{said:?}-{number}");
            // Outside of the span that is asked.
            let mention = with_polarity(said, post(&name, at("2026-01-05T10:00:00Z")));
            events.push(upsert(&mention));
            let before = Before { value: String::new(), model: "minilm@1".into() };
            let (brand, by, note) = ("acme".to_owned(), "ada".to_owned(), String::new());
            let (correction, at) = (Correction::Polarity(truth), day("13:00:00"));
            labels.push(Label { mention: mention.id(), brand, correction, by, at, note, before, drawn: true });
        }
    }
    // Of shares 0.1, 0.3 and 0.6 that the model says, by a matrix of (20.5, 5.5, 0.5) / 26.5, (5.5, 20.5, 0.5) / 26.5 and
    // (0.5, 5.5, 20.5) / 26.5: 1 / 15, 49 / 300 and 77 / 100.
    let net = [211.0 / 3.0, 48.3045, 92.3621];
    let shares = [[20.0 / 3.0, 0.0, 19.8634], [49.0 / 3.0, 0.0, 42.8094], [77.0, 56.5312, 97.4688]].concat();
    let plain = 47.0 / 103.0 * 100.0;
    let golden = [&net[..], &shares, &[plain, 103.0, 100.0]].concat();
    let proofs = vec![Proof::of("net_sentiment_corrected", json!([golden]), corrected).within(1e-4)];
    Group { events, labels, proofs }
}

const JUDGED: [(Polarity, Polarity, usize); 6] = [
    (Negative, Negative, 20),
    (Negative, Neutral, 5),
    (Neutral, Neutral, 20),
    (Neutral, Negative, 5),
    (Positive, Positive, 20),
    (Positive, Neutral, 5),
];

pub fn card() -> Event {
    let counts = [[1_000_000, 0, 0], [0, 1_000_000, 0], [0, 0, 1_000_000]];
    let confusion = Confusion { language: "en".into(), set: "by hand".into(), n: 3_000_000, counts };
    let (id, languages) = ("minilm@1".into(), vec!["en".into()]);
    let observed_at = day("09:00:00");
    Event::ModelCard(Box::new(ModelCard { id, observed_at, languages, confusions: vec![confusion] }))
}

/// A share of 100 with its interval, in percent: one mention more in each class.
fn interval(centre: f64, value: f64, squares: f64) -> [Value; 3] {
    let half = 1.96 * ((squares - value * value) / 100.0).sqrt() * 100.0;
    [centre, centre - half, centre + half].map(|value| json!(value))
}

pub fn measured() -> Row {
    let share = |count: f64| interval(count, (count + 1.0) / 103.0, (count + 1.0) / 103.0);
    let net = interval(50.0, 50.0 / 103.0, 72.0 / 103.0);
    let figures = [net, share(10.0), share(30.0), share(60.0)].concat();
    [figures, vec![json!(50), json!(100), json!(100)]].concat()
}

fn golden(plain: f64) -> Row {
    [measured()[..12].to_vec(), vec![json!(plain), json!(103), json!(100)]].concat()
}

/// What one model said of one language.
struct Part {
    counts: [f64; 3],
    matrix: [[f64; 3]; 3],
    measured: [f64; 3],
    shares: [f64; 3],
}

fn corrected(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let scored: Vec<&Held> = inside.into_iter().filter(|held| held.mention.scores.is_some()).collect();
    split_of(facts, query, &scored, |held| figure(facts, held))
}

pub fn figure(facts: &Facts, held: &[&Held]) -> Row {
    let mut cells: BTreeMap<(&str, String), [f64; 3]> = BTreeMap::new();
    let mut said = [0.0; 3];
    for one in held {
        let Some(scores) = &one.mention.scores else { continue };
        cells.entry((&scores.model, one.language())).or_default()[scores.polarity as usize] += 1.0;
        said[scores.polarity as usize] += 1.0;
    }
    let parts: Vec<Part> = cells
        .iter()
        .filter_map(|((model, language), counts)| {
            let measured = own(facts, held, (model, language)).or_else(|| confusion(facts, model, language))?;
            Some(part(&measured, *counts))
        })
        .collect();
    let corrected: f64 = parts.iter().map(|part| total(part.counts)).sum();
    let mut row = match parts.is_empty() {
        true => vec![Value::Null; 12],
        false => {
            let figures =
                [([-1.0, 0.0, 1.0], -1.0), ([1.0, 0.0, 0.0], 0.0), ([0.0, 1.0, 0.0], 0.0), ([0.0, 0.0, 1.0], 0.0)];
            figures.into_iter().flat_map(|(weights, least)| estimate(&parts, weights, least)).collect()
        }
    };
    let plain = if held.is_empty() { Value::Null } else { json!((said[2] - said[0]) / total(said) * 100.0) };
    row.extend([plain, json!(held.len()), json!(corrected)]);
    row
}

/// What people said of drawn posts of the brand, whenever they were written, with what the model says: from 20 of each polarity on.
fn own(facts: &Facts, held: &[&Held], (model, language): (&str, &str)) -> Option<[[u32; 3]; 3]> {
    let brand = &held.first()?.brand;
    let mut counts = [[0; 3]; 3];
    for of in
        facts.mentions.iter().filter(|of| of.brand == *brand && (language.is_empty() || of.language() == language))
    {
        let Some(scores) = of.mention.scores.as_ref().filter(|scores| scores.model == model) else { continue };
        let judged = facts.labels.iter().filter(|label| label.drawn && label.brand == *brand);
        for label in judged.filter(|label| label.mention == of.mention.id()) {
            let Correction::Polarity(truth) = &label.correction else { continue };
            counts[*truth as usize][scores.polarity as usize] += 1;
        }
    }
    counts.iter().all(|row| row.iter().sum::<u32>() >= 20).then_some(counts)
}

/// Of the sets of a language the largest; of no language, one of each together.
fn confusion(facts: &Facts, model: &str, language: &str) -> Option<[[u32; 3]; 3]> {
    let card = facts.cards.iter().find(|card| card.id == model)?;
    let mut largest: BTreeMap<&str, &Confusion> = BTreeMap::new();
    for of in &card.confusions {
        let known = largest.entry(&of.language).or_insert(of);
        if known.n <= of.n {
            *known = of;
        }
    }
    let chosen: Vec<&Confusion> =
        largest.into_iter().filter(|(name, _)| language.is_empty() || *name == language).map(|(_, of)| of).collect();
    let sum = |row: usize, at: usize| chosen.iter().map(|of| of.counts[row][at]).sum();
    (!chosen.is_empty()).then(|| std::array::from_fn(|row| std::array::from_fn(|at| sum(row, at))))
}

/// With half a text more in each cell.
fn part(confusion: &[[u32; 3]; 3], counts: [f64; 3]) -> Part {
    let measured = confusion.map(|row| f64::from(row.iter().sum::<u32>()) + 1.5);
    let cell = |row: usize, at: usize| (f64::from(confusion[row][at]) + 0.5) / measured[row];
    let matrix = std::array::from_fn(|row| std::array::from_fn(|at| cell(row, at)));
    let transposed = std::array::from_fn(|row| std::array::from_fn(|at| cell(at, row)));
    let shares = nearest_shares(solved(transposed, counts.map(|count| count / total(counts))));
    Part { counts, matrix, measured, shares }
}

/// The figure and the two ends of its interval, in percent.
fn estimate(parts: &[Part], weights: [f64; 3], least: f64) -> [Value; 3] {
    let all: f64 = parts.iter().map(|part| total(part.counts)).sum();
    let (mut value, mut centre, mut within, mut figures) = (0.0, 0.0, 0.0, vec![]);
    for part in parts {
        let (share, n) = (total(part.counts) / all, total(part.counts));
        let a = solved(part.matrix, weights);
        let figure = dot(a, part.counts.map(|count| count / n));
        let of_span = variance(a, part.counts.map(|count| (count + 1.0) / (n + 3.0))) / n;
        let of_measurement: f64 = (0..3)
            .map(|row| part.shares[row].powi(2) * variance(a, part.matrix[row]) / (part.measured[row] + 1.0))
            .sum();
        value += share * dot(weights, part.shares);
        centre += share * figure;
        within += share * share * (of_span + of_measurement);
        figures.push((share, figure));
    }
    let between: f64 = figures.iter().map(|(share, figure)| share * (figure - centre).powi(2)).sum::<f64>() / all;
    let half = 1.96 * (within + between).sqrt();
    let value = value.clamp(least, 1.0);
    [value, (centre - half).max(least).min(value), (centre + half).min(1.0).max(value)].map(|of| json!(of * 100.0))
}

fn total(counts: [f64; 3]) -> f64 {
    counts.iter().sum()
}

fn dot(one: [f64; 3], other: [f64; 3]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn variance(values: [f64; 3], shares: [f64; 3]) -> f64 {
    dot(values.map(|value| value * value), shares) - dot(values, shares).powi(2)
}

/// By elimination; the matrices of these worlds are far from singular.
fn solved(mut matrix: [[f64; 3]; 3], mut right: [f64; 3]) -> [f64; 3] {
    for column in 0..3 {
        for row in (0..3).filter(|row| *row != column) {
            let factor = matrix[row][column] / matrix[column][column];
            (0..3).for_each(|at| matrix[row][at] -= factor * matrix[column][at]);
            right[row] -= factor * right[column];
        }
    }
    std::array::from_fn(|row| right[row] / matrix[row][row])
}

/// Shares of 0 or more that sum to 1, all shifted alike: by bisection.
fn nearest_shares(of: [f64; 3]) -> [f64; 3] {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        let sum: f64 = of.iter().map(|value| (value - middle).max(0.0)).sum();
        if sum > 1.0 { low = middle } else { high = middle }
    }
    of.map(|value| (value - high).max(0.0))
}
