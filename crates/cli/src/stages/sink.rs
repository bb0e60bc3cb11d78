//! `sink`: stores what was scored, with the effect of exactly once.
//!
//! A batch's offset range is persisted before the insert; after a crash the same range is inserted again under the same
//! token, which the store knows. Offsets are committed after the insert.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use grapevine_log::{Consumer, Log, LogError, Offsets, PollLimits, Received, Record, StartAt};
use grapevine_model::{topics, wire};
use grapevine_store::{Batch, Inserted};

use super::{
    Pipeline, dead_letter,
    ranges::{self, Range},
    score::unreadable,
};

const STAGE: &str = "sink";
pub const GROUP: &str = "sink";
/// Rows of a batch at most; every batch becomes a part on disk, so larger is better until memory says otherwise.
const BATCH: usize = 10_000;
/// How long a batch may gather records.
const LINGER: Duration = Duration::from_millis(700);
/// Bytes that may wait, about: bounds memory where posts are long.
const BATCH_BYTES: usize = 32 << 20;

pub async fn run(pipeline: Pipeline) -> anyhow::Result<()> {
    let consumer = pipeline.log.consumer(topics::SCORED, GROUP, StartAt::Oldest).await?;
    let pending = pending_ranges(&*pipeline.log).await?;
    let log_id = log_id(&*pipeline.log).await?;
    Sink { pipeline, consumer, log_id, pending, waiting: BTreeMap::new(), dirty: true }.run().await
}

struct Sink {
    pipeline: Pipeline,
    consumer: Box<dyn Consumer>,
    /// Tells this log's offsets from those of a log that stood in its place before.
    log_id: String,
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

    /// Polls at least once, and until a batch is full or its first record has waited long enough.
    async fn gather(&mut self) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        let mut bytes = 0;
        loop {
            let left = LINGER.saturating_sub(started.elapsed());
            // A range that is replayed may want more than a batch's worth to be complete.
            let records = BATCH.saturating_sub(self.gathered()).max(BATCH / 10);
            let polled = self.consumer.poll(PollLimits { records, bytes: BATCH_BYTES, wait: left }).await?;
            if polled.assignment_changed {
                self.let_go().await?;
            }
            for record in polled.records {
                bytes += record.value.len();
                take_in(self.waiting.entry(record.partition).or_default(), record);
            }
            if self.gathered() >= BATCH || bytes >= BATCH_BYTES || started.elapsed() >= LINGER {
                return Ok(());
            }
        }
    }

    fn gathered(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    /// After the assignment changed: what waits of partitions that are gone is another member's to store. What waits of
    /// those that stay must stay too, for the consumer reads on behind it.
    async fn let_go(&mut self) -> anyhow::Result<()> {
        let held = self.consumer.assignment();
        self.waiting.retain(|partition, _| held.contains(partition));
        self.pending = pending_ranges(&*self.pipeline.log).await?;
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
        match self.consumer.commit(&Offsets::from([(partition, range.last + 1)])).await {
            // Another member reads it now: it finds the pending range, and inserts it again under the same token.
            Err(LogError::NotAssigned(_)) => {
                self.waiting.remove(&partition);
                Ok(())
            }
            outcome => Ok(outcome?),
        }
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
        let (log, topic) = (self.log_id.clone(), topics::SCORED.to_owned());
        Ok(Batch {
            log,
            topic,
            partition,
            first_offset: range.first,
            last_offset: range.last,
            events,
            unreadable: dead.len() as u64,
            // Whether another life began it is not known here.
            replay: true,
        })
    }
}

/// Behind what waits already; or in its place, where the partition went away and came back, and is read again.
fn take_in(waiting: &mut Vec<Received>, record: Received) {
    if waiting.last().is_some_and(|last| last.offset >= record.offset) {
        waiting.clear();
    }
    waiting.push(record);
}

fn count(pipeline: &Pipeline, inserted: &Inserted) {
    let outcomes = [
        ("stored", inserted.stored),
        ("replaced", inserted.replaced),
        ("superseded", inserted.superseded),
        ("duplicates", inserted.duplicates),
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

const LOG_ID: &[u8] = b"log:id";

/// A random name that the log keeps. Offsets mean something within one log only: one that was begun anew starts at 0.
async fn log_id(log: &dyn Log) -> anyhow::Result<String> {
    let saved =
        |table: &BTreeMap<Vec<u8>, Vec<u8>>| table.get(LOG_ID).map(|id| String::from_utf8_lossy(id).into_owned());
    if let Some(id) = saved(&log.table(topics::STATE).await?) {
        return Ok(id);
    }
    let value = format!("{:016x}", rand::random::<u64>()).into_bytes();
    log.append(topics::STATE, vec![Record { key: LOG_ID.to_vec(), value, partition: Some(0) }]).await?;
    // Where two begin at once, both take the one that stands.
    saved(&log.table(topics::STATE).await?).context("the log's id could not be saved")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64) -> Received {
        let appended_at = jiff::Timestamp::UNIX_EPOCH;
        Received { topic: "t".into(), partition: 0, offset, key: vec![], value: vec![], appended_at }
    }

    #[test]
    fn what_is_read_again_takes_the_place_of_what_waited() {
        let mut waiting = Vec::new();
        for offset in [5, 6, 7, 6, 7, 8] {
            take_in(&mut waiting, record(offset));
        }
        assert_eq!(waiting.iter().map(|record| record.offset).collect::<Vec<_>>(), [6, 7, 8]);
    }
}
