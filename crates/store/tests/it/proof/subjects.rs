//! What is talked about.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{Intent, Kind, Mention, MentionId, Polarity, Scores, ThemeScore};
use grapevine_store::{By, MetricQuery};
use serde_json::json;

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::{net, part},
    split::split,
};
use crate::world::{at, by_team, day, post, scores, upsert};

pub fn groups() -> Vec<Group> {
    vec![stories(), themes()]
}

fn of_story(first: &str, mention: Mention) -> Mention {
    Mention { story: Some(mention.key.sibling_id(first)), ..mention }
}

/// Three of one story, one of a repost's; one that was stored before stories were told apart; two reposts of what is not
/// stored.
fn stories() -> Group {
    let repost = |mention| Mention { kind: Kind::Repost, ..mention };
    let mentions = [
        of_story("1", post("1", day("10:00:00"))),
        of_story("1", post("2", day("10:01:00"))),
        of_story("1", repost(post("3", day("10:02:00")))),
        of_story("4", post("4", day("10:03:00"))),
        post("5", day("10:04:00")),
        of_story("0", repost(post("6", day("10:05:00")))),
        of_story("0", repost(post("7", day("10:06:00")))),
    ];
    let kinds = json!([["post", 3, 4, 4, 2], ["repost", 2, 0, 3, 2]]);
    let proofs =
        vec![Proof::of("stories", json!([[4, 4, 7, 3]]), count), Proof::of("stories", kinds, count).by(By::Kind)];
    Group { events: mentions.iter().map(upsert).collect(), labels: vec![], proofs }
}

fn count(facts: &Facts, query: &MetricQuery) -> Rows {
    split(facts, query, |held| {
        let mut sizes: BTreeMap<MentionId, usize> = BTreeMap::new();
        held.iter().for_each(|held| *sizes.entry(held.mention.story.unwrap_or(held.id())).or_default() += 1);
        let unique = held.iter().filter(|held| !held.is(Kind::Repost)).count();
        let largest = sizes.values().max().copied().unwrap_or_default();
        vec![json!(sizes.len()), json!(unique), json!(held.len()), json!(largest)]
    })
}

fn about(polarity: Polarity, themes: &[(&str, bool)], mention: Mention) -> Mention {
    let theme = |(name, rule): &(&str, bool)| ThemeScore { theme: name.to_string(), probability: 0.9, rule: *rule };
    let themes = themes.iter().map(theme).collect();
    Mention { scores: Some(Scores { themes, ..scores(polarity, Intent::None) }), ..mention }
}

/// Four that count today and three of yesterday; of today's three others, one is not scored, one is the team's and one is a
/// repost.
fn themes() -> Group {
    let yesterday = |time: &str| at(&format!("2026-03-01T{time}Z"));
    let price = |mention| about(Polarity::Negative, &[("price", false)], mention);
    let mentions = [
        about(Polarity::Negative, &[("delivery", false), ("price", true)], post("1", day("10:00:00"))),
        about(Polarity::Positive, &[("delivery", true)], post("2", day("10:00:00"))),
        about(Polarity::Neutral, &[("delivery", false)], post("3", day("11:00:00"))),
        about(Polarity::Neutral, &[], post("4", day("12:00:00"))),
        Mention { scores: None, ..post("5", day("12:00:00")) },
        by_team(price(post("6", day("12:00:00")))),
        Mention { kind: Kind::Repost, ..price(post("7", day("12:00:00"))) },
        price(post("8", yesterday("10:00:00"))),
        price(post("9", yesterday("11:00:00"))),
        about(Polarity::Negative, &[("gone", false)], post("10", yesterday("11:00:00"))),
    ];
    let golden = json!([["delivery", 3, 75, 3, 0, 1], ["price", 1, 25, -1, -100, 1], ["other", 1, 25, 1, 0, 0]]);
    let proofs = vec![Proof::of("themes", golden, told)];
    Group { events: mentions.iter().map(upsert).collect(), labels: vec![], proofs }
}

fn told(facts: &Facts, query: &MetricQuery) -> Rows {
    let length = query.to.duration_since(query.from);
    let of = |from, to| -> Vec<&Held> {
        let counts = |held: &&Held| held.polarity.is_some() && !held.team && !held.is(Kind::Repost);
        facts.within(&query.brand, from, to).into_iter().filter(counts).collect()
    };
    let (now, before) = (of(query.from, query.to), of(query.from - length, query.from));
    let names = |held: &Held| -> Vec<String> {
        let names: Vec<String> = held.themes.iter().map(|(name, _)| name.clone()).collect();
        if names.is_empty() { vec!["other".into()] } else { names }
    };
    let all: BTreeSet<String> = now.iter().flat_map(|held| names(held)).collect();
    let mut rows: Vec<(bool, usize, Row)> = vec![];
    for theme in all {
        let has = |held: &[&Held]| -> usize { held.iter().filter(|held| names(held).contains(&theme)).count() };
        let of: Vec<&Held> = now.iter().copied().filter(|held| names(held).contains(&theme)).collect();
        let by_rule = of.iter().filter(|held| held.themes.contains(&(theme.clone(), true))).count();
        let (n, change) = (of.len(), of.len() as i64 - has(&before) as i64);
        let share = part(n as f64, now.len() as f64);
        let row = vec![json!(theme), json!(n), share, json!(change), json!(net(&of)), json!(by_rule)];
        rows.push((theme == "other", n, row));
    }
    rows.sort_by_key(|(other, n, _)| (*other, std::cmp::Reverse(*n)));
    rows.into_iter().map(|(_, _, row)| row).take(query.limit.unwrap_or(50) as usize).collect()
}
