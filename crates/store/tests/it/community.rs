//! Golden values of the community's figures, and Kaplan-Meier against a slow computation.

use grapevine_model::{Author, Intent, Kind, Mention};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::world::{World, asking, at, by, by_team, day, gap, of, post, reply_to, world};

fn question(id: &str, time: &str) -> Mention {
    asking(Intent::Question, post(id, day(time)))
}

/// q1 10:00 answered by a member at 10:10; q2 11:00 answered by the team at 12:00 in its thread; q3 12:00 has only
/// its own
/// author's reply; c4 13:00, a complaint, has none. Complete through 20:00.
async fn a_day() -> World {
    let world = world().await;
    let deep = Mention { root: Some("q2".into()), ..reply_to("note", post("r2", day("12:00:00"))) };
    let mentions = [
        question("q1", "10:00:00"),
        by("bea", reply_to("q1", post("r1", day("10:10:00")))),
        by("bea", reply_to("q1", post("r1b", day("10:30:00")))),
        question("q2", "11:00:00"),
        by_team(deep),
        question("q3", "12:00:00"),
        by("author-q3", reply_to("q3", post("r3", day("12:05:00")))),
        Mention {
            author: Author { native_id: "carl".into(), handle: "carl".into(), followers: Some(9), ..Author::default() },
            ..question("q5", "12:59:00")
        },
        asking(Intent::Complaint, post("c4", day("13:00:00"))),
        // Not asked of anybody: the team's question, and a repost of one.
        by_team(question("t", "09:00:00")),
        Mention { kind: Kind::Repost, parent: Some("q1".into()), ..question("rp", "13:30:00") },
    ];
    let _ = world.insert_mentions(&mentions).await;
    world.complete(day("20:00:00")).await;
    world
}

#[tokio::test]
async fn first_response_time_counts_those_who_still_wait() {
    let world = a_day().await;
    // Five asked; answered after 10 and 60 minutes; three wait for 7 to 8 hours: S falls to 0.8, 0.6 and stays there.
    assert_eq!(world.figures("first_response_time", None).await, json!([[null, null, 5, 2, 3]]));
    // Until 12:30: three asked, q3 waits for 30 minutes. S = 2/3 at 10 min; q3 leaves; at 60 min the last one: 0.
    let query = MetricQuery::new("first_response_time", "acme", day("00:00:00"), day("12:30:00"));
    assert_eq!(json!(world.metric(&query).await.rows), json!([[3600, 3600, 3, 2, 1]]));
}

#[tokio::test]
async fn unanswered_questions_are_listed_oldest_hour_first_then_widest() {
    let world = a_day().await;
    let query = MetricQuery::new("unanswered_questions", "acme", day("00:00:00"), at("2026-03-03T00:00:00Z"));
    let query = MetricQuery { target_seconds: Some(7 * 3600), ..query };
    let table = world.metric(&query).await;
    let short: Vec<Value> = table.rows.iter().map(|row| json!([row[1], row[2], row[3], row[6], row[8]])).collect();
    let expected = json!([
        ["2026-03-02T12:59:00.000Z", 25260, 60, "carl", "text of q5"],
        ["2026-03-02T12:00:00.000Z", 28800, 3600, "h-q3", "text of q3"]
    ]);
    assert_eq!(json!(short), expected);
    assert_eq!(table.rows[0][0], json!(post("q5", day("12:59:00")).id().to_string()));
    let later = MetricQuery { target_seconds: Some(8 * 3600), ..query };
    assert_eq!(world.metric(&later).await.rows.len(), 0, "nothing is overdue yet");
}

#[tokio::test]
async fn response_rate() {
    let world = a_day().await;
    assert_eq!(world.figures("response_rate", None).await, json!([[40, 5, 2]]));
    let hours = world.figures("response_rate", Some(By::Hour)).await;
    assert_eq!(hours[10], json!(["2026-03-02T10:00:00Z", 100, 1, 1, 1.0]));
    assert_eq!(hours[12], json!(["2026-03-02T12:00:00Z", 0, 2, 0, 1.0]));
    assert_eq!(hours[13], json!(["2026-03-02T13:00:00Z", 0, 1, 0, 1.0]));
    assert_eq!(hours[14], json!(["2026-03-02T14:00:00Z", null, 0, 0, 1.0]));
}

#[tokio::test]
async fn active_members_without_team_and_bots() {
    let world = world().await;
    let bot = |mention: Mention| Mention { author: Author { is_bot: true, ..mention.author.clone() }, ..mention };
    let mentions = [
        by("ada", post("1", day("10:00:00"))),
        by("ada", post("2", day("11:00:00"))),
        by("bob", post("3", at("2026-02-26T10:00:00Z"))),
        by("cleo", post("4", at("2026-02-10T10:00:00Z"))),
        by("dan", post("5", at("2026-01-10T10:00:00Z"))),
        by("fay", post("9", at("2026-02-27T10:00:00Z"))),
        by("fay", post("10", at("2026-03-01T10:00:00Z"))),
        by_team(post("6", day("10:00:00"))),
        bot(by("robot", post("7", day("10:00:00")))),
        by("eve", Mention { kind: Kind::Repost, ..post("8", day("10:00:00")) }),
    ];
    let _ = world.insert_mentions(&mentions).await;
    world.complete(at("2026-03-03T00:00:00Z")).await;
    assert_eq!(world.figures("active_members", None).await, json!([[1, 3, 4, 25]]));
    let from = at("2026-03-01T00:00:00Z");
    let query = MetricQuery::new("active_members", "acme", from, at("2026-03-03T00:00:00Z")).by(By::Time);
    let expected =
        json!([["2026-03-01T00:00:00Z", 1, 2, 3, 1.0 / 3.0 * 100.0, 1.0], ["2026-03-02T00:00:00Z", 1, 3, 4, 25, 1.0]]);
    assert_eq!(json!(world.metric(&query).await.rows), expected);
}

#[tokio::test]
async fn newcomers() {
    let world = world().await;
    let mentions = [
        by("ada", post("1", at("2026-02-10T10:00:00Z"))),
        by("ada", post("2", day("11:00:00"))),
        by("bob", post("3", day("12:00:00"))),
        by("bob", post("4", day("13:00:00"))),
        by("cleo", post("5", at("2026-03-03T10:00:00Z"))),
    ];
    let _ = world.insert_mentions(&mentions).await;
    world.complete(at("2026-03-03T00:00:00Z")).await;
    assert_eq!(world.figures("newcomers", None).await, json!([[1, 2, 50]]));
    let hours = world.figures("newcomers", Some(By::Hour)).await;
    assert_eq!((&hours[11][1], &hours[12][1], &hours[13][1]), (&json!(0), &json!(1), &json!(0)));
    // Points of five minutes, between hours.
    let query = MetricQuery::new("newcomers", "acme", day("11:30:00"), day("12:20:00")).by(By::Time);
    let points = world.metric(&query).await.rows;
    assert_eq!(points.iter().map(|point| point[1].clone()).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn the_first_of_the_churned_are_the_same_however_many_are_asked_for() {
    let world = world().await;
    // Twelve who left, four with a post more than the others. The last posts lie in five hours.
    let mut posts = vec![];
    for who in 0..12_i64 {
        let last = day("00:00:00") - SignedDuration::from_mins(60 * (1 + who % 4) + 7 * who % 50);
        for nth in 0..(4 + i64::from(who < 4)) {
            let name = format!("{who}-{nth}");
            posts.push(by(&format!("p{who}"), post(&name, last - SignedDuration::from_hours(nth * 24))));
        }
    }
    let _ = world.insert_mentions(&posts).await;
    let first = async |limit: u32| {
        let query = MetricQuery::new("churned_regulars", "acme", day("00:00:00"), at("2026-03-03T00:00:00Z"));
        let table = world.metric(&MetricQuery { limit: Some(limit), ..query }).await;
        table.rows.iter().map(|row| (row[2].as_u64(), row[3].to_string(), row[0].to_string())).collect::<Vec<_>>()
    };
    let all = first(100).await;
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by(|a, b| (a.0, &a.1) > (b.0, &b.1)), "{all:?}");
    for limit in 1..12 {
        assert_eq!(first(limit).await, all[..limit as usize]);
    }
}

#[tokio::test]
async fn figures_that_look_back_are_partial_where_what_is_before_the_span_is() {
    let world = world().await;
    let weekly =
        |week: i64| by("ada", post(&week.to_string(), day("09:00:00") - SignedDuration::from_hours(week * 168)));
    let _ = world.insert_mentions(&(0..10).map(weekly).collect::<Vec<_>>()).await;
    let _ = world.insert_mentions(&[Mention { brands: vec![of("zenith")], ..post("z", day("09:00:00")) }]).await;
    world.complete(at("2026-03-03T00:00:00Z")).await;
    let note = async |metric: &str, brand: &str| {
        let query = MetricQuery::new(metric, brand, day("00:00:00"), at("2026-03-03T00:00:00Z"));
        world.metric(&query).await.coverage.note
    };
    let all = ["trending_hashtags", "active_members", "newcomers"];
    for metric in all {
        assert_eq!(note(metric, "acme").await, "", "{metric}: nine weeks of history");
        let short = "the brand's history begins at 2026-03-02T09:00:00Z only";
        assert_eq!(note(metric, "zenith").await, short, "{metric}");
    }
    assert_eq!(note("mention_volume", "zenith").await, "", "it looks at the span alone");
    // Ten days before: within the 30 days and the history, before the seven days.
    let _ = world.insert(vec![gap(at("2026-02-20T10:00:00Z"), at("2026-02-20T11:00:00Z"))]).await;
    let mut notes = vec![];
    for metric in all {
        notes.push(note(metric, "acme").await);
    }
    assert_eq!(notes, ["", "1 gap in the sources", "1 gap in the sources"]);
}

#[tokio::test]
async fn peer_to_peer_ratio() {
    let world = world().await;
    let mentions = [
        by("ada", post("a", day("10:00:00"))),
        by_team(post("t", day("10:00:00"))),
        by("bob", reply_to("a", post("1", day("11:00:00")))),
        by("bob", reply_to("t", post("2", day("11:00:00")))),
        by_team(reply_to("a", post("3", day("11:00:00")))),
        by("ada", reply_to("a", post("4", day("11:00:00")))),
        by("bob", reply_to("unseen", post("5", day("11:00:00")))),
        by("cleo", Mention { kind: Kind::Quote, ..reply_to("a", post("6", day("11:00:00"))) }),
        // Of two old ones the first is older than 90 days before the span.
        by("fay", post("ancient", at("2025-12-01T23:59:59.999Z"))),
        by("fay", post("old", at("2025-12-02T00:00:00Z"))),
        by("bob", reply_to("ancient", post("7", day("11:00:00")))),
        by("bob", reply_to("old", post("8", day("11:00:00")))),
    ];
    let _ = world.insert_mentions(&mentions).await;
    assert_eq!(world.figures("peer_to_peer_ratio", None).await, json!([[50, 2, 4, 6, null, 0, 0]]));
}

/// For every possible time, the product over all earlier answers, from the definition.
fn slow_kaplan_meier(waits: &[(i64, bool)], level: f64) -> Option<i64> {
    let mut times: Vec<i64> = waits.iter().filter(|(_, answered)| *answered).map(|(wait, _)| *wait).collect();
    times.sort_unstable();
    times.dedup();
    times.iter().copied().find(|time| {
        let survival = times.iter().filter(|earlier| *earlier <= time).map(|earlier| {
            let at_risk = waits.iter().filter(|(wait, _)| wait >= earlier).count() as f64;
            let events = waits.iter().filter(|(wait, answered)| wait == earlier && *answered).count() as f64;
            1.0 - events / at_risk
        });
        survival.product::<f64>() <= level + 1e-9
    })
}

#[test]
fn kaplan_meier_equals_the_slow_computation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let horizon = at("2026-03-03T00:00:00Z");
    let asked_and_answered = prop::collection::vec((0i64..600, prop::option::of(0i64..600)), 1..30);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&asked_and_answered, |threads| {
        runtime.block_on(async {
            let world = world().await;
            let (mentions, waits) = threads_of(&threads, horizon);
            let _ = world.insert_mentions(&mentions).await;
            world.complete(horizon).await;
            let figures = world.figures("first_response_time", None).await;
            let seconds = |level| json!(slow_kaplan_meier(&waits, level).map(|minutes| minutes * 60));
            let answered = waits.iter().filter(|(_, answered)| *answered).count();
            let expected = json!([[seconds(0.5), seconds(0.1), waits.len(), answered, waits.len() - answered]]);
            prop_assert_eq!(figures, expected);
            Ok(())
        })
    });
    outcome.unwrap();
}

/// Each pair is the minute of the question and how many minutes later it was answered. Waits are in minutes.
fn threads_of(threads: &[(i64, Option<i64>)], horizon: Timestamp) -> (Vec<Mention>, Vec<(i64, bool)>) {
    let (mut mentions, mut waits) = (vec![], vec![]);
    for (number, (asked, answer)) in threads.iter().enumerate() {
        let asked_at = day("00:00:00") + SignedDuration::from_mins(*asked);
        mentions.push(asking(Intent::Question, post(&format!("q{number}"), asked_at)));
        match answer {
            Some(wait) => {
                let at = asked_at + SignedDuration::from_mins(*wait);
                mentions.push(by("helper", reply_to(&format!("q{number}"), post(&format!("r{number}"), at))));
                waits.push((*wait, true));
            }
            None => waits.push((horizon.duration_since(asked_at).as_mins(), false)),
        }
    }
    (mentions, waits)
}
