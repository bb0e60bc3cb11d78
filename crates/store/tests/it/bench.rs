//! Rates on this machine, printed. Not part of a plain test run.

use std::time::Instant;

use grapevine_model::{Intent, Mention, Polarity};
use grapevine_store::{Batch, By, MetricQuery};
use jiff::{SignedDuration, Timestamp};

use crate::world::{asking, at, by, post, reply_to, scores, upsert, world};

const ROWS: u64 = 200_000;
const BATCH: u64 = 5_000;
const WEEKS: i64 = 8;

fn mention(number: u64, start: Timestamp) -> Mention {
    let seconds = number.cast_signed() * WEEKS * 7 * 86_400 / ROWS.cast_signed();
    let plain = by(
        &format!("a{}", number * 7919 % 20_000),
        post(&number.to_string(), start + SignedDuration::from_secs(seconds)),
    );
    let text = format!("post {number} about the new release, which {} people talk about today", number % 977);
    let plain = Mention { text, hashtags: vec![format!("tag{}", number % 300)], ..plain };
    match number % 10 {
        0 | 1 => Mention { scores: Some(scores(Polarity::Negative, Intent::Complaint)), ..plain },
        2 => Mention { scores: Some(scores(Polarity::Positive, Intent::Praise)), ..plain },
        3 => asking(Intent::Question, plain),
        4 => reply_to(&(number - 1).to_string(), plain),
        _ => plain,
    }
}

#[tokio::test]
#[ignore = "prints rates; takes a minute"]
async fn rates_at_200_000_rows() {
    let world = world().await;
    let start = at("2026-01-01T00:00:00Z");
    let began = Instant::now();
    let mut building = std::time::Duration::ZERO;
    for first in (0..ROWS).step_by(BATCH as usize) {
        let made = Instant::now();
        let events = (first..first + BATCH).map(|number| (number, upsert(&mention(number, start)))).collect();
        let batch = Batch {
            log: "l".into(),
            topic: "t".into(),
            partition: 0,
            first_offset: first,
            last_offset: first + BATCH - 1,
            events,
            unreadable: 0,
            replay: false,
        };
        building += made.elapsed();
        let _ = world.store.insert(&batch).await.unwrap();
    }
    let took = began.elapsed() - building;
    println!("insert: {ROWS} rows in {took:.2?}, {:.0} rows/s, batches of {BATCH}", ROWS as f64 / took.as_secs_f64());
    let end = start + SignedDuration::from_hours(24 * 7 * WEEKS);
    for round in 1..=2 {
        println!("round {round}");
        let asked = Instant::now();
        let buckets = world.store.buckets("acme", start, end).await.unwrap();
        println!("  buckets: {} in {:.1?}", buckets.len(), asked.elapsed());
        let asked = Instant::now();
        let rows = world.store.latest(Some("acme"), 50, None).await.unwrap();
        println!("  latest: {} in {:.1?}", rows.len(), asked.elapsed());
        let asked = Instant::now();
        let mismatches = world.store.verify(start, end).await.unwrap().mismatches;
        println!("  verify: {} mismatches in {:.1?}", mismatches.len(), asked.elapsed());
        let asked = Instant::now();
        let _ = world.store.explain("acme", end - SignedDuration::from_hours(6), end).await.unwrap();
        println!("  explain: {:.1?}", asked.elapsed());
        for metric in grapevine_store::registry::all() {
            for by in [None, Some(By::Day)] {
                let query = MetricQuery { by, ..MetricQuery::new(metric.id, "acme", start, end) };
                let asked = Instant::now();
                if world.store.metric(&query).await.is_ok() {
                    println!("  {} by {by:?}: {:.1?}", metric.id, asked.elapsed());
                }
            }
        }
    }
}
