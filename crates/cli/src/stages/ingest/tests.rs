use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use grapevine_log::{Log, PollLimits, embedded::EmbeddedLog};
use grapevine_model::{Author, Heartbeat, Mention, MentionKey, SourceHealth};
use serde_json::json;

use super::*;
use crate::{config::Config, parts, stages};

#[test]
fn a_heartbeat_goes_to_every_partition() {
    let time = Timestamp::UNIX_EPOCH;
    let heartbeat =
        Heartbeat { source: "a".into(), complete_through: time, observed_at: time, caught_up: false, closes: None };
    let records = records_of(&Event::Heartbeat(heartbeat), 3);
    assert_eq!(records.iter().map(|record| record.partition).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
}

/// What a scripted source does when it is polled for the nth time in this process, over all its lives.
type Script = Arc<dyn Fn(u32, Option<&Cursor>) -> Act + Send + Sync>;

enum Act {
    Give(Page),
    Fail(SourceError),
    Hang,
    Panic,
}

#[derive(Clone)]
struct Scripted {
    script: Script,
    polls: Arc<AtomicU32>,
    built: Arc<AtomicU32>,
    resumed: Arc<Mutex<Vec<Value>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a script")
    }
}

impl Scripted {
    fn new(script: impl Fn(u32, Option<&Cursor>) -> Act + Send + Sync + 'static) -> Self {
        let (polls, built, resumed) = Default::default();
        Self { script: Arc::new(script), polls, built, resumed }
    }

    fn polls(&self) -> u32 {
        self.polls.load(Ordering::SeqCst)
    }
}

impl SourceSpec for Scripted {
    fn name(&self) -> &str {
        "masto"
    }

    fn kind(&self) -> &'static str {
        "mastodon"
    }

    fn build(&self, _world: &World) -> Box<dyn Source> {
        self.built.fetch_add(1, Ordering::SeqCst);
        Box::new(self.clone())
    }
}

#[async_trait]
impl Source for Scripted {
    async fn check(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        match (self.script)(self.polls.fetch_add(1, Ordering::SeqCst), cursor) {
            Act::Give(page) => Ok(page),
            Act::Fail(error) => Err(error),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("index out of bounds"),
        }
    }

    fn allowance(&self) -> Option<Value> {
        Some(json!({ "polls": self.polls() }))
    }

    fn resume(&mut self, saved: &Value) {
        self.resumed.lock().unwrap().push(saved.clone());
    }
}

fn cursor(at: u32) -> Cursor {
    Cursor { version: 1, value: at.into() }
}

fn mention(id: u32) -> Event {
    let key = MentionKey::new("mastodon", "m.example", id.to_string());
    Event::Upsert(Box::new(Mention::new(key, Author::default(), Timestamp::now(), "kettle")))
}

fn page(at: u32, events: Vec<Event>, state: Progress) -> Act {
    let complete_through = Some(Timestamp::now());
    Act::Give(Page { events, rejected: Vec::new(), cursor: cursor(at), complete_through, state })
}

struct Bench {
    log: Arc<dyn Log>,
    pipeline: Pipeline,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(folder.path().join("log.db")).unwrap());
        let config: Config = toml::from_str("").unwrap();
        stages::ensure_topics(&*log, &config).await.unwrap();
        let open = parts::store_without_connection(&config).unwrap();
        let pipeline = Pipeline::new(config, log.clone(), &open, tokio_util::sync::CancellationToken::new());
        Self { log, pipeline, _folder: folder }
    }

    fn ingestor(&self, source: &Scripted) -> Ingestor {
        let spec = Box::new(source.clone());
        let ingestor = Ingestor::new(self.pipeline.clone(), spec, HoldsBack::default(), World::real());
        Ingestor { stay_every: Duration::from_millis(20), ..ingestor }
    }

    /// Runs it until the log holds what is looked for.
    async fn run_until(&self, ingestor: Ingestor, found: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let stop = self.pipeline.shutdown.clone();
        let running = tokio::spawn(ingestor.run());
        let events = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let events = self.said().await;
                if found(&events) {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let events = events.await.expect("what is looked for comes");
        stop.cancel();
        running.await.unwrap();
        events
    }

    /// All that the first partition has, and what is keyed.
    async fn said(&self) -> Vec<Event> {
        let limits = PollLimits { records: 10_000, bytes: 1 << 20, wait: Duration::ZERO };
        let mut events = Vec::new();
        for partition in 0..self.pipeline.config.log.partitions {
            let records = self.log.read(topics::RAW, partition, 0, limits).await.unwrap();
            let read = records.iter().map(|record| wire::decode(&record.value).unwrap());
            events.extend(read.filter(|event| partition == 0 || event.partition_key().is_some()));
        }
        events
    }

    async fn state(&self) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
        self.log.table(topics::STATE).await.unwrap()
    }
}

fn health<'a>(events: &'a [Event], state: &str) -> Option<&'a SourceHealth> {
    events.iter().find_map(|event| match event {
        Event::SourceHealth(health) if health.state == state => Some(&**health),
        _ => None,
    })
}

fn mentions(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Upsert(_))).count()
}

#[tokio::test]
async fn a_source_that_waits_for_its_quota_says_that_it_is_as_complete_as_it_was() {
    let bench = Bench::new().await;
    let mut ingestor = bench.ingestor(&Scripted::new(|_, _| Act::Hang));
    ingestor.promised = Some((Timestamp::UNIX_EPOCH, true));
    let until = Timestamp::now() + SignedDuration::from_millis(200);
    let limited = Failure::Source(SourceError::RateLimited { until, message: "300 an hour".into() });
    let wait = ingestor.fail(&mut Failures::default(), &limited).await;
    assert!(ingestor.wait(wait).await);

    let said = bench.said().await;
    let heartbeats: Vec<&Heartbeat> = said
        .iter()
        .filter_map(|event| if let Event::Heartbeat(heartbeat) = event { Some(heartbeat) } else { None })
        .collect();
    assert!(heartbeats.len() >= 2, "{} heartbeats in ten times their pause", heartbeats.len());
    for heartbeat in heartbeats {
        assert_eq!((heartbeat.complete_through, heartbeat.caught_up), (Timestamp::UNIX_EPOCH, true));
    }
    let health = health(&said, "waiting").expect("it is reported");
    assert_eq!((health.errors.get("limited"), health.kind.as_str()), (Some(&1), "mastodon"));
    let shown = ingestor.pipeline.status.snapshot().sources[0].clone();
    assert_eq!(shown.state, SourceState::Waiting);
    assert!(shown.message.unwrap().starts_with("waits for its quota until "));
    let mark = Mark::of(&bench.state().await, "masto").unwrap();
    assert_eq!(mark.state, SourceState::Waiting);
}

#[tokio::test]
async fn a_cursor_that_is_lost_is_a_gap_and_a_fresh_start() {
    let bench = Bench::new().await;
    let complete = Timestamp::now() - SignedDuration::from_hours(5);
    let mark =
        Mark { complete_through: Some(complete), ..Mark::after(None, SourceState::Live, None, complete).unwrap() };
    let saved = vec![mark.record("masto"), saved::checkpoint("masto", &cursor(7))];
    bench.log.append(topics::STATE, saved).await.unwrap();
    let source = Scripted::new(|_, cursor| match cursor {
        Some(cursor) if cursor.value == 7 => Act::Fail(SourceError::cursor_lost("the cursor is older than 36 h")),
        None => page(100, vec![mention(1)], Progress::CaughtUp),
        Some(_) => page(100, Vec::new(), Progress::CaughtUp),
    });
    let events = bench.run_until(bench.ingestor(&source), |events| health(events, "live").is_some()).await;
    let gap = events.iter().find_map(|event| if let Event::Gap(gap) = event { Some(gap) } else { None }).unwrap();
    assert_eq!((gap.from, gap.reason.as_str()), (complete, "the cursor is older than 36 h"));
    assert!(gap.to > Timestamp::now() - SignedDuration::from_mins(1));
    assert_eq!(mentions(&events), 1, "it reads on");
    let health = health(&events, "live").unwrap();
    let message = health.message.clone().unwrap();
    assert!(
        message.starts_with("the cursor is older than 36 h; it began anew, and what was created from "),
        "{message}"
    );
    let state = bench.state().await;
    let saved: Cursor = serde_json::from_slice(&state[&b"checkpoint:masto"[..]]).unwrap();
    assert_eq!(saved, cursor(100));
}

#[tokio::test]
async fn a_checkpoint_that_is_no_cursor_is_a_gap_too() {
    let bench = Bench::new().await;
    let record = Record { key: b"checkpoint:masto".to_vec(), value: b"{".to_vec(), partition: Some(0) };
    bench.log.append(topics::STATE, vec![record]).await.unwrap();
    let source = Scripted::new(|_, _| page(1, Vec::new(), Progress::CaughtUp));
    let events = bench.run_until(bench.ingestor(&source), |events| health(events, "live").is_some()).await;
    let gap = events.iter().find_map(|event| if let Event::Gap(gap) = event { Some(gap) } else { None }).unwrap();
    assert_eq!(gap.from, Timestamp::UNIX_EPOCH, "nobody knows since when");
    assert!(gap.reason.starts_with("the saved checkpoint can not be read"), "{}", gap.reason);
}

#[tokio::test]
async fn one_that_loses_its_place_where_it_begins_anew_stops_and_says_so() {
    let bench = Bench::new().await;
    let source = Scripted::new(|_, _| Act::Fail(SourceError::cursor_lost("no place")));
    let events = bench.run_until(bench.ingestor(&source), |events| health(events, "failed").is_some()).await;
    let message = health(&events, "failed").unwrap().message.clone().unwrap();
    assert_eq!(message, "it loses its place also where it begins anew: no place");
    assert_eq!(source.polls(), 1);
}

#[tokio::test]
async fn a_poll_that_never_returns_is_told_as_stalled_and_then_given_up() {
    let bench = Bench::new().await;
    let source =
        Scripted::new(|nth, _| if nth == 0 { Act::Hang } else { page(1, vec![mention(1)], Progress::CaughtUp) });
    let mut ingestor = bench.ingestor(&source);
    ingestor.patience = Patience { stalled: Duration::from_millis(100), given_up: Duration::from_millis(300) };
    let events = bench.run_until(ingestor, |events| mentions(events) == 1).await;
    let message = health(&events, "stalled").expect("it is told").message.clone().unwrap();
    assert!(message.starts_with("a poll has not returned for 0 s"), "{message}");
    assert!(health(&events, "retrying").is_some(), "then it is given up");
    assert_eq!(source.built.load(Ordering::SeqCst), 2, "and built anew");
}

#[tokio::test]
async fn a_source_that_panics_is_built_anew_and_harms_no_other() {
    let bench = Bench::new().await;
    let source =
        Scripted::new(|nth, _| if nth == 0 { Act::Panic } else { page(1, vec![mention(1)], Progress::CaughtUp) });
    let events = bench.run_until(bench.ingestor(&source), |events| mentions(events) == 1).await;
    let message = health(&events, "retrying").unwrap().message.clone().unwrap();
    assert_eq!(message, "a mistake in the program: index out of bounds; the source is built anew");
    assert_eq!(*source.resumed.lock().unwrap(), [json!({ "polls": 1 })], "what it had asked is not forgotten");
}

#[tokio::test]
async fn what_was_counted_of_a_quota_is_saved_with_the_checkpoint_and_resumed() {
    let bench = Bench::new().await;
    let source = Scripted::new(|nth, _| page(nth, vec![mention(nth)], Progress::Behind));
    bench.run_until(bench.ingestor(&source), |events| mentions(events) >= 3).await;
    let state = bench.state().await;
    let saved: Cursor = serde_json::from_slice(&state[&b"checkpoint:masto"[..]]).unwrap();
    let allowance: Value = serde_json::from_slice(&state[&b"allowance:masto"[..]]).unwrap();
    assert_eq!(allowance["polls"].as_u64(), saved.value.as_u64().map(|nth| nth + 1), "of the page of the checkpoint");

    let again = Scripted::new(|_, _| Act::Hang);
    let ingestor = bench.ingestor(&again);
    let mut ingestor = Ingestor { page: None, ..ingestor };
    let mut source = ingestor.spec.build(&ingestor.world);
    assert!(matches!(ingestor.load(source.as_mut()).await, Ok(Turned::More)));
    assert_eq!(*again.resumed.lock().unwrap(), [allowance]);
    assert_eq!(ingestor.cursor, Some(saved));
}

#[tokio::test]
async fn a_source_that_is_refused_for_good_holds_nobody_back_for_ever() {
    let bench = Bench::new().await;
    let source = Scripted::new(|_, _| Act::Fail(SourceError::Config("no such hashtag".into())));
    let mut ingestor = bench.ingestor(&source);
    ingestor.closing = Closing::new(HoldsBack::For(SignedDuration::ZERO), Timestamp::UNIX_EPOCH);
    let closes = |events: &[Event]| {
        let closes = |event: &Event| matches!(event, Event::Heartbeat(heartbeat) if heartbeat.closes.is_some());
        events.iter().any(closes)
    };
    let events = bench.run_until(ingestor, closes).await;
    assert_eq!(health(&events, "failed").unwrap().message.as_deref(), Some("no such hashtag"));
    assert_eq!(source.polls(), 1, "that would not help");
}

#[tokio::test]
async fn one_that_promises_more_and_gives_nothing_is_not_asked_without_a_pause() {
    let bench = Bench::new().await;
    let source = Scripted::new(|_, _| page(1, Vec::new(), Progress::Behind));
    let ingestor = bench.ingestor(&source);
    let running = tokio::spawn(ingestor.run());
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.pipeline.shutdown.cancel();
    running.await.unwrap();
    assert!((2..=6).contains(&source.polls()), "{} polls in 2 s", source.polls());
}
