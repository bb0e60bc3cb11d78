//! A broker that is killed (-9) and started again, time after time, under members that append, read and commit: they go
//! on by themselves, and nothing that was acknowledged is lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use grapevine_log::{
    Commit, Commits, Consumer, Log, LogError, Offsets, StartAt, TopicSpec,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_testkit::kafka::{Broker, required_own};

use crate::place::{DAY, PATIENCE, at, limits, text};

const PARTITIONS: u32 = 3;
const KILLS: usize = 3;

/// Kills at moments that differ, and ends a little after the last return.
fn kill_and_restart(broker: Broker, done: &AtomicBool) -> Broker {
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(700 + 400 * kill as u64));
        broker.kill9().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        broker.restart().unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    done.store(true, Ordering::Relaxed);
    broker
}

/// Appends numbers to each partition until it is done; gives how many of each were acknowledged. What failed is appended
/// again, so a number may stand there twice.
async fn append_numbers(log: Arc<KafkaLog>, done: Arc<AtomicBool>) -> u64 {
    let mut next = 0;
    while !done.load(Ordering::Relaxed) {
        let numbers = (next..next + 20).flat_map(|n| (0..PARTITIONS).map(move |part| at(part, format!("{n}"))));
        match log.append("t", numbers.collect()).await {
            Ok(()) => next += 20,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    next
}

/// What a member has seen, as a stage would keep it: what is revoked is void up to its commit.
#[derive(Default)]
struct Reader {
    next: Offsets,
    committed: Offsets,
    numbers: BTreeMap<(u32, u64), u64>,
    commits: u64,
}

impl Reader {
    async fn step(&mut self, consumer: &mut dyn Consumer) {
        let polled = consumer.poll(limits(200, 1 << 20, 200)).await.unwrap();
        for part in polled.revoked {
            self.next.insert(part, *self.committed.get(&part).unwrap_or(&0));
        }
        for one in polled.records {
            let next = self.next.entry(one.partition).or_default();
            assert_eq!(one.offset, *next, "partition {}: skipped, or read twice", one.partition);
            *next += 1;
            self.numbers.insert((one.partition, one.offset), text(&one.value).parse().unwrap());
        }
        let ahead = |part: &u32, next: &u64| self.committed.get(part) != Some(next);
        let commits: Commits = self
            .next
            .iter()
            .filter(|(part, next)| ahead(part, next) && consumer.assignment().contains(part))
            .map(|(part, next)| (*part, Commit { next: *next, note: format!("up to {next}") }))
            .collect();
        match consumer.commit_noted(&commits).await {
            Ok(()) => {
                self.commits += u64::from(!commits.is_empty());
                self.committed.extend(commits.into_iter().map(|(part, commit)| (part, commit.next)));
            }
            Err(LogError::NotAssigned(_)) => {}
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

async fn connect(broker: &Broker) -> Arc<KafkaLog> {
    let options = KafkaOptions { patience: Duration::from_secs(60), ..KafkaOptions::new(broker.address()) };
    let log = KafkaLog::connect(options).await.unwrap();
    log.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: PARTITIONS, keep: DAY }]).await.unwrap();
    Arc::new(log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appending_reading_and_committing_go_on_over_killed_brokers() {
    let Some(broker) = tokio::task::spawn_blocking(required_own).await.unwrap() else { return };
    let log = connect(&broker).await;
    let done = Arc::new(AtomicBool::new(false));
    let ended = done.clone();
    let killer = tokio::task::spawn_blocking(move || kill_and_restart(broker, &ended));
    let appender = tokio::spawn(append_numbers(log.clone(), done.clone()));
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let mut reader = Reader::default();
    while !done.load(Ordering::Relaxed) {
        reader.step(consumer.as_mut()).await;
    }
    let (broker, acked) = (killer.await.unwrap(), appender.await.unwrap());
    let ends: Offsets = log.bounds("t").await.unwrap().into_iter().map(|(part, (_, next))| (part, next)).collect();
    let began = Instant::now();
    while reader.committed != ends {
        reader.step(consumer.as_mut()).await;
        assert!(began.elapsed() < PATIENCE, "{:?} of {ends:?}", reader.committed);
    }
    let read = log.commits("t", "g").await.unwrap();
    assert!(
        read.iter().all(|(part, commit)| commit.next == ends[part] && commit.note == format!("up to {}", ends[part]))
    );
    assert!(acked > 0 && reader.commits > KILLS as u64, "{acked} appended, {} commits", reader.commits);
    for part in 0..PARTITIONS {
        let mut numbers: Vec<u64> = reader.numbers.range((part, 0)..(part + 1, 0)).map(|(_, number)| *number).collect();
        // An append that failed and was made again may have begun the first time: a block of twenty, again in order.
        numbers.dedup();
        let sorted: std::collections::BTreeSet<u64> = numbers.iter().copied().collect();
        assert!((0..acked).all(|number| sorted.contains(&number)), "partition {part}: an acknowledged number is lost");
        assert!(
            numbers.windows(2).all(|two| two[1] == two[0] + 1 || two[1] % 20 == 0),
            "partition {part}: out of order"
        );
    }
    drop(broker);
}
