//! Whether people get answers, how soon, and from whom.

use std::collections::BTreeSet;

use grapevine_model::{Author, Event, Intent, Kind, Mention};
use grapevine_store::MetricQuery;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    awareness::part,
    conversations::repliable,
    split::{grouped, split_of},
};
use crate::world::{asking, by, by_team, day, heartbeat, post, reply_to, upsert};

fn question(id: &str, time: &str) -> Mention {
    asking(Intent::Question, post(id, day(time)))
}

/// q1 10:00 answered by a member at 10:10; q2 11:00 answered by the team at 12:00 in its thread; q3 12:00 has only its own
/// author's reply; q5 12:59 and c4 13:00, a complaint, have none. Complete through 20:00.
pub fn groups() -> Vec<Group> {
    let carl = Author { native_id: "carl".into(), handle: "carl".into(), followers: Some(9), ..Author::default() };
    let mentions = [
        question("q1", "10:00:00"),
        by("bea", reply_to("q1", post("r1", day("10:10:00")))),
        by("bea", reply_to("q1", post("r1b", day("10:30:00")))),
        question("q2", "11:00:00"),
        by_team(Mention { root: Some("q2".into()), ..reply_to("note", post("r2", day("12:00:00"))) }),
        question("q3", "12:00:00"),
        by("author-q3", reply_to("q3", post("r3", day("12:05:00")))),
        Mention { author: carl, ..question("q5", "12:59:00") },
        asking(Intent::Complaint, post("c4", day("13:00:00"))),
        // Not asked of anybody: the team's question, and a repost of one.
        by_team(question("t", "09:00:00")),
        Mention { kind: Kind::Repost, parent: Some("q1".into()), ..question("rp", "13:30:00") },
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.push(heartbeat("s", day("20:00:00")));
    vec![Group { events, labels: vec![], proofs: proofs() }]
}

fn proofs() -> Vec<Proof> {
    let (start, noon) = ("2026-03-02T00:00:00Z", "2026-03-02T12:30:00Z");
    let id = |name: &str| post(name, day("00:00:00")).id().to_string();
    // Due after seven hours: q5 is one minute over, q3 an hour.
    let overdue = json!([
        [
            id("q5"),
            "2026-03-02T12:59:00.000Z",
            25260,
            60,
            "forum",
            "help",
            "carl",
            9,
            "text of q5",
            "https://f.example/q5"
        ],
        [
            id("q3"),
            "2026-03-02T12:00:00.000Z",
            28800,
            3600,
            "forum",
            "help",
            "h-q3",
            null,
            "text of q3",
            "https://f.example/q3"
        ],
    ]);
    let seven_hours = |query| MetricQuery { target_seconds: Some(7 * 3600), limit: Some(1000), ..query };
    vec![
        // S falls to 0.8 and 0.6, and stays there.
        Proof::of("first_response_time", json!([[null, null, 5, 2, 3]]), first_response_time),
        // Until 12:30: S = 2/3 after 10 minutes; q3 leaves after 30; after 60 the last one: 0.
        Proof::of("first_response_time", json!([[3600, 3600, 3, 2, 1]]), first_response_time).over(start, noon),
        Proof::of("team_response_time", json!([[null, null, 5, 1, 4]]), team_response_time),
        // q3 leaves after 30 minutes; after 60 one of two: 0.5.
        Proof::of("team_response_time", json!([[3600, null, 3, 1, 2]]), team_response_time).over(start, noon),
        Proof::of("unanswered_questions", overdue, unanswered).asking(seven_hours),
        Proof::of("response_rate", json!([[40, 5, 2]]), response_rate),
        // Of the three replies to others one has a parent that is not stored. q1 was first answered by a member, q2 was not.
        Proof::of("peer_to_peer_ratio", json!([[100, 2, 2, 3, 50, 1, 2]]), peer_to_peer),
    ]
}

/// What nobody can have seen yet is not looked at.
pub fn horizon(facts: &Facts, query: &MetricQuery) -> Timestamp {
    facts.complete_through().map_or(query.to, |through| through.min(query.to))
}

fn needs_answer(held: &Held) -> bool {
    matches!(held.intent, Intent::Question | Intent::Complaint) && !held.team && !held.is(Kind::Repost)
}

fn asked<'a>(facts: &'a Facts, query: &MetricQuery) -> Vec<&'a Held> {
    let end = horizon(facts, query);
    let inside = facts.mentions.iter().filter(|held| held.brand == query.brand && query.from <= held.at());
    inside.filter(|held| held.at() < query.to && held.at() <= end && needs_answer(held)).collect()
}

/// When others replied, and whether the team did: in the order of time, members first.
fn answers(facts: &Facts, query: &MetricQuery, asked: &Held) -> Vec<(Timestamp, bool)> {
    let end = horizon(facts, query);
    let answers = facts.mentions.iter().filter(|held| {
        let to = held.mention.parent_id() == Some(asked.id()) || held.mention.thread_id() == asked.id();
        held.brand == query.brand && held.is_reply() && to && held.author() != asked.author()
    });
    let mut times: Vec<_> = answers.map(|held| (held.at(), held.team)).collect();
    times.retain(|(time, _)| asked.at() <= *time && *time <= end);
    times.sort_unstable();
    times
}

/// Of each question or complaint the milliseconds that it waited, and whether it then got an answer.
fn waits(facts: &Facts, query: &MetricQuery, held: &[&Held], by_team: bool) -> Vec<(i64, bool)> {
    let end = horizon(facts, query);
    let wait = |asked: &&Held| {
        let counts = answers(facts, query, asked).into_iter().find(|(_, team)| *team || !by_team);
        let until = counts.map_or(end, |(time, _)| time);
        (until.as_millisecond() - asked.at().as_millisecond(), counts.is_some())
    };
    held.iter().map(wait).collect()
}

/// From the definition: the first time at which the product over all answers until then is at most `level`.
fn reached(waits: &[(i64, bool)], level: f64) -> Value {
    let times: BTreeSet<i64> = waits.iter().filter(|(_, answered)| *answered).map(|(wait, _)| *wait).collect();
    let left_at = |time: &i64| {
        let factors = times.iter().filter(|earlier| *earlier <= time).map(|earlier| {
            let at_risk = waits.iter().filter(|(wait, _)| wait >= earlier).count() as f64;
            let events = waits.iter().filter(|(wait, answered)| wait == earlier && *answered).count() as f64;
            1.0 - events / at_risk
        });
        factors.product::<f64>()
    };
    let first = times.iter().find(|time| left_at(time) <= level + 1e-9);
    first.map_or(Value::Null, |wait| json!(*wait as f64 / 1000.0))
}

fn response_times(facts: &Facts, query: &MetricQuery, by_team: bool) -> Rows {
    split_of(facts, query, &asked(facts, query), |held| {
        let waits = waits(facts, query, held, by_team);
        let answered = waits.iter().filter(|(_, answered)| *answered).count();
        let counts = [waits.len(), answered, waits.len() - answered];
        [vec![reached(&waits, 0.5), reached(&waits, 0.1)], counts.map(|count| json!(count)).to_vec()].concat()
    })
}

fn first_response_time(facts: &Facts, query: &MetricQuery) -> Rows {
    response_times(facts, query, false)
}

fn team_response_time(facts: &Facts, query: &MetricQuery) -> Rows {
    response_times(facts, query, true)
}

fn response_rate(facts: &Facts, query: &MetricQuery) -> Rows {
    split_of(facts, query, &asked(facts, query), |held| {
        let answered = held.iter().filter(|asked| !answers(facts, query, asked).is_empty()).count();
        vec![part(answered as f64, held.len() as f64), json!(held.len()), json!(answered)]
    })
}

/// With milliseconds, as the engine writes the times of mentions.
pub fn written(time: Timestamp) -> Value {
    json!(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn unanswered(facts: &Facts, query: &MetricQuery) -> Rows {
    let (end, target) =
        (horizon(facts, query), SignedDuration::from_secs(query.target_seconds.unwrap_or(86_400).into()));
    let mut due: Vec<&Held> = asked(facts, query);
    due.retain(|held| held.intent == Intent::Question && end.duration_since(held.at()) > target);
    due.retain(|held| answers(facts, query, held).is_empty());
    due.sort_by_key(|held| {
        let hour = held.at().as_second().div_euclid(3600);
        // What is not known comes last.
        let reach = std::cmp::Reverse(held.mention.author.followers.map_or(-1, u64::cast_signed));
        (hour, reach, held.at(), held.id())
    });
    let row = |held: &Held| -> Row {
        let age = end.duration_since(held.at());
        let Mention { space, text, url, author, .. } = &held.mention;
        vec![
            json!(held.id().to_string()),
            written(held.at()),
            json!(age.as_millis() as f64 / 1000.0),
            json!((age - target).as_millis() as f64 / 1000.0),
            json!(held.platform()),
            json!(space.as_deref().unwrap_or_default()),
            json!(held.name()),
            json!(author.followers),
            json!(text),
            json!(url.as_deref().unwrap_or_default()),
        ]
    };
    due.into_iter().take(query.limit.unwrap_or(50) as usize).map(row).collect()
}

fn peer_to_peer(facts: &Facts, query: &MetricQuery) -> Rows {
    let inside = facts.within(&query.brand, query.from, query.to);
    let (mut replies, mut known, mut peers) = (0, 0, 0);
    for reply in inside.iter().filter(|held| held.is_reply() && held.mention.parent.is_some()) {
        let parent = repliable(facts, query).find(|held| reply.mention.parent_id() == Some(held.id()));
        if parent.is_some_and(|parent| parent.author() == reply.author()) {
            continue;
        }
        replies += 1;
        known += usize::from(parent.is_some());
        peers += usize::from(parent.is_some_and(|parent| !parent.team && !reply.team));
    }
    let questions = asked(facts, query).into_iter().filter(|held| held.intent == Intent::Question);
    let first: Vec<bool> = questions.filter_map(|held| Some(answers(facts, query, held).first()?.1)).collect();
    let by_member = first.iter().filter(|team| !**team).count();
    let mut row = vec![part(f64::from(peers as u32), known as f64), json!(peers), json!(known), json!(replies)];
    row.extend([part(by_member as f64, first.len() as f64), json!(by_member), json!(first.len())]);
    vec![row]
}

/// For lists that are counted by platform: the mentions of each.
pub fn by_platform(facts: &Facts, query: &MetricQuery, figure: impl Fn(&str, &[&Held]) -> Vec<Row>) -> Rows {
    let all: Vec<&Held> = facts.of_brand(&query.brand).filter(|held| held.at() < query.to).collect();
    let groups = grouped(&all, grapevine_store::By::Platform);
    groups.iter().flat_map(|(platform, held)| figure(platform, held)).collect()
}
