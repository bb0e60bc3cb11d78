//! Members that join, read, commit, tend and leave at random, three at a time, while records arrive.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use grapevine_log::{Commit, Commits, Consumer, Log, LogError, Offsets, Polled, StartAt};
use parking_lot::Mutex;

use crate::place::{DAY, Place, at, limits, read_n};

const PARTITIONS: u32 = 4;
const LASTS: Duration = Duration::from_secs(5);

/// What all members have seen and committed.
#[derive(Default)]
struct Ledger {
    seen: BTreeMap<u32, BTreeSet<u64>>,
    committed: Offsets,
    commits: u32,
    refused: u32,
}

struct Member {
    consumer: Box<dyn Consumer>,
    next: Offsets,
    ledger: Arc<Mutex<Ledger>>,
}

impl Member {
    async fn step(&mut self, roll: u64) {
        let polled = match roll % 4 {
            0 => self.consumer.tend(Duration::from_millis(30)).await.unwrap(),
            _ => self.consumer.poll(limits(20, 1 << 20, 50)).await.unwrap(),
        };
        self.take(polled);
        let commits: Commits = self
            .next
            .iter()
            .map(|(part, next)| (*part, Commit { next: *next, note: format!("up to {next}") }))
            .collect();
        match self.consumer.commit_noted(&commits).await {
            Ok(()) => {
                let mut ledger = self.ledger.lock();
                ledger.commits += 1;
                for (part, next) in &self.next {
                    let known = ledger.committed.entry(*part).or_default();
                    *known = (*known).max(*next);
                }
            }
            Err(LogError::NotAssigned(_)) => {
                // Nothing of this member counts any more, until a poll says what it still has.
                self.ledger.lock().refused += 1;
                self.next.clear();
            }
            // A rebalance that takes long: the same commit is made again with the next step.
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }

    fn take(&mut self, polled: Polled) {
        for part in polled.revoked {
            self.next.remove(&part);
        }
        let mut ledger = self.ledger.lock();
        for one in polled.records {
            let done = *ledger.committed.get(&one.partition).unwrap_or(&0);
            assert!(
                one.offset >= done,
                "partition {}: {} is read after {done} was committed",
                one.partition,
                one.offset
            );
            let next = self.next.insert(one.partition, one.offset + 1);
            assert!(
                next.is_none_or(|next| next == one.offset),
                "partition {}: {next:?}, {}",
                one.partition,
                one.offset
            );
            ledger.seen.entry(one.partition).or_default().insert(one.offset);
        }
    }
}

/// One after the other at one place in the group, each for some steps.
async fn members(log: Arc<dyn Log>, topic: String, ledger: Arc<Mutex<Ledger>>, seed: u64) {
    let began = Instant::now();
    let mut dice = seed;
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice >> 33
    };
    while began.elapsed() < LASTS {
        let consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
        let mut member = Member { consumer, next: Offsets::new(), ledger: ledger.clone() };
        // Not while it joins: a broker hears of that leave late, and holds the group back until the session ends.
        let joining = Instant::now();
        while member.consumer.assignment().is_empty() && joining.elapsed() < LASTS {
            member.step(roll()).await;
        }
        for _ in 0..10 + roll() % 30 {
            member.step(roll()).await;
        }
    }
}

pub async fn members_that_come_and_go_never_read_what_was_committed(place: &Place) {
    let (log, topic) = place.with_topic(PARTITIONS, DAY).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut places = Vec::new();
    for seed in 1..4 {
        places.push(tokio::spawn(members(place.open().await, topic.clone(), ledger.clone(), seed)));
    }
    let began = Instant::now();
    let mut appended = 0;
    while began.elapsed() < LASTS {
        log.append(&topic, (0..PARTITIONS).map(|part| at(part, "x")).collect()).await.unwrap();
        appended += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    futures::future::try_join_all(places).await.unwrap();

    let committed = log.committed(&topic, "g").await.unwrap();
    let left = u64::from(PARTITIONS) * appended - committed.values().sum::<u64>();
    let mut last = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let rest = read_n(last.as_mut(), left as usize).await;
    let mut ledger = ledger.lock();
    assert_eq!(ledger.committed, committed, "no commit went back");
    assert!(ledger.commits > 20, "{} commits, {} refused", ledger.commits, ledger.refused);
    for one in rest {
        ledger.seen.entry(one.partition).or_default().insert(one.offset);
    }
    for part in 0..PARTITIONS {
        assert!(ledger.seen[&part].iter().copied().eq(0..appended), "partition {part}: a record was skipped");
    }
}
