//! How far mentions are seen, and what people do with them.

use std::collections::BTreeMap;

use grapevine_model::{BrandMatch, Engagement, EngagementSnapshot, Event, Kind, Mention};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::{followers, newest_followers, part, sum},
    split::{grouped, split, with},
};
use crate::world::{at, by, day, heartbeat, of, post, upsert};

pub fn groups() -> Vec<Group> {
    vec![seen(), posted()]
}

fn counted(engagement: Engagement, mention: Mention) -> Mention {
    Mention { engagement, ..mention }
}

fn team(mention: Mention) -> Mention {
    Mention { brands: vec![BrandMatch { team: true, ..of("acme") }], ..by("desk", mention) }
}

/// Ada, 200 followers: 6 engagements, displayed 1,000 times, 1,500 by a later look; Bob, 100 followers, states nothing; Cleo
/// states counters, and nobody knows her followers; the desk, 400 followers: 12 engagements.
fn seen() -> Group {
    let counters = |likes, impressions| Engagement { likes, impressions, ..Engagement::default() };
    let ada = followers(200, counted(counters(Some(4), Some(1000)), by("ada", post("1", day("10:00:00")))));
    let again = EngagementSnapshot {
        key: ada.key.clone(),
        observed_at: day("12:00:00"),
        engagement: Engagement { replies: Some(2), impressions: Some(1500), ..Engagement::default() },
    };
    let mentions = [
        ada,
        followers(100, by("bob", Mention { language: Some("de".into()), ..post("2", day("11:00:00")) })),
        counted(counters(Some(9), None), by("cleo", post("3", day("11:00:00")))),
        followers(
            400,
            team(counted(counters(Some(12), Some(500)), Mention { kind: Kind::Quote, ..post("4", day("15:00:00")) })),
        ),
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.extend([Event::EngagementSnapshot(again), heartbeat("s", at("2026-03-03T00:00:00Z"))]);
    let sources =
        json!([["forum", "post", "en", 50, 2], ["forum", "post", "de", 25, 1], ["forum", "quote", "en", 25, 1]]);
    let kinds = json!([["post", 1500, 3, 1, 1.0 / 3.0 * 100.0], ["quote", 500, 1, 1, 100]]);
    // (6 + 12) of (200 + 400); 12 of 400.
    let rate = json!([[3, 18, 600, 2, 4, 3, 12, 400]]);
    let rates = json!([["post", 3, 6, 200, 1, 3, null, null, null], ["quote", 3, 12, 400, 1, 1, 3, 12, 400]]);
    let proofs = vec![
        Proof::of("impressions", json!([[2000, 4, 2, 50]]), impressions),
        Proof::of("impressions", kinds, impressions).by(By::Kind),
        Proof::of("engagement_rate", rate, engagement_rate),
        Proof::of("engagement_rate", rates, engagement_rate).by(By::Kind),
        Proof::of("share_by_source", sources, share_by_source),
        Proof::of("share_by_source", json!([["en", 75, 3], ["de", 25, 1]]), share_by_source).by(By::Language),
    ];
    Group { events, labels: vec![], proofs }
}

fn impressions(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let shown: Vec<Option<u64>> = held.iter().map(|held| held.engagement().impressions).collect();
        let known = shown.iter().flatten().count();
        vec![sum(shown.into_iter()), json!(held.len()), json!(known), part(known as f64, held.len() as f64)]
    })
}

/// Engagements, reach and mentions with counters of the authors of these mentions who count.
pub fn rated(all: &[&Held], of: &[&Held]) -> (Option<u64>, Option<u64>, usize) {
    let audience = newest_followers(all);
    let stated: Vec<&&Held> = of
        .iter()
        .filter(|held| held.engagements().is_some() && audience.get(&held.author()).copied().flatten().is_some())
        .collect();
    let authors: BTreeMap<_, u64> =
        stated.iter().filter_map(|held| Some((held.author(), audience[&held.author()]?))).collect();
    let engaged = stated.iter().filter_map(|held| held.engagements()).reduce(|sum, more| sum + more);
    (engaged, authors.values().copied().reduce(|sum, more| sum + more), stated.len())
}

pub fn rate((engaged, reach): (Option<u64>, Option<u64>)) -> Value {
    match (engaged, reach) {
        (Some(engaged), Some(reach)) => part(engaged as f64, reach as f64),
        _ => Value::Null,
    }
}

fn engagement_rate(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let (engaged, reach, known) = rated(held, held);
        let own: Vec<&Held> = held.iter().copied().filter(|held| held.team).collect();
        let (owned, owned_reach, _) = rated(held, &own);
        let rates = [rate((engaged, reach)), rate((owned, owned_reach))];
        let [all, own] = rates;
        vec![all, json!(engaged), json!(reach), json!(known), json!(held.len()), own, json!(owned), json!(owned_reach)]
    })
}

fn share_by_source(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let figures = |n: usize| vec![part(n as f64, inside.len() as f64), json!(n)];
    if let Some(split) = query.by {
        return grouped(&inside, split).into_iter().map(|(key, held)| with(json!(key), figures(held.len()))).collect();
    }
    let mut counts: BTreeMap<(String, &str, String), usize> = BTreeMap::new();
    for held in &inside {
        *counts.entry((held.platform().into(), held.mention.kind.name(), held.language())).or_default() += 1;
    }
    let mut rows: Vec<((String, &str, String), usize)> = counts.into_iter().collect();
    rows.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    let row = |((platform, kind, language), n): ((String, &str, String), usize)| {
        [vec![json!(platform), json!(kind), json!(language)], figures(n)].concat()
    };
    rows.into_iter().map(row).take(query.limit.unwrap_or(50) as usize).collect()
}

/// The desk's posts of 2026-03-02, a Monday, and of the Monday before: at nine 10 and 20 likes, at noon 60, on Tuesday at
/// noon 30: 30 in the mean. A reply, a member's post, one without counters and one of 17 weeks ago do not count.
fn posted() -> Group {
    let liked = |likes: u64| Engagement { likes: Some(likes), ..Engagement::default() };
    let own = |id: &str, time: &str, likes: u64| team(counted(liked(likes), post(id, at(time))));
    let mentions = [
        own("1", "2026-03-02T09:30:00Z", 10),
        own("2", "2026-02-23T09:00:00Z", 20),
        own("3", "2026-02-23T12:59:59Z", 60),
        own("4", "2026-02-24T12:00:00Z", 30),
        Mention { kind: Kind::Reply, parent: Some("9".into()), ..own("5", "2026-03-02T09:40:00Z", 900) },
        counted(liked(900), post("6", day("09:00:00"))),
        team(post("7", day("09:00:00"))),
        own("8", "2025-11-03T09:00:00Z", 900),
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    // (60 + 5 x 30) / 6, (30 + 150) / 6, (30 + 150) / 7.
    let golden = json!([
        ["forum", 1, 12, 35, 1, 60, 30],
        ["forum", 2, 12, 30, 1, 30, 30],
        ["forum", 1, 9, 180.0 / 7.0, 2, 15, 30]
    ]);
    Group { events, labels: vec![], proofs: vec![Proof::of("best_time_to_post", golden, best_time_to_post)] }
}

fn best_time_to_post(facts: &Facts, query: &MetricQuery) -> Rows {
    let hour_of_week = |time: Timestamp| {
        let local = time.to_zoned(TimeZone::UTC);
        (local.weekday().to_monday_one_offset(), local.hour())
    };
    let posts: Vec<(&str, (i8, i8), f64)> = facts
        .within(&query.brand, query.to - SignedDuration::from_hours(112 * 24), query.to)
        .into_iter()
        .filter(|held| held.team && held.is(Kind::Post))
        .filter_map(|held| Some((held.platform(), hour_of_week(held.at()), held.engagements()? as f64)))
        .collect();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let mut rows: Vec<(f64, Row)> = vec![];
    for platform in posts.iter().map(|post| post.0).collect::<std::collections::BTreeSet<_>>() {
        let of: Vec<_> = posts.iter().filter(|post| post.0 == platform).collect();
        let usual = mean(&of.iter().map(|post| post.2).collect::<Vec<_>>());
        for hour in of.iter().map(|post| post.1).collect::<std::collections::BTreeSet<_>>() {
            let got: Vec<f64> = of.iter().filter(|post| post.1 == hour).map(|post| post.2).collect();
            let expected = (got.iter().sum::<f64>() + 5.0 * usual) / (got.len() as f64 + 5.0);
            let measured = [json!(expected), json!(got.len()), json!(mean(&got)), json!(usual)];
            rows.push((expected, [vec![json!(platform), json!(hour.0), json!(hour.1)], measured.to_vec()].concat()));
        }
    }
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    rows.into_iter().map(|(_, row)| row).take(query.limit.unwrap_or(50) as usize).collect()
}
