//! Labels of people: appended to the log's table, and from there into the store.
//!
//! The log is where a label is kept for ever; the store has what it is told. The sink that leads follows the table: at first,
//! and now and then, it compares all of it with the store, then it reads on. A label that is applied twice changes nothing,
//! so two that follow at once do no harm, and one that dies is made good by the next comparison.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use grapevine_log::{Log, PollLimits, Record};
use grapevine_model::{LabelRecord, topics};
use grapevine_store::Labelled;
use tokio::time::Instant;

use super::Pipeline;

/// Records of one turn; a read gives no more.
const READ: PollLimits = PollLimits { records: 10_000, bytes: 16 << 20, wait: Duration::ZERO };
/// Between two comparisons of the whole table with the store.
const COMPARE_EVERY: Duration = Duration::from_secs(600);

/// Takes labels of the page and of the command line.
pub struct Desk(pub Arc<dyn Log>);

#[async_trait]
impl grapevine_api::Labels for Desk {
    async fn append(&self, records: Vec<LabelRecord>) -> Result<(), String> {
        append(&*self.0, &records).await.map_err(|error| format!("{error:#}"))
    }
}

/// Returns once all of them are durable.
pub async fn append(log: &dyn Log, records: &[LabelRecord]) -> anyhow::Result<()> {
    let record = |record: &LabelRecord| Record {
        key: record.key().to_string().into_bytes(),
        value: record.encode(),
        partition: None,
    };
    let appended = log.append(topics::LABELS, records.iter().map(record).collect()).await;
    appended.context("the labels could not be appended to the log")
}

/// The table, without what does not decode: that is counted and said.
pub async fn table(log: &dyn Log) -> anyhow::Result<Vec<LabelRecord>> {
    let table = log.table(topics::LABELS).await.context("the log's table of labels could not be read")?;
    Ok(table.into_iter().filter_map(|(key, value)| read(&key, &value)).collect())
}

fn read(key: &[u8], value: &[u8]) -> Option<LabelRecord> {
    // Its mention was forgotten.
    if value.is_empty() {
        return None;
    }
    LabelRecord::decode(value)
        .inspect_err(|error| {
            metrics::counter!("grapevine_labels_total", "outcome" => "unreadable").increment(1);
            tracing::error!("a label is passed over, key {}: {error}", String::from_utf8_lossy(key));
        })
        .ok()
}

/// Where the store is in the table.
#[derive(Default)]
pub struct Follower {
    /// Offset of the next record, and when all was compared last; nothing before the first comparison.
    at: Option<(u64, Instant)>,
}

impl Follower {
    /// Applies what is new. What it changed.
    pub async fn step(&mut self, pipeline: &Pipeline) -> anyhow::Result<Labelled> {
        match self.at {
            Some((next, compared)) if compared.elapsed() < COMPARE_EVERY => {
                self.read_on(pipeline, next, compared).await
            }
            _ => self.compare(pipeline).await,
        }
    }

    async fn compare(&mut self, pipeline: &Pipeline) -> anyhow::Result<Labelled> {
        let bounds = pipeline.log.bounds(topics::LABELS).await.context("the end of the labels could not be read")?;
        let next = bounds.get(&0).map_or(0, |(_, next)| *next);
        let lacking = pipeline.store.lacking_labels(table(&*pipeline.log).await?).await?;
        let labelled = apply(pipeline, &lacking.records).await?;
        self.at = Some((next, Instant::now()));
        Ok(labelled)
    }

    async fn read_on(&mut self, pipeline: &Pipeline, next: u64, compared: Instant) -> anyhow::Result<Labelled> {
        let read_on = pipeline.log.read(topics::LABELS, 0, next, READ).await.context("labels could not be read")?;
        let Some(last) = read_on.last().map(|record| record.offset) else { return Ok(Labelled::default()) };
        let records: Vec<LabelRecord> = read_on.iter().filter_map(|record| read(&record.key, &record.value)).collect();
        let labelled = apply(pipeline, &records).await?;
        self.at = Some((last + 1, compared));
        Ok(labelled)
    }
}

async fn apply(pipeline: &Pipeline, records: &[LabelRecord]) -> anyhow::Result<Labelled> {
    if records.is_empty() {
        return Ok(Labelled::default());
    }
    let labelled = pipeline.store.apply_labels(records).await?;
    metrics::counter!("grapevine_labels_total", "outcome" => "applied").increment(labelled.records);
    Ok(labelled)
}
