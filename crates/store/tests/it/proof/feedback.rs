//! What people complain of, suggest and ask.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use grapevine_model::{Author, Event, Intent, Kind, Mention, Polarity, Scores, ThemeScore};
use grapevine_store::MetricQuery;
use serde_json::{Value, json};

use super::{Facts, Group, Held, Proof, Row, Rows};
use crate::world::{at, by_team, day, heartbeat, post, scores, upsert};

fn said(intent: Intent, polarity: Polarity, theme: &str, mention: Mention) -> Mention {
    let themes = vec![ThemeScore { theme: theme.into(), probability: 0.9, rule: false }];
    let themes = if theme.is_empty() { vec![] } else { themes };
    Mention { scores: Some(Scores { themes, ..scores(polarity, intent) }), ..mention }
}

fn reaching(author: &str, followers: u64, mention: Mention) -> Mention {
    let author =
        Author { native_id: author.into(), handle: author.into(), followers: Some(followers), ..Author::default() };
    Mention { author, ..mention }
}

/// Ada complains of delivery twice, bob says the same as her first; one complained of it the day before. There is one
/// suggestion of no theme, and a question about the price and delivery.
pub fn groups() -> Vec<Group> {
    use Polarity::{Negative, Neutral};
    let late = |polarity, mention| said(Intent::Complaint, polarity, "delivery", mention);
    let first = post("1", day("10:00:00"));
    let same = Mention { story: Some(first.id()), ..post("2", day("10:05:00")) };
    let both = said(Intent::Question, Neutral, "price", post("5", day("12:00:00")));
    let with_delivery = |mention: Mention| {
        let themes = ["price", "delivery"].map(|name| ThemeScore { theme: name.into(), probability: 0.9, rule: false });
        let scores = mention.scores.map(|scores| Scores { themes: themes.into(), ..scores });
        Mention { scores, ..mention }
    };
    let mentions = [
        reaching("ada", 10, late(Negative, Mention { story: Some(first.id()), ..first.clone() })),
        reaching("bob", 50, late(Negative, same)),
        reaching("ada", 10, late(Neutral, post("3", day("11:00:00")))),
        said(Intent::Suggestion, Polarity::Positive, "", post("4", day("11:30:00"))),
        with_delivery(both),
        late(Negative, post("6", at("2026-03-01T10:00:00Z"))),
        // None of these is feedback: praise, the team's, a repost.
        said(Intent::Praise, Polarity::Positive, "delivery", post("7", day("12:00:00"))),
        by_team(late(Negative, post("8", day("12:00:00")))),
        Mention { kind: Kind::Repost, ..late(Negative, post("9", day("12:00:00"))) },
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    let example = |name: &str| -> Vec<Value> {
        let id = post(name, day("00:00:00")).id().to_string();
        vec![json!(format!("text of {name}")), json!(format!("https://f.example/{name}")), json!(id)]
    };
    let none = || vec![Value::Null; 3];
    let row = |told: Value, examples: [Vec<Value>; 3]| -> Vec<Value> {
        [told.as_array().cloned().unwrap_or_default(), examples.concat()].concat()
    };
    let golden = json!([
        // Of the two that say the same, bob's reaches more.
        row(json!(["complaint", "delivery", 3, 2, 2, -2.0 / 3.0 * 100.0]), [example("2"), example("3"), none()]),
        row(json!(["question", "delivery", 1, 1, 1, 0]), [example("5"), none(), none()]),
        row(json!(["question", "price", 1, 1, 1, 0]), [example("5"), none(), none()]),
        row(json!(["suggestion", "other", 1, 1, 1, 100]), [example("4"), none(), none()]),
    ]);
    vec![Group { events, labels: vec![], proofs: vec![Proof::of("feedback_digest", golden, digest)] }]
}

/// By intent and theme.
type Told<'a> = BTreeMap<(&'static str, String), Vec<&'a Held>>;

fn told<'a>(held: Vec<&'a Held>) -> Told<'a> {
    let mut told = Told::new();
    let wanted = |held: &&Held| matches!(held.intent, Intent::Complaint | Intent::Suggestion | Intent::Question);
    for one in held.into_iter().filter(wanted).filter(|held| !held.team && !held.is(Kind::Repost)) {
        let names: Vec<String> = one.themes.iter().map(|(name, _)| name.clone()).collect();
        for name in if names.is_empty() { vec!["other".to_owned()] } else { names } {
            told.entry((one.intent.name(), name)).or_default().push(one);
        }
    }
    told
}

fn digest(facts: &Facts, query: &MetricQuery) -> Rows {
    let length = query.to.duration_since(query.from);
    let now = told(facts.within(&query.brand, query.from, query.to));
    let before = told(facts.within(&query.brand, query.from - length, query.from));
    let mut rows: Vec<_> = now.iter().collect();
    rows.sort_by_key(|((intent, theme), held)| (theme == "other", Reverse(held.len()), *intent, theme.clone()));
    let row = |(key, held): (&(&str, String), &Vec<&Held>)| -> Row {
        let authors: BTreeSet<_> = held.iter().map(|held| held.author()).collect();
        let change = held.len() as i64 - before.get(&(key.0, key.1.clone())).map_or(0, Vec::len) as i64;
        let sides: Vec<f64> = held.iter().filter_map(|held| Some(f64::from(held.polarity?.sign()))).collect();
        let net = super::awareness::part(sides.iter().sum(), sides.len() as f64);
        let told = vec![json!(key.0), json!(key.1), json!(held.len()), json!(authors.len()), json!(change), net];
        [told, examples(held)].concat()
    };
    rows.into_iter().take(query.limit.unwrap_or(50) as usize).map(row).collect()
}

/// One of each story, the widest reach first.
fn examples(held: &[&Held]) -> Row {
    let rank = |held: &Held| (held.mention.author.followers.unwrap_or(0), held.at(), held.id());
    let mut stories: BTreeMap<_, &Held> = BTreeMap::new();
    for one in held {
        let best = stories.entry(one.mention.story.unwrap_or(one.id())).or_insert(one);
        if rank(one) > rank(best) {
            *best = one;
        }
    }
    let mut best: Vec<&Held> = stories.into_values().collect();
    best.sort_by_key(|held| Reverse(rank(held)));
    let told = |held: &Held| -> Row {
        let address = held.mention.url.as_deref().unwrap_or_default();
        vec![json!(held.mention.text), json!(address), json!(held.id().to_string())]
    };
    (0..3).flat_map(|place| best.get(place).map_or(vec![Value::Null; 3], |held| told(held))).collect()
}
