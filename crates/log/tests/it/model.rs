//! The log in a file against a model in memory: any order of appends, reads, commits, seeks and reopenings.

use std::{collections::BTreeMap, time::Duration};

use grapevine_log::{
    Commit, Commits, Consumer, Log, Offsets, Record, StartAt, TopicSpec, embedded::EmbeddedLog, partition_of,
};
use proptest::prelude::*;

use crate::place::{DAY, limits, quick};

const PARTITIONS: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u8, usize, Option<u32>)>),
    Poll {
        records: usize,
        bytes: usize,
    },
    /// Commits what was read so far, less this many records of each partition.
    Commit {
        behind: u64,
        note: Option<String>,
    },
    /// Another member comes and goes: what it had been dealt is read again.
    Visit,
    /// Reads again from the last commits.
    Rewind,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let record = (any::<u8>(), 0usize..3_000, prop::option::weighted(0.2, 0..PARTITIONS));
    prop_oneof![
        4 => prop::collection::vec(record, 0..30).prop_map(Step::Append),
        4 => (1usize..40, 1usize..20_000).prop_map(|(records, bytes)| Step::Poll { records, bytes }),
        2 => (0u64..4, prop::option::of(".{0,40}")).prop_map(|(behind, note)| Step::Commit { behind, note }),
        1 => Just(Step::Visit),
        1 => Just(Step::Rewind),
        1 => Just(Step::Reopen),
    ]
}

/// Key and value.
type Pair = (Vec<u8>, Vec<u8>);

/// What the log must hold.
#[derive(Default)]
struct Model {
    stored: BTreeMap<u32, Vec<Pair>>,
    positions: Offsets,
    committed: Commits,
}

impl Model {
    fn committed(&self) -> Offsets {
        self.committed.iter().map(|(part, commit)| (*part, commit.next)).collect()
    }
}

struct System {
    dir: tempfile::TempDir,
    log: EmbeddedLog,
    consumer: Box<dyn Consumer>,
    model: Model,
}

impl System {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open_with(dir.path().join("log.db"), quick()).unwrap();
        log.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: PARTITIONS, keep: DAY }]).await.unwrap();
        let consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
        System { dir, log, consumer, model: Model::default() }
    }

    async fn apply(mut self, step: Step) -> Self {
        match step {
            Step::Append(records) => self.append(records).await,
            Step::Poll { records, bytes } => self.poll(records, bytes).await,
            Step::Commit { behind, note } => self.commit(behind, note).await,
            Step::Visit => self.visit().await,
            Step::Rewind => {
                let committed = self.model.committed();
                self.consumer.seek(&committed).await.unwrap();
                self.model.positions.extend(committed);
            }
            Step::Reopen => {
                let System { dir, log, consumer, mut model } = self;
                drop((consumer, log));
                model.positions = model.committed();
                let log = EmbeddedLog::open_with(dir.path().join("log.db"), quick()).unwrap();
                let consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
                self = System { dir, log, consumer, model };
            }
        }
        self.compare().await;
        self
    }

    async fn append(&mut self, records: Vec<(u8, usize, Option<u32>)>) {
        let mut batch = Vec::new();
        for (key, size, partition) in records {
            let (key, value) = (vec![key], vec![key; size]);
            let part = partition.unwrap_or_else(|| partition_of(&key, PARTITIONS));
            self.model.stored.entry(part).or_default().push((key.clone(), value.clone()));
            batch.push(Record { key, value, partition });
        }
        self.log.append("t", batch).await.unwrap();
    }

    async fn poll(&mut self, records: usize, bytes: usize) {
        let got = self.consumer.poll(limits(records, bytes, 0)).await.unwrap().records;
        let size: usize = got.iter().map(|record| record.key.len() + record.value.len()).sum();
        assert!(got.len() <= records && (size <= bytes || got.len() == 1), "{} records, {size} bytes", got.len());
        let left = self
            .model
            .stored
            .iter()
            .any(|(part, all)| (*self.model.positions.get(part).unwrap_or(&0) as usize) < all.len());
        assert_eq!(left, !got.is_empty(), "something to read, or nothing");
        for record in got {
            let position = self.model.positions.entry(record.partition).or_default();
            assert_eq!(record.offset, *position);
            let (key, value) = &self.model.stored[&record.partition][*position as usize];
            assert!(record.key == *key && record.value == *value);
            *position += 1;
        }
    }

    async fn commit(&mut self, behind: u64, note: Option<String>) {
        let offsets: Offsets =
            self.model.positions.iter().map(|(part, next)| (*part, next.saturating_sub(behind))).collect();
        let noted = |note: &str| -> Commits {
            offsets.iter().map(|(part, next)| (*part, Commit { next: *next, note: note.to_owned() })).collect()
        };
        let commits = noted(note.as_deref().unwrap_or_default());
        match note {
            Some(_) => self.consumer.commit_noted(&commits).await.unwrap(),
            None => self.consumer.commit(&offsets).await.unwrap(),
        }
        self.model.committed.extend(commits);
    }

    async fn visit(&mut self) {
        drop(self.log.consumer("t", "g", StartAt::Oldest).await.unwrap());
        // Writes go in turn: once this one is done, the visitor has left.
        self.log.append("t", Vec::new()).await.unwrap();
        let polled = self.consumer.tend(Duration::ZERO).await.unwrap();
        assert!(polled.assignment_changed && polled.records.is_empty() && polled.revoked.len() == 1, "{polled:?}");
        let committed = self.model.committed();
        for part in polled.revoked {
            self.model.positions.insert(part, *committed.get(&part).unwrap_or(&0));
        }
    }

    async fn compare(&self) {
        assert_eq!(self.log.commits("t", "g").await.unwrap(), self.model.committed);
        for (part, bounds) in self.log.bounds("t").await.unwrap() {
            let count = self.model.stored.get(&part).map_or(0, Vec::len) as u64;
            assert_eq!(bounds, if count == 0 { (0, 0) } else { (0, count) });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_file_behaves_like_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut system = System::new().await;
            for step in steps {
                system = system.apply(step).await;
            }
        });
    }
}
