//! Hashtags that trend, and one of them looked at.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{Event, Kind, Mention, Polarity::*};
use grapevine_store::{By, MetricQuery};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::{followers, likes, net, originals, part, people, tagged},
    reach::{rate, rated},
    split::split_of,
};
use crate::world::{at, by, day, heartbeat, post, upsert, with_polarity};

pub fn groups() -> Vec<Group> {
    vec![trends(), researched()]
}

/// Eight authors use two tags at 16:00, one of which two a day used on the seven days before; the last one of the first tag
/// joins at 20:00. One author uses a third tag ten times.
fn trends() -> Group {
    let mut mentions: Vec<Mention> = vec![];
    for author in 0..8 {
        let time = if author == 7 { "20:00:00" } else { "16:00:00" };
        mentions.push(by(&format!("a{author}"), tagged(&["new"], post(&format!("new-{author}"), day(time)))));
        let steady = tagged(&["steady", "steady"], post(&format!("now-{author}"), day("16:00:00")));
        mentions.push(by(&format!("a{author}"), steady));
    }
    // Who was there already does not join again.
    mentions.push(by("a1", tagged(&["steady"], post("again", day("23:00:00")))));
    mentions.extend((0..10).map(|copy| by("loud", tagged(&["loud"], post(&format!("loud-{copy}"), day("20:00:00"))))));
    let before = |author: i64| tagged(&["steady"], post(&format!("old-{author}"), at("2026-02-25T09:00:00Z")));
    mentions.extend((0..14).map(|author| by(&format!("b{author}"), before(author))));
    let events = mentions.iter().map(upsert).chain([heartbeat("s", at("2026-03-03T00:00:00Z"))]).collect();
    let (eight, four) = ("2026-03-02T20:00:00.000Z", "2026-03-02T16:00:00.000Z");
    // (8 - 1)^2 / 1, halved once, and (8 - 2)^2 / 2, halved twice.
    let golden =
        json!([["new", 24.5, 8, 1, 8, 49, eight], ["steady", 4.5, 8, 2, 9, 18, four], ["loud", 0, 1, 1, 10, 0, eight]]);
    Group { events, labels: vec![], proofs: vec![Proof::of("trending_hashtags", golden, trending_hashtags)] }
}

fn carry<'a>(held: &[&'a Held], tag: &str) -> Vec<&'a Held> {
    held.iter().copied().filter(|held| held.mention.hashtags.iter().any(|one| one == tag)).collect()
}

fn tags<'a>(held: &[&'a Held]) -> BTreeSet<&'a String> {
    held.iter().flat_map(|held| &held.mention.hashtags).collect()
}

fn trending_hashtags(facts: &Facts, query: &MetricQuery) -> Rows {
    let length = query.to.duration_since(query.from);
    let span = |ago: i32| facts.within(&query.brand, query.from - length * ago, query.to - length * ago);
    let now = span(0);
    let mut rows: Vec<(f64, usize, Row)> = vec![];
    for tag in tags(&now) {
        let using = carry(&now, tag);
        let mut joined: BTreeMap<_, Timestamp> = BTreeMap::new();
        for held in &using {
            let first = joined.entry(held.author()).or_insert(held.at());
            *first = (*first).min(held.at());
        }
        let before: usize = (1..=7).map(|ago| people(&carry(&span(ago), tag)).len()).sum();
        let (observed, expected) = (joined.len(), (before as f64 / 7.0).max(1.0));
        let excess = observed as f64 - expected;
        let peak = if observed < 5 || excess <= 0.0 { 0.0 } else { excess * excess / expected };
        let newest = joined.values().max().copied().unwrap_or(query.from);
        let trend = peak * 0.5f64.powf(query.to.duration_since(newest).as_secs_f64() / 14_400.0);
        let newest = json!(format!("{newest:.3}"));
        let figures = [json!(trend), json!(observed), json!(expected), json!(using.len()), json!(peak), newest];
        rows.push((trend, observed, [vec![json!(tag)], figures.to_vec()].concat()));
    }
    rows.sort_by(|one, other| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)));
    rows.into_iter().map(|(_, _, row)| row).take(query.limit.unwrap_or(50) as usize).collect()
}

/// Of five mentions three carry the tag, one of them a repost. Ada: 100 followers, 4 likes; Bob states nothing.
fn researched() -> Group {
    let mentions = [
        followers(
            100,
            likes(4, by("ada", with_polarity(Positive, tagged(&["fjord", "sale"], post("1", day("09:00:00")))))),
        ),
        by("bob", with_polarity(Negative, tagged(&["fjord", "tips", "sale"], post("2", day("10:00:00"))))),
        Mention {
            kind: Kind::Repost,
            scores: None,
            ..by("bob", tagged(&["fjord", "launch"], post("3", day("11:00:00"))))
        },
        by("cleo", tagged(&["sale"], post("4", day("12:00:00")))),
        by("cleo", post("5", day("13:00:00"))),
    ];
    let events: Vec<Event> = mentions.iter().map(upsert).chain([heartbeat("s", at("2026-03-03T00:00:00Z"))]).collect();
    // Of four that are no reposts two carry it, three carry sale, both of them together: 2 x 4 / (2 x 3).
    let beside = json!([["sale", 2, 3, 4.0 / 3.0], ["tips", 1, 1, 2]]);
    let ask = |query| MetricQuery { hashtag: Some("#Fjord".into()), ..query };
    let proofs = vec![
        Proof::of("hashtag_research", json!([[3, 2, 2, 60, 4, 4, 0, 2]]), hashtag_research).asking(ask),
        Proof::of("hashtag_research", beside, hashtag_research).asking(ask).by(By::Hashtag),
        Proof::of("hashtag_research", json!([["forum", 3, 2, 0]]), hashtag_research).asking(ask).by(By::Platform),
    ];
    Group { events, labels: vec![], proofs }
}

fn hashtag_research(facts: &Facts, query: &MetricQuery) -> Rows {
    let tag = query.hashtag.as_deref().unwrap_or_default().trim_start_matches('#').to_lowercase();
    let inside = facts.within(&query.brand, query.from, query.to);
    let using = carry(&inside, &tag);
    match query.by {
        None => {
            let (engaged, reach, _) = rated(&using, &using);
            let received = using.iter().filter_map(|held| held.engagements()).reduce(|sum, more| sum + more);
            let scored = using.iter().filter(|held| held.polarity.is_some()).count();
            let share = part(using.len() as f64, inside.len() as f64);
            let counts = [using.len(), originals(&using), people(&using).len()].map(|count| json!(count));
            let rest = [share, json!(received), rate((engaged, reach)), json!(net(&using)), json!(scored)];
            vec![[counts.to_vec(), rest.to_vec()].concat()]
        }
        Some(By::Hashtag) => beside(&inside, &tag, query.limit.unwrap_or(50) as usize),
        _ => {
            split_of(facts, query, &using, |held| vec![json!(held.len()), json!(people(held).len()), json!(net(held))])
        }
    }
}

fn beside(inside: &[&Held], tag: &str, most: usize) -> Rows {
    let fresh: Vec<&Held> = inside.iter().copied().filter(|held| !held.is(Kind::Repost)).collect();
    let with_tag = carry(&fresh, tag);
    let mut rows: Vec<(usize, f64, Vec<Value>)> = vec![];
    for other in tags(&with_tag).into_iter().filter(|other| *other != tag) {
        let (together, used) = (carry(&with_tag, other).len(), carry(&fresh, other).len());
        let lift = (together * fresh.len()) as f64 / (used * with_tag.len()) as f64;
        rows.push((together, lift, vec![json!(other), json!(together), json!(used), json!(lift)]));
    }
    rows.sort_by(|one, other| other.0.cmp(&one.0).then(other.1.total_cmp(&one.1)));
    rows.into_iter().map(|(_, _, row)| row).take(most).collect()
}
