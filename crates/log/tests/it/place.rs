//! Where a test's log lives: a temporary file, or the broker that the tests of this process share.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use grapevine_log::{
    Consumer, Log, PollLimits, Polled, Received, Record, Retention, TopicSpec,
    embedded::{EmbeddedLog, EmbeddedOptions},
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_testkit::kafka::{self, Broker};
use tempfile::TempDir;

/// Each open log stands for a process: several of one place share what is stored.
pub enum Place {
    File(TempDir),
    Cluster(&'static Broker),
}

pub fn quick() -> EmbeddedOptions {
    EmbeddedOptions { lease: Duration::from_secs(2), upkeep: Duration::from_millis(200), ..Default::default() }
}

/// The shortest session that a broker allows.
pub fn quick_kafka(address: String) -> KafkaOptions {
    let mut options = KafkaOptions::new(address);
    options.properties.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    options
}

pub fn file_in(dir: &TempDir) -> PathBuf {
    dir.path().join("log.db")
}

impl Place {
    pub fn file() -> Place {
        Place::File(tempfile::tempdir().unwrap())
    }

    /// `None` where the tests run without Kafka.
    pub async fn cluster() -> Option<Place> {
        tokio::task::spawn_blocking(kafka::required).await.unwrap().map(Place::Cluster)
    }

    pub async fn open(&self) -> Arc<dyn Log> {
        match self {
            Place::File(dir) => Arc::new(EmbeddedLog::open_with(file_in(dir), quick()).unwrap()),
            Place::Cluster(broker) => Arc::new(KafkaLog::connect(quick_kafka(broker.address())).await.unwrap()),
        }
    }

    /// Opens the log with a new topic, whose name no other test has.
    pub async fn with_topic(&self, partitions: u32, keep: Retention) -> (Arc<dyn Log>, String) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let log = self.open().await;
        log.ensure_topics(&[TopicSpec { name: name.clone(), partitions, keep }]).await.unwrap();
        (log, name)
    }
}

pub const DAY: Retention = Retention::For(Duration::from_secs(24 * 3600));
/// Generous: a Kafka group takes seconds to settle on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(45);

pub fn record(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Record {
    Record { key: key.as_ref().to_vec(), value: value.as_ref().to_vec(), partition: None }
}

pub fn at(partition: u32, value: impl AsRef<[u8]>) -> Record {
    Record { key: Vec::new(), value: value.as_ref().to_vec(), partition: Some(partition) }
}

pub fn limits(records: usize, bytes: usize, wait_ms: u64) -> PollLimits {
    PollLimits { records, bytes, wait: Duration::from_millis(wait_ms) }
}

/// Polls until `enough` says so; panics when it takes too long.
pub async fn poll_until(
    consumer: &mut dyn Consumer,
    limits: PollLimits,
    mut enough: impl FnMut(&[Received], &Polled, &[u32]) -> bool,
) -> Vec<Received> {
    let began = Instant::now();
    let mut all: Vec<Received> = Vec::new();
    loop {
        let mut polled = consumer.poll(limits).await.unwrap();
        all.append(&mut polled.records);
        if enough(&all, &polled, &consumer.assignment()) {
            return all;
        }
        assert!(began.elapsed() < PATIENCE, "gave up with {} records, {:?}", all.len(), consumer.assignment());
    }
}

pub async fn read_n(consumer: &mut dyn Consumer, count: usize) -> Vec<Received> {
    poll_until(consumer, limits(10_000, 64 << 20, 500), |all, _, _| all.len() >= count).await
}

pub async fn settle_on(consumer: &mut dyn Consumer, partitions: usize) -> Vec<Received> {
    poll_until(consumer, limits(100, 1 << 20, 100), |_, _, assigned| assigned.len() == partitions).await
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
