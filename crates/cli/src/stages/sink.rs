//! `sink`: stores what was scored, with the effect of exactly once.
//!
//! A batch's offset range is persisted before the insert; after a crash the same range is inserted again under the same
//! token, which the store knows. Offsets are committed after the insert.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use grapevine_log::{Consumer, Log, Offsets, PollLimits, Received, Record, StartAt};
use grapevine_model::{topics, wire};
use grapevine_store::{Batch, Inserted};

use super::{
    Pipeline, dead_letter,
    ranges::{self, Range},
    score::unreadable,
};

const STAGE: &str = "sink";
const GROUP: &str = "sink";
/// Rows of a batch at most; every batch becomes a part on disk, so larger is better until memory says otherwise.
const BATCH: usize = 10_000;
/// How long a batch may gather records.
const LINGER: Duration = Duration::from_millis(700);

pub async fn run(pipeline: Pipeline) -> anyhow::Result<()> {
    let consumer = pipeline.log.consumer(topics::SCORED, GROUP, StartAt::Oldest).await?;
    let pending = pending_ranges(&*pipeline.log).await?;
    Sink { pipeline, consumer, pending, waiting: BTreeMap::new(), dirty: true }.run().await
}

struct Sink {
    pipeline: Pipeline,
    consumer: Box<dyn Consumer>,
    /// Ranges that were persisted by an earlier life, by partition.
    pending: BTreeMap<u32, Range>,
    waiting: BTreeMap<u32, Vec<Received>>,
    /// Some hour of the rollups may want to be rebuilt.
    dirty: bool,
}

impl Sink {
    async fn run(mut self) -> anyhow::Result<()> {
        while !self.pipeline.stopping() {
            self.gather().await?;
            let partitions: Vec<u32> = self.waiting.keys().copied().collect();
            for partition in partitions {
                self.drain(partition).await?;
            }
            self.waiting.retain(|_, records| !records.is_empty());
            if self.waiting.is_empty() && self.dirty {
                self.dirty = false;
                self.pipeline.store.rebuild_dirty().await?;
            }
        }
        Ok(())
    }

    /// Polls until a batch is full or its first record has waited long enough.
    async fn gather(&mut self) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        let mut gathered: usize = self.waiting.values().map(Vec::len).sum();
        while gathered < BATCH {
            let left = LINGER.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let polled =
                self.consumer.poll(PollLimits { records: BATCH - gathered, bytes: 32 << 20, wait: left }).await?;
            if polled.assignment_changed {
                // Another member may have stored what waits here: read on from what is committed.
                self.waiting.clear();
                self.pending = pending_ranges(&*self.pipeline.log).await?;
                gathered = 0;
            }
            gathered += polled.records.len();
            for record in polled.records {
                self.waiting.entry(record.partition).or_default().push(record);
            }
        }
        Ok(())
    }

    async fn drain(&mut self, partition: u32) -> anyhow::Result<()> {
        loop {
            let pending = self.pending.get(&partition).copied();
            let Some(waiting) = self.waiting.get_mut(&partition) else { return Ok(()) };
            let Some(records) = ranges::take_batch(waiting, pending, BATCH) else { return Ok(()) };
            self.store(partition, records).await?;
        }
    }

    async fn store(&mut self, partition: u32, records: Vec<Received>) -> anyhow::Result<()> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        let range = Range { first: first.offset, last: last.offset };
        self.persist(partition, range).await?;
        let batch = self.decode(partition, range, records).await?;
        let inserted = self.pipeline.store.insert(&batch).await?;
        crate::stages::crash_point("sink-inserted");
        self.dirty |= inserted.dirty_hours > 0;
        count(&self.pipeline, &inserted);
        let next = Offsets::from([(partition, range.last + 1)]);
        self.consumer.commit(&next).await?;
        if let Ok(bounds) = self.pipeline.log.bounds(topics::SCORED).await {
            self.pipeline.status.lag(STAGE, ranges::behind(&bounds, &next));
        }
        Ok(())
    }

    /// Saves the range before anything is inserted; see the module's words.
    async fn persist(&mut self, partition: u32, range: Range) -> anyhow::Result<()> {
        if self.pending.get(&partition) == Some(&range) {
            return Ok(());
        }
        let value = serde_json::to_vec(&range).expect("two numbers are JSON");
        let record = Record { key: pending_key(partition), value, partition: Some(0) };
        self.pipeline.log.append(topics::STATE, vec![record]).await.context("the pending range could not be saved")?;
        self.pending.insert(partition, range);
        Ok(())
    }

    /// Decodes before batching, so that one record that can not be read costs one record.
    async fn decode(&mut self, partition: u32, range: Range, records: Vec<Received>) -> anyhow::Result<Batch> {
        let mut events = Vec::with_capacity(records.len());
        let mut dead = Vec::new();
        for record in records {
            match wire::decode(&record.value) {
                Ok(event) => events.push((record.offset, event)),
                Err(error) => dead.push(unreadable(STAGE, &record, &error)),
            }
        }
        dead_letter::park(&*self.pipeline.log, &dead).await?;
        self.pipeline.status.count(STAGE, "dead_letter", dead.len() as u64);
        let topic = topics::SCORED.to_owned();
        Ok(Batch { topic, partition, first_offset: range.first, last_offset: range.last, events })
    }
}

fn count(pipeline: &Pipeline, inserted: &Inserted) {
    let outcomes = [
        ("stored", inserted.stored),
        ("replaced", inserted.replaced),
        ("superseded", inserted.superseded),
        ("unbranded", inserted.unbranded),
        ("deleted", inserted.deleted),
        ("unmatched", inserted.unmatched),
        ("tombstones", inserted.tombstones),
        ("engagement", inserted.engagement),
        ("accounts", inserted.accounts),
        ("gaps", inserted.gaps),
        ("heartbeats", inserted.heartbeats),
    ];
    for (outcome, n) in outcomes {
        pipeline.status.count(STAGE, outcome, n);
    }
}

fn pending_key(partition: u32) -> Vec<u8> {
    format!("sink:pending:{}:{partition}", topics::SCORED).into_bytes()
}

async fn pending_ranges(log: &dyn Log) -> anyhow::Result<BTreeMap<u32, Range>> {
    let table = log.table(topics::STATE).await?;
    let partitions = log.partitions(topics::SCORED).await?;
    let mut pending = BTreeMap::new();
    for partition in 0..partitions {
        if let Some(saved) = table.get(&pending_key(partition)) {
            let range = serde_json::from_slice(saved).context("a saved offset range of the sink can not be read")?;
            pending.insert(partition, range);
        }
    }
    Ok(pending)
}
