//! What sources say of themselves: sampled spans, how far buckets are closed, reports.

use std::collections::BTreeMap;

use grapevine_model::{Event, Heartbeat, Mention, QuotaUse, Sampled, SourceHealth, SpendUse, Usage};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{day, heartbeat, post, upsert, world};

#[tokio::test]
async fn what_was_sampled_is_partial_with_its_share_and_its_reason_and_counts_once() {
    let world = world().await;
    world.complete(day("12:00:00")).await;
    let weighed = Mention { weight: 4.0, ..post("1", day("10:05:00")) };
    let _ = world.insert(vec![upsert(&weighed)]).await;
    let sampled = |from: &str, to: &str| {
        let (source, reason) = ("s".to_owned(), "the spend cap of 100 USD a month".to_owned());
        Event::Sampled(Sampled { source, from: day(from), to: day(to), rate: 0.25, reason })
    };
    // Each of them comes once on every partition, and again after a crash.
    for _ in 0..2 {
        let _ = world.insert(vec![sampled("10:00:00", "10:30:00"), sampled("10:30:00", "11:00:00")]).await;
    }
    let volume = MetricQuery::new("mention_volume", "acme", day("10:00:00"), day("12:00:00"));
    let table = world.metric(&volume).await;
    assert_eq!(table.rows[0][0], json!(1), "a count is of what was read");
    assert_eq!(table.coverage.note, "only about 25 % of s was read (the spend cap of 100 USD a month)");
    let [span] = &table.coverage.sampled[..] else { panic!("{:?}", table.coverage.sampled) };
    assert_eq!((span.from, span.to, span.rate), (day("10:00:00"), day("11:00:00"), 0.25));
    let coverage = MetricQuery::new("coverage", "acme", day("10:00:00"), day("12:00:00"));
    assert_eq!(world.metric(&coverage).await.rows[0][1], json!(62.5));
    let by_hour = world.metric(&volume.by(By::Hour)).await;
    let covered: Vec<_> = by_hour.rows.iter().map(|row| row.last().cloned()).collect();
    assert_eq!(covered, [Some(json!(0.25)), Some(json!(1.0))]);
    let weight: f32 = world.client().query("SELECT weight FROM mentions").fetch_one().await.unwrap();
    assert_eq!(weight, 4.0, "it is kept for those who want to weigh");
}

fn closing(source: &str, complete_through: Timestamp, closes: Option<Timestamp>) -> Event {
    let Event::Heartbeat(heartbeat) = heartbeat(source, complete_through) else { unreachable!() };
    Event::Heartbeat(Heartbeat { closes, ..heartbeat })
}

#[tokio::test]
async fn a_source_that_may_be_waited_for_no_longer_closes_buckets_and_completes_nothing() {
    let world = world().await;
    let sources = ["a".to_owned(), "slow".to_owned(), "mute".to_owned()];
    let closed = || world.store.closed_through(&sources, 1);
    let _ = world.insert(vec![heartbeat("a", day("12:00:00")), heartbeat("slow", day("10:00:00"))]).await;
    assert_eq!(closed().await.unwrap(), None, "one has not said anything");
    let mute = |closes| closing("mute", Timestamp::UNIX_EPOCH, closes);
    let _ = world.insert(vec![mute(None)]).await;
    assert_eq!(closed().await.unwrap(), None, "1970 promises nothing");
    let slow = closing("slow", day("10:00:00"), Some(day("11:45:00")));
    let _ = world.insert(vec![mute(Some(day("11:30:00"))), slow]).await;
    assert_eq!(closed().await.unwrap(), Some(day("11:30:00")));
    let store = world.store.clone().with_sources(&sources, 1);
    let query = MetricQuery::new("mention_volume", "acme", day("09:00:00"), day("11:00:00"));
    assert_eq!(store.metric(&query).await.unwrap().coverage.complete_through, None);
    let _ = world.insert(vec![heartbeat("mute", day("11:50:00"))]).await;
    let coverage = store.metric(&query).await.unwrap().coverage;
    assert_eq!(coverage.complete_through, Some(day("10:00:00")), "what is complete is another thing");
    assert_eq!(closed().await.unwrap(), Some(day("11:45:00")));
}

#[tokio::test]
async fn the_newest_report_of_each_source_is_found_with_the_counts_of_a_day() {
    let world = world().await;
    let quota = QuotaUse { what: "requests per 15m".into(), used: 120, allowed: 450 };
    let spend = SpendUse { records: 4000, spent: 20.0, cap: 100.0, share: 0.5 };
    let report = |at: Timestamp, state: &str, requests: u64| {
        Event::SourceHealth(Box::new(SourceHealth {
            source: "x".into(),
            kind: "x".into(),
            observed_at: at,
            state: state.into(),
            since: day("09:00:00"),
            message: (state == "waiting").then(|| "waits for its quota".into()),
            complete_through: Some(day("09:30:00")),
            last_success: None,
            requests,
            records: 10,
            rejected: 1,
            errors: BTreeMap::from([("limited".to_owned(), 2)]),
            usage: Usage { requests: 7, quota: vec![quota.clone()], spend: Some(spend.clone()) },
        }))
    };
    let now = Timestamp::now();
    let old = now - SignedDuration::from_hours(30);
    let minute = SignedDuration::from_mins(1);
    let events = vec![report(old, "live", 100), report(now - minute, "live", 5), report(now, "waiting", 3)];
    for _ in 0..2 {
        let _ = world.insert(events.clone()).await;
    }
    let [found] = &world.store.source_reports().await.unwrap()[..] else { panic!("one source") };
    assert_eq!(
        (found.source.as_str(), found.state.as_str(), found.message.as_str()),
        ("x", "waiting", "waits for its quota")
    );
    assert_eq!((found.complete_through, found.last_success), (Some(day("09:30:00")), None));
    assert_eq!((found.requests, found.records, found.rejected), (8, 20, 2), "a report that comes twice counts once");
    assert_eq!(found.errors, BTreeMap::from([("limited".to_owned(), 4)]));
    assert_eq!((&found.quota[..], found.spend.as_ref()), (&[quota][..], Some(&spend)));
}
