//! Who talks with whom.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{Author, Event, Intent, Kind, Mention};
use grapevine_store::{By, MetricQuery};
use jiff::SignedDuration;
use serde_json::json;

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::part,
    members::{linked, people},
    split::{grouped, split_of, with},
};
use crate::world::{asking, at, by, by_team, day, heartbeat, post, reply_to, upsert};

/// Ada praises, and bob asks. She answers him, he answers her praise, cleo answers her answer, and praises as well; dan
/// writes in bob's thread. So do the team, a bot, and bob himself. Eve quotes; somebody whom the platform does not name
/// replies to the praise.
pub fn groups() -> Vec<Group> {
    let within = |root: &str, parent: Option<&str>, mention: Mention| Mention {
        kind: Kind::Reply,
        root: Some(root.into()),
        parent: parent.map(str::to_owned),
        ..mention
    };
    let robot = Author { native_id: "robot".into(), is_bot: true, ..Author::default() };
    let mentions = [
        by("ada", asking(Intent::Praise, post("praise", day("09:00:00")))),
        by("bob", asking(Intent::Question, post("question", day("09:30:00")))),
        by("ada", reply_to("question", post("r1", day("10:00:00")))),
        by("bob", reply_to("praise", post("r2", day("11:00:00")))),
        by("cleo", within("question", Some("r1"), post("r3", day("12:00:00")))),
        by_team(reply_to("question", post("r4", day("12:30:00")))),
        by("dan", within("question", None, post("r5", day("13:00:00")))),
        by("bob", reply_to("question", post("r6", day("13:30:00")))),
        Mention { author: robot, ..reply_to("question", post("r7", day("14:00:00"))) },
        by("", reply_to("praise", post("r8", day("14:30:00")))),
        by("eve", Mention { kind: Kind::Quote, parent: Some("praise".into()), ..post("quote", day("15:00:00")) }),
        by("cleo", asking(Intent::Praise, post("more", day("16:00:00")))),
        // One is older than 90 days before the span, one is not.
        by("fay", post("ancient", at("2025-12-01T23:59:59.999Z"))),
        by("fay", post("old", at("2025-12-02T00:00:00Z"))),
        by("gus", reply_to("ancient", post("r9", day("17:00:00")))),
        by("gus", reply_to("old", post("r10", day("18:00:00")))),
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    let id = post("praise", day("09:00:00")).id().to_string();
    let ada = json!([["ada", "forum", 1, 1, 2, null, id, "text of praise", "https://f.example/praise"]]);
    let proofs = vec![
        // Ada and bob, both ways; cleo to ada, dan to bob, gus to fay.
        Proof::of("reciprocity", json!([[40, 2, 5, 6]]), reciprocity),
        // Two replies of three people; five of five.
        Proof::of("discussion_depth", json!([[3.5, 4.7, 4, 4.8, 2, 4]]), depth),
        // Cleo praised and answered, and nobody answered her.
        Proof::of("advocates", ada, advocates),
        Proof::of("advocates", json!([["forum", 1, 6, 100.0 / 6.0]]), advocates).by(By::Platform),
    ];
    vec![Group { events, labels: vec![], proofs }]
}

/// What a reply of the span may answer: mentions of the span and the 90 days before it.
pub fn repliable<'a>(facts: &'a Facts, query: &'a MetricQuery) -> impl Iterator<Item = &'a Held> {
    let since = query.from - SignedDuration::from_hours(90 * 24);
    facts.of_brand(&query.brand).filter(move |held| since <= held.at() && held.at() < query.to)
}

/// Replies of the span by people who are named, each with what it answers, of somebody else who is.
fn exchanges<'a>(facts: &'a Facts, query: &'a MetricQuery) -> Vec<(&'a Held, &'a Held)> {
    let is_person = |held: &Held| !held.mention.author.is_bot && !held.mention.author.native_id.is_empty();
    let inside = facts.within(&query.brand, query.from, query.to);
    let replies = inside.into_iter().filter(|held| held.is_reply() && is_person(held));
    let answered = |reply: &Held| {
        let to = reply.mention.parent_id().unwrap_or(reply.mention.thread_id());
        let mut known = repliable(facts, query).filter(|held| is_person(held));
        known.find(|held| held.id() == to)
    };
    let pairs = replies.filter_map(|reply| Some((reply, answered(reply)?)));
    pairs.filter(|(reply, parent)| reply.author() != parent.author()).collect()
}

fn reciprocity(facts: &Facts, query: &MetricQuery) -> Rows {
    let exchanges = exchanges(facts, query);
    let row = |platform: Option<&str>| -> Row {
        let among = |(reply, parent): &&(&Held, &Held)| {
            !reply.team && !parent.team && platform.is_none_or(|platform| reply.platform() == platform)
        };
        let edges: BTreeSet<_> =
            exchanges.iter().filter(among).map(|(reply, parent)| (reply.author(), parent.author())).collect();
        let mutual = edges.iter().filter(|(from, to)| edges.contains(&(*to, *from))).count();
        let people: BTreeSet<_> = edges.iter().flat_map(|(from, to)| [from, to]).collect();
        vec![part(mutual as f64, edges.len() as f64), json!(mutual), json!(edges.len()), json!(people.len())]
    };
    if query.by.is_none() {
        return vec![row(None)];
    }
    let platforms: BTreeSet<&str> =
        exchanges.iter().filter(|(a, b)| !a.team && !b.team).map(|(reply, _)| reply.platform()).collect();
    platforms.into_iter().map(|platform| with(json!(platform), row(Some(platform)))).collect()
}

/// Between ranks, as spreadsheets do it.
fn quantile(sorted: &[usize], level: f64) -> serde_json::Value {
    let Some(last) = sorted.len().checked_sub(1) else { return serde_json::Value::Null };
    let place = level * last as f64;
    let (low, high) = (sorted[place.floor() as usize] as f64, sorted[place.ceil() as usize] as f64);
    json!(low + (high - low) * place.fract())
}

fn depth(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let opens = |held: &&&Held| {
        let free = held.mention.parent.is_none() || held.is(Kind::Quote);
        let own = held.mention.thread_id() == held.id();
        own && free && !held.is(Kind::Repost) && !held.mention.author.is_bot
    };
    let opened: Vec<&Held> = inside.iter().filter(opens).copied().collect();
    split_of(facts, query, &opened, |threads| {
        let (mut replies, mut people) = (vec![], vec![]);
        for thread in threads {
            let follows = |held: &&&Held| {
                let to = [held.mention.parent_id(), Some(held.mention.thread_id())];
                held.is_reply() && !held.mention.author.is_bot && to.contains(&Some(thread.id()))
            };
            let following: Vec<&Held> = inside.iter().filter(follows).copied().collect();
            if !following.is_empty() {
                let who: BTreeSet<_> = following.iter().chain([thread]).map(|held| held.author()).collect();
                replies.push(following.len());
                people.push(who.len());
            }
        }
        replies.sort_unstable();
        people.sort_unstable();
        let quantiles = [&replies, &people].map(|sorted| [quantile(sorted, 0.5), quantile(sorted, 0.9)]);
        [quantiles.concat(), vec![json!(replies.len()), json!(threads.len())]].concat()
    })
}

fn advocates(facts: &Facts, query: &MetricQuery) -> Rows {
    let exchanges = exchanges(facts, query);
    let mut found: Vec<(usize, usize, usize, &Held)> = vec![];
    for (who, posts) in people(facts, query) {
        let praise: Vec<&&Held> =
            posts.iter().filter(|held| query.from <= held.at() && held.intent == Intent::Praise).collect();
        let answers = exchanges.iter().filter(|(reply, to)| reply.author() == who && !reply.team && !to.team).count();
        let answered = exchanges.iter().filter(|(_, to)| to.author() == who && !to.team).count();
        let newest = praise.iter().max_by_key(|held| (held.at(), held.id()));
        if let (Some(newest), true) = (newest, answers > 0 && answered > 0) {
            found.push((answers, praise.len(), answered, newest));
        }
    }
    if query.by.is_some() {
        return shares(facts, query, &found.iter().map(|(.., held)| *held).collect::<Vec<_>>());
    }
    found.sort_by_key(|(answers, praise, answered, held)| {
        std::cmp::Reverse((*answers, *praise, *answered, held.at(), held.id()))
    });
    let row = |(answers, praise, answered, held): &(usize, usize, usize, &Held)| -> Row {
        let counts = [praise, answers, answered].map(|count| json!(count));
        [vec![json!(held.name()), json!(held.platform())], counts.to_vec(), linked(held)].concat()
    };
    found.iter().take(query.limit.unwrap_or(50) as usize).map(row).collect()
}

fn shares(facts: &Facts, query: &MetricQuery, found: &[&Held]) -> Rows {
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for posts in people(facts, query).values().filter(|posts| posts.iter().any(|held| held.at() >= query.from)) {
        *members.entry(posts[0].platform()).or_default() += 1;
    }
    let found = grouped(found, By::Platform);
    let row = |(platform, members): (&str, usize)| {
        let own = found.get(platform).map_or(0, Vec::len);
        vec![json!(platform), json!(own), json!(members), part(own as f64, members as f64)]
    };
    members.into_iter().map(row).collect()
}
