//! `ingest`: polls each source, appends its events to the log, and saves the cursor only after the log has them.

use std::time::Duration;

use anyhow::Context;
use grapevine_api::SourceState;
use grapevine_delivery::RetryPolicy;
use grapevine_log::{LogError, Record};
use grapevine_model::{Event, Heartbeat, topics, wire};
use grapevine_sources::{Cursor, Page, Progress, Rejected, Source, SourceError, World};
use jiff::Timestamp;

use super::{
    Pipeline, crash,
    dead_letter::{self, DeadLetter, Original},
    versions,
};

const STAGE: &str = "ingest";
/// Before a source's name: the key of its checkpoint.
pub const CHECKPOINT: &str = "checkpoint:";
/// Pause of a source that has caught up and is not pushed to.
const IDLE: Duration = Duration::from_millis(500);
/// A heartbeat without events is sent no more often than this.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

/// Runs every source until the pipeline stops. One that fails for good is reported and does not stop the others.
pub async fn run(pipeline: Pipeline) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for table in &pipeline.config.sources {
        let spec = grapevine_sources::parse(table.get_ref())?;
        let source = spec.build(&World::real());
        let ingestor = Ingestor {
            name: spec.name().to_owned(),
            kind: spec.kind().to_owned(),
            pipeline: pipeline.clone(),
            heartbeat_at: None,
            page: None,
        };
        tasks.spawn(ingestor.run(source));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a source's task panicked")?;
    }
    // With every source ended, the stage stays: `up` goes on serving.
    pipeline.shutdown.cancelled().await;
    Ok(())
}

/// A source, its checkpoint and the log.
struct Ingestor {
    name: String,
    /// Such as `file`.
    kind: String,
    pipeline: Pipeline,
    heartbeat_at: Option<tokio::time::Instant>,
    /// Fetched and not durable yet: what fails is tried again with the same page, for a stream may not give it twice.
    page: Option<Page>,
}

impl Ingestor {
    async fn run(mut self, mut source: Box<dyn Source>) {
        let retry = RetryPolicy::default();
        let mut attempt = 0;
        let mut cursor = None;
        let mut loaded = false;
        while !self.pipeline.stopping() {
            let outcome = match loaded {
                false => self.checkpoint().await.map(|saved| {
                    (cursor, loaded) = (saved, true);
                    Progress::Behind
                }),
                true => self.turn(source.as_mut(), &mut cursor).await,
            };
            let wait = match outcome {
                Ok(Progress::Ended) => return self.rest().await,
                Ok(progress) => {
                    attempt = 0;
                    if progress == Progress::Behind { Duration::ZERO } else { IDLE }
                }
                Err(error) => {
                    let Some(wait) = self.wait_after(&error, &retry, attempt) else { return };
                    attempt += 1;
                    wait
                }
            };
            if !wait.is_zero() && !self.pipeline.pause(wait).await {
                return;
            }
        }
    }

    /// Fetches a page and makes it durable: dead letters, then events, then the checkpoint, then the platform's
    /// acknowledgement. What is done of a page is not done again when a later step fails.
    async fn turn(&mut self, source: &mut dyn Source, cursor: &mut Option<Cursor>) -> Result<Progress, Failure> {
        let mut page = match self.page.take() {
            Some(page) => page,
            None => self.fetch(source, cursor.as_ref()).await?,
        };
        if let Err(failure) = self.keep(&mut page, cursor.as_ref()).await {
            self.page = Some(page);
            return Err(failure);
        }
        if cursor.as_ref() != Some(&page.cursor) {
            source.settle(&page.cursor).await?;
            *cursor = Some(page.cursor);
        }
        self.report(if page.state == Progress::Behind { SourceState::CatchingUp } else { SourceState::Live }, None);
        Ok(page.state)
    }

    async fn fetch(&self, source: &mut dyn Source, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut page = source.poll(cursor).await?;
        versions::tell_apart(&mut page.events);
        crash::at("ingest-fetched");
        Ok(page)
    }

    async fn keep(&mut self, page: &mut Page, cursor: Option<&Cursor>) -> Result<(), Failure> {
        self.park(&page.rejected).await?;
        page.rejected.clear();
        self.append(page).await?;
        page.events.clear();
        if cursor != Some(&page.cursor) {
            self.save(&page.cursor).await?;
            crash::at("ingest-checkpointed");
        }
        Ok(())
    }

    async fn append(&mut self, page: &Page) -> Result<(), Failure> {
        let partitions = self.pipeline.config.log.partitions;
        let mut records: Vec<Record> = page.events.iter().flat_map(|event| records_of(event, partitions)).collect();
        if let Some(complete_through) = page.complete_through
            && self.heartbeat_is_due(page)
        {
            let heartbeat = self.heartbeat(complete_through, page.state != Progress::Behind);
            records.extend(records_of(&heartbeat, partitions));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.pipeline.log.append(topics::RAW, records).await?;
        crash::at("ingest-appended");
        self.pipeline.status.heard(&self.name, &page.events);
        for event in &page.events {
            self.pipeline.status.count(STAGE, event.name(), 1);
        }
        Ok(())
    }

    fn report(&self, state: SourceState, message: Option<String>) {
        self.pipeline.status.source(&self.name, &self.kind, state, message);
    }

    fn heartbeat_is_due(&mut self, page: &Page) -> bool {
        let now = tokio::time::Instant::now();
        let due = !page.events.is_empty() || self.heartbeat_at.is_none_or(|last| now - last >= HEARTBEAT_EVERY);
        if due {
            self.heartbeat_at = Some(now);
        }
        due
    }

    fn heartbeat(&self, complete_through: Timestamp, caught_up: bool) -> Event {
        let source = self.name.clone();
        Event::Heartbeat(Heartbeat { source, complete_through, observed_at: Timestamp::now(), caught_up })
    }

    /// Nothing will follow from an ended source: up to now, it is complete, and it goes on saying so.
    async fn rest(self) {
        self.report(SourceState::Ended, None);
        tracing::info!("source {}: read to its end", self.name);
        loop {
            let heartbeat = self.heartbeat(Timestamp::now(), true);
            let records = records_of(&heartbeat, self.pipeline.config.log.partitions);
            if let Err(error) = self.pipeline.log.append(topics::RAW, records).await {
                tracing::warn!("source {}: {error}", self.name);
            }
            if !self.pipeline.pause(HEARTBEAT_EVERY * 5).await {
                return;
            }
        }
    }

    async fn park(&self, rejected: &[Rejected]) -> Result<(), Failure> {
        let letter = |rejected: &Rejected| DeadLetter {
            stage: STAGE.into(),
            place: format!("source {}: {}", self.name, rejected.place),
            reason: rejected.reason.clone(),
            at: Timestamp::now(),
            original: Original::of(&rejected.raw),
            record: None,
        };
        let letters: Vec<DeadLetter> = rejected.iter().map(letter).collect();
        dead_letter::park(&*self.pipeline.log, &letters).await?;
        if !letters.is_empty() {
            crash::at("ingest-parked");
        }
        for letter in &letters {
            tracing::warn!("{}: {}; parked as a dead letter", letter.place, letter.reason);
        }
        self.pipeline.status.count(STAGE, "dead_letter", letters.len() as u64);
        Ok(())
    }

    fn checkpoint_key(&self) -> Vec<u8> {
        format!("{CHECKPOINT}{}", self.name).into_bytes()
    }

    async fn checkpoint(&self) -> Result<Option<Cursor>, Failure> {
        let table = self.pipeline.log.table(topics::STATE).await?;
        let Some(saved) = table.get(&self.checkpoint_key()) else { return Ok(None) };
        match serde_json::from_slice(saved) {
            Ok(cursor) => Ok(Some(cursor)),
            Err(error) => Err(Failure::Source(SourceError::Config(format!(
                "the saved checkpoint of source {} can not be read ({error}); rename the source to begin anew",
                self.name
            )))),
        }
    }

    async fn save(&self, cursor: &Cursor) -> Result<(), Failure> {
        let value = serde_json::to_vec(cursor).expect("a cursor is JSON");
        let record = Record { key: self.checkpoint_key(), value, partition: Some(0) };
        Ok(self.pipeline.log.append(topics::STATE, vec![record]).await?)
    }

    /// How long to wait after a failure; `None` stops this source for good.
    fn wait_after(&self, failure: &Failure, retry: &RetryPolicy, attempt: u32) -> Option<Duration> {
        let message = failure.to_string();
        let asked = match failure {
            Failure::Source(SourceError::RateLimited { until, .. }) => {
                until.duration_since(Timestamp::now()).try_into().ok()
            }
            _ => None,
        };
        let wait = failure.is_transient().then(|| retry.delay(attempt, rand::random(), asked));
        match wait {
            Some(wait) => {
                tracing::warn!("source {}: {message}; trying again in {:.1} s", self.name, wait.as_secs_f64());
                self.report(SourceState::Retrying, Some(message));
            }
            None => {
                tracing::error!("source {}: {message}; this source has stopped, the others go on", self.name);
                self.report(SourceState::Failed, Some(message));
            }
        }
        wait
    }
}

/// The records of one event: one under its key, or a copy for each partition.
pub fn records_of(event: &Event, partitions: u32) -> Vec<Record> {
    let value = wire::encode(event);
    match event.partition_key() {
        Some(key) => vec![Record { key: key.into_bytes(), value, partition: None }],
        None => (0..partitions)
            .map(|partition| Record { key: Vec::new(), value: value.clone(), partition: Some(partition) })
            .collect(),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Log(#[from] LogError),
}

impl Failure {
    fn is_transient(&self) -> bool {
        match self {
            Failure::Source(error) => error.is_transient(),
            Failure::Log(error) => error.is_transient(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_goes_to_every_partition() {
        let time = Timestamp::UNIX_EPOCH;
        let heartbeat = Heartbeat { source: "a".into(), complete_through: time, observed_at: time, caught_up: false };
        let records = records_of(&Event::Heartbeat(heartbeat), 3);
        assert_eq!(records.iter().map(|record| record.partition).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
    }
}
