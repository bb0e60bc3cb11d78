//! Whether a brand is seen, by whom, and against whom.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use grapevine_model::{Author, Engagement, Event, Kind, Mention, Polarity, Polarity::*};
use grapevine_store::{By, MetricQuery};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Rows,
    split::{over_time, split, with},
};
use crate::world::{at, by, day, heartbeat, of, post, upsert, with_polarity};

pub fn likes(likes: u64, mention: Mention) -> Mention {
    Mention { engagement: Engagement { likes: Some(likes), ..Engagement::default() }, ..mention }
}

pub fn followers(count: u64, mention: Mention) -> Mention {
    let author = Author { followers: Some(count), ..mention.author };
    Mention { author, ..mention }
}

pub fn tagged(tags: &[&str], mention: Mention) -> Mention {
    Mention { hashtags: tags.iter().map(|tag| tag.to_string()).collect(), ..mention }
}

pub fn part(part: f64, whole: f64) -> Value {
    if whole == 0.0 { Value::Null } else { json!(part / whole * 100.0) }
}

/// A sum of what is known; `null` where nothing is.
pub fn sum(values: impl Iterator<Item = Option<u64>>) -> Value {
    let known: Vec<u64> = values.flatten().collect();
    if known.is_empty() { Value::Null } else { json!(known.iter().sum::<u64>()) }
}

pub fn groups() -> Vec<Group> {
    vec![a_day()]
}

/// Ada: two negatives at 10; Bob: a positive at 10 and a repost, neutral, at 14; Cleo: unscored, in Spanish, at 14, of both
/// brands; Dan: a post of the competitor at 14.
fn a_day() -> Group {
    let mentions = [
        followers(100, likes(1, by("ada", with_polarity(Negative, post("1", day("10:00:00")))))),
        followers(120, likes(2, by("ada", with_polarity(Negative, post("2", day("10:04:59.999")))))),
        by("bob", with_polarity(Positive, post("3", day("10:05:00")))),
        followers(50, by("bob", Mention { kind: Kind::Repost, ..post("4", day("14:00:00")) })),
        Mention {
            scores: None,
            language: Some("es".into()),
            brands: vec![of("acme"), of("zenith")],
            ..by("cleo", post("5", day("14:30:00")))
        },
        Mention { brands: vec![of("zenith")], ..by("dan", post("6", day("14:31:00"))) },
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    let voices = json!([
        ["ada", "forum", 2, 120, 3, 1, 1, 1],
        ["bob", "forum", 2, 50, null, 2, null, 2],
        ["cleo", "forum", 1, null, null, null, null, 3]
    ]);
    let shares = json!([["acme", 5, 5.0 / 7.0 * 100.0], ["zenith", 2, 2.0 / 7.0 * 100.0]]);
    let sentiment = json!([[-25, -1.0 / 3.0 * 100.0, 2, 1, 1, 1]]);
    let kinds =
        json!([["post", 3, 3, null, null, null, null, 4, 2], ["repost", null, null, null, null, null, null, 1, 0]]);
    let polarities = json!([["negative", 2], ["neutral", 1], ["positive", 1], ["unscored", 1]]);
    let proofs = vec![
        Proof::of("mention_volume", json!([[5, 4, 3]]), mention_volume),
        Proof::of("mention_volume", json!([["en", 4, 3, 2], ["es", 1, 1, 1]]), mention_volume).by(By::Language),
        Proof::of("mention_volume", polarities, mention_volume).by(By::Polarity),
        Proof::of("potential_reach", json!([[170, 3, 2]]), potential_reach),
        Proof::of("engagements", json!([[3, 3, null, null, null, null, 5, 2]]), engagements),
        Proof::of("engagements", kinds, engagements).by(By::Kind),
        Proof::of("share_of_voice", shares, share_of_voice),
        Proof::of("net_sentiment", sentiment, net_sentiment),
        Proof::of("top_voices", voices, top_voices),
    ];
    Group { events, labels: vec![], proofs }
}

fn mention_volume(facts: &Facts, query: &MetricQuery) -> Rows {
    let count = |held: &[&Held]| vec![json!(held.len()), json!(originals(held)), json!(people(held).len())];
    match query.by {
        Some(By::Polarity) => {
            let inside = facts.within(&query.brand, query.from, query.to);
            let of = |polarity: Option<Polarity>| inside.iter().filter(|held| held.polarity == polarity).count();
            let named = |polarity: Polarity| vec![json!(polarity.name()), json!(of(Some(polarity)))];
            let unscored = vec![json!("unscored"), json!(of(None))];
            Polarity::ALL.map(named).into_iter().chain([unscored]).collect()
        }
        _ => split(facts, query, count),
    }
}

pub fn originals(held: &[&Held]) -> usize {
    held.iter().filter(|held| !held.is(Kind::Repost)).count()
}

pub fn people<'a>(held: &[&'a Held]) -> BTreeSet<(&'a str, &'a str, &'a str)> {
    held.iter().map(|held| held.author()).collect()
}

/// Of each author the newest count that is known.
pub fn newest_followers<'a>(held: &[&'a Held]) -> BTreeMap<(&'a str, &'a str, &'a str), Option<u64>> {
    let mut newest: BTreeMap<_, Option<(Timestamp, u64)>> = BTreeMap::new();
    for one in held {
        let slot = newest.entry(one.author()).or_default();
        let seen = one.mention.author.followers.map(|count| (one.mention.observed_at, count));
        *slot = (*slot).max(seen);
    }
    newest.into_iter().map(|(author, seen)| (author, seen.map(|(_, count)| count))).collect()
}

fn potential_reach(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let newest = newest_followers(held);
        let known = newest.values().flatten().count();
        vec![sum(newest.values().copied()), json!(newest.len()), json!(known)]
    })
}

fn engagements(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let of = |field: fn(Engagement) -> Option<u64>| sum(held.iter().map(|held| field(held.engagement())));
        let all = sum(held.iter().map(|held| held.engagements()));
        let known = held.iter().filter(|held| held.engagements().is_some()).count();
        let (likes, reposts, replies) = (of(|seen| seen.likes), of(|seen| seen.reposts), of(|seen| seen.replies));
        let (quotes, bookmarks) = (of(|seen| seen.quotes), of(|seen| seen.bookmarks));
        vec![all, likes, reposts, replies, quotes, bookmarks, json!(held.len()), json!(known)]
    })
}

fn share_of_voice(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside: Vec<&Held> =
        facts.mentions.iter().filter(|held| query.from <= held.at() && held.at() < query.to).collect();
    let row = |held: &[&Held]| {
        let own = held.iter().filter(|held| held.brand == query.brand).count();
        vec![json!(own), json!(held.len()), part(own as f64, held.len() as f64)]
    };
    match query.by {
        None => {
            let mut count: BTreeMap<&str, usize> = BTreeMap::from([(&*query.brand, 0)]);
            inside.iter().for_each(|held| *count.entry(&held.brand).or_default() += 1);
            let mut rows: Vec<(&str, usize)> = count.into_iter().collect();
            rows.sort_by_key(|(brand, n)| (*brand != query.brand, Reverse(*n), *brand));
            let shared = |(brand, n): (&str, usize)| vec![json!(brand), json!(n), part(n as f64, inside.len() as f64)];
            rows.into_iter().map(shared).collect()
        }
        Some(By::Platform) => {
            let groups = super::split::grouped(&inside, By::Platform);
            groups.into_iter().map(|(key, held)| with(json!(key), row(&held))).collect()
        }
        _ => over_time(facts, query, |from, to| {
            let held: Vec<&Held> = inside.iter().copied().filter(|one| from <= one.at() && one.at() < to).collect();
            (!held.is_empty()).then(|| row(&held))
        }),
    }
}

/// Negative, neutral, positive and unscored.
pub fn polarities(held: &[&Held]) -> [usize; 4] {
    let of = |polarity: Option<Polarity>| held.iter().filter(|held| held.polarity == polarity).count();
    [of(Some(Negative)), of(Some(Neutral)), of(Some(Positive)), of(None)]
}

/// Of those that are scored.
pub fn net(held: &[&Held]) -> Option<f64> {
    let signs: Vec<f64> = held.iter().filter_map(|held| held.polarity).map(|of| f64::from(of.sign())).collect();
    (!signs.is_empty()).then(|| signs.iter().sum::<f64>() / signs.len() as f64 * 100.0)
}

fn net_sentiment(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let [negative, neutral, positive, unscored] = polarities(held);
        let polar = part(positive as f64 - negative as f64, (positive + negative) as f64);
        vec![json!(net(held)), polar, json!(negative), json!(neutral), json!(positive), json!(unscored)]
    })
}

struct Voice {
    name: String,
    platform: String,
    instance: String,
    author: String,
    mentions: usize,
    reach: Option<u64>,
    engaged: Option<u64>,
}

fn voices(facts: &Facts, query: &MetricQuery) -> Vec<Voice> {
    let mut of: BTreeMap<(&str, &str, &str), Vec<&Held>> = BTreeMap::new();
    for held in facts.within(&query.brand, query.from, query.to).into_iter().filter(|held| !held.team) {
        of.entry(held.author()).or_default().push(held);
    }
    of.into_iter()
        .map(|((platform, instance, author), held)| Voice {
            name: held.iter().max_by_key(|held| held.mention.observed_at).map_or("", |held| held.name()).to_owned(),
            platform: platform.to_owned(),
            instance: instance.to_owned(),
            author: author.to_owned(),
            mentions: held.len(),
            reach: newest_followers(&held).into_values().next().flatten(),
            engaged: held.iter().filter_map(|held| held.engagements()).reduce(|sum, more| sum + more),
        })
        .collect()
}

fn top_voices(facts: &Facts, query: &MetricQuery) -> Rows {
    let most = query.limit.unwrap_or(50) as usize;
    let mut all = voices(facts, query);
    all.sort_by_key(|one| {
        let name = (one.name.clone(), one.platform.clone(), one.instance.clone(), one.author.clone());
        (Reverse(one.mentions), Reverse(one.reach), Reverse(one.engaged), name)
    });
    // The rank of each, where it has one: equal figures as they stand in the order of mentions.
    let ranks = |figure: fn(&Voice) -> Option<u64>| -> Vec<Option<usize>> {
        let mut order: Vec<usize> = (0..all.len()).filter(|at| figure(&all[*at]).is_some()).collect();
        order.sort_by_key(|at| (Reverse(figure(&all[*at])), *at));
        (0..all.len()).map(|at| order.iter().position(|of| *of == at).map(|rank| rank + 1)).collect()
    };
    let (by_reach, by_engaged) = (ranks(|one| one.reach), ranks(|one| one.engaged));
    let by_mentions: Vec<Option<usize>> = (1..=all.len()).map(Some).collect();
    let ranked = [by_reach, by_engaged, by_mentions]
        .map(|ranks| ranks.into_iter().map(|rank| rank.filter(|rank| *rank <= most)).collect::<Vec<Option<usize>>>());
    let row = |(at, one): (usize, &Voice)| {
        let ranks = ranked.each_ref().map(|ranks| ranks[at]);
        let figures =
            json!([one.name, one.platform, one.mentions, one.reach, one.engaged, ranks[0], ranks[1], ranks[2]]);
        ranks.iter().any(Option::is_some).then(|| figures.as_array().cloned().unwrap_or_default())
    };
    all.iter().enumerate().filter_map(row).collect()
}
