//! Sources that read a share of what is there under a spend cap, and their cursors from far away: Mastodon, Hacker News.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use grapevine_model::{Event, Sampled};
use grapevine_sources::{
    Clock, Cursor, Page, Progress, Source, SourceError, World,
    conformance::StepClock,
    http::{Request, Response, Transport},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::kit::{ids, noon, spec};

/// A post comes so often, in seconds: 4,320 a day.
const EVERY: i64 = 20;
/// Records a month: a bit less than half of what is there.
const CAP: f64 = 60_000.0;

/// A platform on which a post is written every 20 seconds, for ever.
struct Endless {
    clock: StepClock,
    answer: fn(&Request, Timestamp) -> Value,
}

#[async_trait]
impl Transport for Endless {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let now = self.clock.now();
        let body = (self.answer)(&request, now).to_string().into();
        Ok(Response { status: 200, headers: Default::default(), body, at: now })
    }
}

fn mastodon(request: &Request, now: Timestamp) -> Value {
    let min_id = request.url.query_pairs().find(|(name, _)| name == "min_id").map(|(_, id)| id.parse::<i64>().unwrap());
    let after = (min_id.unwrap_or(0) >> 16).div_euclid(1000).div_euclid(EVERY);
    let newest = now.as_second() / EVERY;
    let status = |n: i64| {
        let at = Timestamp::from_second(n * EVERY).unwrap();
        json!({"id": (at.as_millisecond() << 16).to_string(), "created_at": at.to_string(), "account": {"id": "8"},
            "content": "<p>a</p>"})
    };
    (after + 1..=newest.min(after + 40)).rev().map(status).collect()
}

fn hackernews(request: &Request, now: Timestamp) -> Value {
    let newest = now.as_second() / EVERY;
    match request.url.path().rsplit('/').next().unwrap_or_default().trim_end_matches(".json") {
        "maxitem" => json!(newest),
        "updates" => json!({"items": []}),
        id => {
            let id: i64 = id.parse().unwrap();
            match id <= newest {
                true => json!({"id": id, "type": "comment", "by": "ann", "time": id * EVERY, "text": "a"}),
                false => Value::Null,
            }
        }
    }
}

const MASTODON: &str = "name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://social.example\"\nhashtags = [\"tea\"]\n\
                        interval_seconds = 600\nlateness_seconds = 60\nrecheck_hours = 0";
const HACKERNEWS: &str = "name = \"hn\"\nkind = \"hackernews\"\nbackfill_items = 10\ninterval_seconds = 600";

struct Reading {
    clock: StepClock,
    born: Box<dyn Fn() -> Box<dyn Source>>,
}

impl Reading {
    fn new(table: &str, answer: fn(&Request, Timestamp) -> Value) -> Self {
        let clock = StepClock::at(noon());
        let platform = Arc::new(Endless { clock: clock.clone(), answer });
        let world = World::real().with_clock(Arc::new(clock.clone())).with_transport(platform);
        let spec = spec(table);
        Self { clock, born: Box::new(move || spec.build(&world)) }
    }

    /// To the end of what is there.
    async fn read_on(&self, source: &mut dyn Source, cursor: &Cursor) -> Vec<Page> {
        let mut pages = vec![source.poll(Some(cursor)).await.unwrap()];
        while pages.last().unwrap().state == Progress::Behind {
            let next = source.poll(Some(&pages.last().unwrap().cursor)).await.unwrap();
            pages.push(next);
        }
        pages
    }
}

/// What days of reading gave.
#[derive(Default)]
struct Read {
    /// When each was written, and what it stands for.
    mentions: Vec<(Timestamp, f32)>,
    spans: Vec<Sampled>,
    spent: u64,
}

/// One process a day.
async fn read_for(days: i64, table: &str, answer: fn(&Request, Timestamp) -> Value) -> Read {
    let reading = Reading::new(&format!("{table}\nspend = {{ cap = {CAP:.0} }}"), answer);
    let (mut cursor, mut kept, mut read) = (None::<Cursor>, None::<Value>, Read::default());
    for day in 1..=days {
        let mut source = (reading.born)();
        kept.iter().for_each(|saved| source.resume(saved));
        while reading.clock.now() < noon() + SignedDuration::from_hours(24 * day) {
            match source.poll(cursor.as_ref()).await {
                Ok(page) => {
                    page.events.into_iter().for_each(|event| read.take(event));
                    cursor = Some(page.cursor);
                    if page.state == Progress::CaughtUp {
                        reading.clock.advance(Duration::from_secs(30));
                    }
                }
                Err(SourceError::RateLimited { until, .. }) => {
                    let wait = until.duration_since(reading.clock.now());
                    reading.clock.advance(Duration::try_from(wait).unwrap_or_default().max(Duration::from_secs(1)));
                }
                Err(error) => panic!("{error}"),
            }
        }
        kept = source.allowance();
        read.spent = source.usage().spend.map_or(0, |spend| spend.records);
    }
    read
}

impl Read {
    fn take(&mut self, event: Event) {
        match event {
            Event::Upsert(mention) => self.mentions.push((mention.created_at, mention.weight)),
            Event::Sampled(sampled) => self.spans.push(sampled),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cap_lasts_and_each_mention_stands_for_its_share_of_what_is_there() {
    let days = 4;
    for (table, answer) in [(MASTODON, mastodon as fn(&Request, Timestamp) -> Value), (HACKERNEWS, hackernews)] {
        let read = read_for(days, table, answer).await;
        let (a_day, there) = (CAP / 31.0, (24 * 3600 * days / EVERY) as f64);
        let count = read.mentions.len() as f64;
        let weights: f64 = read.mentions.iter().map(|(_, weight)| f64::from(*weight)).sum();
        println!("{}: {count} of {there} read, standing for {weights:.0}; {} spans", &table[..10], read.spans.len());
        assert_eq!(read.spent, read.mentions.len() as u64, "{table}: each record is charged once");
        // What a day bears may be spent at once.
        assert!(count <= a_day * (days as f64 + 1.0) + 40.0, "{table}: {count} is more than the cap bears");
        assert!(count >= 0.8 * a_day * days as f64, "{table}: {count} is less than could be read");
        assert!((0.85..1.15).contains(&(weights / there)), "{table}: {weights} stand for {there}");
        assert!(read.spans.len() > 10 && read.spans.iter().all(|span| span.rate < 1.0 && span.from < span.to));
        assert!(read.spans.windows(2).all(|pair| pair[0].to <= pair[1].from), "{table}: no span is told twice");
        let is_told = |at: &Timestamp| read.spans.iter().any(|span| span.from <= *at && *at <= span.to);
        let untold = read.mentions.iter().find(|(at, weight)| *weight > 1.0 && !is_told(at));
        assert_eq!(untold, None, "{table}: what stands for others lies in a span that says so");
    }
}

#[tokio::test]
async fn without_a_cap_all_is_read_and_stands_for_itself() {
    for (table, answer) in [(MASTODON, mastodon as fn(&Request, Timestamp) -> Value), (HACKERNEWS, hackernews)] {
        let reading = Reading::new(table, answer);
        let mut source = (reading.born)();
        let mut first = vec![source.poll(None).await.unwrap()];
        let from = first[0].cursor.clone();
        first.extend(reading.read_on(&mut *source, &from).await);
        reading.clock.advance(Duration::from_secs(3600));
        let cursor = first.last().unwrap().cursor.clone();
        let events: Vec<Event> =
            reading.read_on(&mut *source, &cursor).await.into_iter().flat_map(|page| page.events).collect();
        assert!(events.iter().all(|event| matches!(event, Event::Upsert(mention) if mention.weight == 1.0)));
        assert!((180..=184).contains(&events.len()), "{table}: an hour has 180, and {} were read", events.len());
    }
}

#[tokio::test]
async fn a_mastodon_cursor_of_long_ago_is_read_on_from_and_one_of_the_future_is_lost() {
    let reading = Reading::new(MASTODON, mastodon);
    let mut source = (reading.born)();
    let mut cursor = source.poll(None).await.unwrap().cursor;
    cursor = reading.read_on(&mut *source, &cursor).await.pop().unwrap().cursor;
    reading.clock.advance(Duration::from_secs(400 * 24 * 3600));
    let pages = [(reading.born)().poll(Some(&cursor)).await.unwrap()];
    let oldest = crate::kit::mentions(&pages[0].events).iter().map(|mention| mention.created_at).min().unwrap();
    assert!(oldest < noon() + SignedDuration::from_secs(60), "it goes on where it was: {oldest}");
    assert_eq!(pages[0].state, Progress::Behind, "with more than a year to read");
    // A process whose clock went wrong had written this.
    let later = reading.clock.now() + SignedDuration::from_hours(2);
    cursor.value["read_at"]["tea"] = json!(later.to_string());
    let lost = (reading.born)().poll(Some(&cursor)).await.unwrap_err();
    assert!(
        matches!(lost, SourceError::CursorLost { .. }) && lost.to_string().contains("lies in the future"),
        "{lost}"
    );
}

#[tokio::test]
async fn a_hackernews_cursor_far_from_the_newest_item_is_lost_and_says_since_when() {
    let reading = Reading::new(HACKERNEWS, hackernews);
    let mut source = (reading.born)();
    let page = source.poll(None).await.unwrap();
    assert_eq!(ids(&page.events).len(), 10);
    let newest = page.cursor.value["next"].as_u64().unwrap() - 1;
    let (near, far, ahead) = (newest - 900_000, newest - 1_100_000, newest + 2_000);
    for (next, is_lost) in [(near, false), (far, true), (ahead, true)] {
        let mut cursor = page.cursor.clone();
        cursor.value["next"] = next.into();
        match ((reading.born)().poll(Some(&cursor)).await, is_lost) {
            (Ok(page), false) => assert_eq!(ids(&page.events)[0], near.to_string(), "it goes on where it was"),
            (Err(SourceError::CursorLost { from, to, reason }), true) => {
                assert_eq!((from, to), (Some(noon()), None), "since the newest that was read");
                assert!(reason.contains(&format!("far from the checkpoint at {next}")), "{reason}");
            }
            (other, _) => panic!("{next}: {other:?}"),
        }
    }
}
