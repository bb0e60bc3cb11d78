//! A definition's spend cap: what is read of a listing that has more than it bears.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use grapevine_model::{Event, Sampled};
use grapevine_sources::{
    Clock, Cursor, Progress, SourceError, World,
    conformance::StepClock,
    http::{Request, Response, Transport},
    parse,
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::kit::noon;

/// Posts come so often, and stand on pages of so many.
const EVERY: i64 = 20;
const PER_PAGE: i64 = 50;

/// A listing that never ends, newest first.
#[derive(Clone)]
struct Platform {
    clock: StepClock,
    served: Arc<Mutex<u64>>,
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let page = request.url.query_pairs().find(|(name, _)| name == "p").map_or(1, |(_, page)| page.parse().unwrap());
        let newest = self.clock.now().as_second() / EVERY - (page - 1) * PER_PAGE;
        let item = |n: i64| json!({"id": n, "at": n * EVERY, "text": format!("post {n}")});
        let items: Vec<Value> = (0..PER_PAGE).map(|nth| item(newest - nth)).collect();
        *self.served.lock() += PER_PAGE as u64;
        let body = json!({"items": items}).to_string().into();
        Ok(Response { status: 200, headers: Default::default(), body, at: self.clock.now() })
    }
}

const DEFINITION: &str = r#"
name = "small"
doc = "A small platform."
terms = "None."
poll = { every = "30m", backfill = "1h", look_back = "40m", lateness = "5m" }
quota = { spend = { cap = 60000 } }
[[listing]]
name = "posts"
records = ["items"]
paging = { kind = "page" }
request = { url = "https://a.example/posts", query = { p = "{page}" } }
[listing.map]
id = "id"
created_at = { from = "at", as = "unix_s" }
text = "text"
"#;

/// What three days of reading gave.
struct Read {
    records: u64,
    mentions: u64,
    weights: f64,
    spans: Vec<Sampled>,
    spent: u64,
}

/// One process reads for so long; another one every day.
async fn read_for(days: i64) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.toml");
    std::fs::write(&file, DEFINITION).unwrap();
    let table = format!("name = 's'\nkind = 'declarative'\ndefinition = '{}'", file.display());
    let clock = StepClock::at(noon());
    let platform = Platform { clock: clock.clone(), served: Arc::default() };
    let world = World::real().with_clock(Arc::new(clock.clone())).with_transport(Arc::new(platform.clone()));
    let spec = parse(&toml::from_str(&table).unwrap()).unwrap();
    let (mut cursor, mut kept): (Option<Cursor>, Option<Value>) = (None, None);
    let mut read = Read { records: 0, mentions: 0, weights: 0.0, spans: Vec::new(), spent: 0 };
    for day in 1..=days {
        let mut source = spec.build(&world);
        kept.iter().for_each(|saved| source.resume(saved));
        while clock.now() < noon() + SignedDuration::from_hours(24 * day) {
            match source.poll(cursor.as_ref()).await {
                Ok(page) => {
                    read.take(&page.events);
                    cursor = Some(page.cursor);
                    if page.state == Progress::CaughtUp {
                        clock.advance(Duration::from_secs(60));
                    }
                }
                Err(SourceError::RateLimited { until, .. }) => clock.advance(passed(&clock, until)),
                Err(error) => panic!("{error}"),
            }
        }
        kept = source.allowance();
        read.spent = source.usage().spend.map_or(0, |spend| spend.records);
    }
    read.records = *platform.served.lock();
    read
}

fn passed(clock: &StepClock, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(clock.now())).unwrap_or_default().max(Duration::from_secs(1))
}

impl Read {
    fn take(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Upsert(mention) => {
                    self.mentions += 1;
                    self.weights += f64::from(mention.weight);
                }
                Event::Sampled(sampled) => self.spans.push(sampled.clone()),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_cap_is_kept_and_what_is_read_stands_for_what_is_there() {
    let days = 6;
    let read = read_for(days).await;
    // A day's worth may be spent at once; the cap is for the 31 days of March.
    let a_day = 60_000.0 / 31.0;
    let borne = a_day * (days as f64 + 1.0);
    assert_eq!(read.spent, read.records, "every record that was shown is charged");
    assert!(read.records as f64 <= borne + 2.0 * PER_PAGE as f64, "{} of {borne}", read.records);
    assert!(read.records as f64 >= 0.8 * a_day * days as f64, "{} of {borne} are used", read.records);
    let there = (24 * 3600 * days / EVERY) as f64;
    assert!((read.mentions as f64) < 0.6 * there, "{} of {there} is no sample", read.mentions);
    assert!((0.8..1.25).contains(&(read.weights / there)), "{} stand for {there}", read.weights);
    assert!(read.spans.len() > 10 && read.spans.iter().all(|span| span.rate < 1.0 && span.from < span.to));
    assert!(read.spans.windows(2).all(|pair| pair[0].to <= pair[1].from), "no span is told twice");
    assert!(read.spans[0].reason.contains("60000 records a month"), "{}", read.spans[0].reason);
}
