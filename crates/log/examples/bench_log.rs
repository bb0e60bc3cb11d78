//! Appending and reading: the embedded log, Kafka, and the disk alone, in one run on one machine.
//!
//! `cargo xtask bench log [-- --batches N]` runs it in release. Batches of 1,000 records of about 700 bytes go to three
//! partitions; an append returns when the embedded log has synced them, or Kafka's broker acknowledged them (`acks=all`;
//! a broker leaves syncing to the system). The disk's part writes the same bytes to a file and syncs it (`fdatasync`)
//! after each batch.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use grapevine_log::embedded::EmbeddedLog;
use grapevine_log::kafka::{KafkaLog, KafkaOptions};
use grapevine_log::{Log, LogError, PollLimits, Record, Retention, StartAt, TopicSpec};
use grapevine_testkit::kafka::Broker;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BATCH: usize = 1_000;
const DEFAULT_BATCHES: usize = 200;
const PARTITIONS: u32 = 3;
const TOPICS: [(&str, usize); 2] = [("one-appender", 1), ("four-appenders", 4)];
const WORDS: [&str; 16] = [
    "battery", "camera", "delivery", "support", "love", "broken", "again", "price", "update", "screen", "thanks",
    "waiting", "refund", "fast", "slow", "why",
];

/// Records a second, and megabytes of keys and values a second.
#[derive(Clone, Copy)]
struct Rate {
    records: f64,
    megabytes: f64,
}

struct Measured {
    /// In the order of [`TOPICS`].
    append: Vec<Rate>,
    read: Rate,
}

fn main() -> Outcome<()> {
    let batches = batches_wanted()?;
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bytes = (0..batches).flat_map(batch).map(|one| one.key.len() + one.value.len()).sum();
    let input = Input { batches, bytes };
    let per_record = bytes / (batches * BATCH);
    println!("{} records of {per_record} bytes, {BATCH} a batch, {PARTITIONS} partitions", batches * BATCH);

    let disk = write_and_sync(folder.path(), &input)?;
    let embedded: Arc<dyn Log> = Arc::new(EmbeddedLog::open(folder.path().join("log.db"))?);
    let embedded = runtime.block_on(measure(embedded, &input))?;
    let broker = Broker::start()?;
    let kafka = runtime.block_on(async {
        let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(KafkaOptions::new(broker.address())).await?);
        measure(log, &input).await
    })?;
    report(&embedded, &kafka, disk);
    Ok(())
}

fn batches_wanted() -> Outcome<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(DEFAULT_BATCHES),
        ["--batches", number] => Ok(number.parse()?),
        _ => Err("usage: bench_log [--batches N]".into()),
    }
}

/// What each part writes and reads.
struct Input {
    batches: usize,
    bytes: usize,
}

impl Input {
    fn rate(&self, took: Duration) -> Rate {
        let seconds = took.as_secs_f64();
        Rate { records: (self.batches * BATCH) as f64 / seconds, megabytes: self.bytes as f64 / seconds / 1e6 }
    }
}

/// Text that compresses about as well as posts do.
fn batch(number: usize) -> Vec<Record> {
    let mut dice = number as u64 + 1;
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice >> 33
    };
    let one = |index: usize| {
        let mut value = format!("{{\"id\":\"{:08x}{:08x}{:08x}\",\"text\":\"", roll(), roll(), roll());
        while value.len() < 650 {
            value += WORDS[roll() as usize % WORDS.len()];
            value += &format!(" {:x} ", roll() & 0xffff);
        }
        let key = format!("mastodon:example.social:{}", number * BATCH + index);
        Record { key: key.into_bytes(), value: value.into_bytes(), partition: None }
    };
    (0..BATCH).map(one).collect()
}

/// The clock runs while it writes and syncs, not while the bytes are made.
fn write_and_sync(folder: &Path, input: &Input) -> io::Result<Rate> {
    let mut file = std::fs::File::create(folder.join("bytes"))?;
    let mut took = Duration::ZERO;
    for number in 0..input.batches {
        let bytes: Vec<u8> = batch(number).into_iter().flat_map(|one| [one.key, one.value].concat()).collect();
        let began = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        took += began.elapsed();
    }
    Ok(input.rate(took))
}

async fn measure(log: Arc<dyn Log>, input: &Input) -> Outcome<Measured> {
    let mut append = Vec::new();
    for (topic, appenders) in TOPICS {
        let keep = Retention::For(Duration::from_secs(24 * 3600));
        log.ensure_topics(&[TopicSpec { name: topic.to_owned(), partitions: PARTITIONS, keep }]).await?;
        append.push(append_all(&log, topic, appenders, input).await?);
    }
    let read = read_all(log.as_ref(), TOPICS[0].0, input).await?;
    Ok(Measured { append, read })
}

/// Each appender waits for its batch before it sends the next.
async fn append_all(log: &Arc<dyn Log>, topic: &'static str, appenders: usize, input: &Input) -> Outcome<Rate> {
    let mut shares = vec![Vec::new(); appenders];
    (0..input.batches).for_each(|number| shares[number % appenders].push(batch(number)));
    let began = Instant::now();
    let tasks = shares.into_iter().map(|share| {
        let log = log.clone();
        tokio::spawn(async move {
            for records in share {
                log.append(topic, records).await?;
            }
            Ok::<(), LogError>(())
        })
    });
    try_join_all(tasks).await?.into_iter().collect::<Result<(), LogError>>()?;
    Ok(input.rate(began.elapsed()))
}

/// The clock starts with the first records: joining a group is not counted.
async fn read_all(log: &dyn Log, topic: &str, input: &Input) -> Outcome<Rate> {
    let mut consumer = log.consumer(topic, "bench", StartAt::Oldest).await?;
    let limits = PollLimits { records: BATCH, bytes: 64 << 20, wait: Duration::from_secs(1) };
    let first = loop {
        let polled = consumer.poll(limits).await?;
        if !polled.records.is_empty() {
            break polled.records.len();
        }
    };
    let (began, mut count) = (Instant::now(), first);
    while count < input.batches * BATCH {
        count += consumer.poll(limits).await?.records.len();
    }
    let (share, whole) = ((count - first) as f64 / count as f64, input.rate(began.elapsed()));
    Ok(Rate { records: whole.records * share, megabytes: whole.megabytes * share })
}

fn report(embedded: &Measured, kafka: &Measured, disk: Rate) {
    println!("{:22} {:>12} {:>9} {:>12} {:>9} {:>15}", "", "embedded/s", "MB/s", "kafka/s", "MB/s", "embedded:kafka");
    let rows = [
        ("append, one at a time", embedded.append[0], kafka.append[0]),
        ("append, four at a time", embedded.append[1], kafka.append[1]),
        ("read", embedded.read, kafka.read),
    ];
    for (name, ours, theirs) in rows {
        let ratio = ours.records / theirs.records;
        let (left, right) = (ours.megabytes, theirs.megabytes);
        println!("{name:22} {:>12.0} {left:>9.1} {:>12.0} {right:>9.1} {ratio:>15.2}", ours.records, theirs.records);
    }
    println!("{:22} {:>12.0} {:>9.1}   each batch written and synced", "disk alone", disk.records, disk.megabytes);
    let share = 100.0 * embedded.append[0].records / disk.records;
    println!("the embedded log appends at {share:.0} % of what the disk can do");
}
