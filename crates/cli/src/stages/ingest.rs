//! `ingest`: polls each source, appends its events to the log, and saves the cursor only after the log has them.

mod failure;
pub mod mark;

use std::time::Duration;

use anyhow::Context;
use grapevine_api::SourceState;
use grapevine_log::Record;
use grapevine_model::{Event, Heartbeat, topics, wire};
use grapevine_sources::{Cursor, Page, Progress, Rejected, Source, SourceError, World};
use jiff::Timestamp;
use tokio::time::Instant;

use self::{
    failure::{Failure, Failures, Next},
    mark::Mark,
};
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
/// One that waits, or has ended, says so this often.
const STAY_EVERY: Duration = Duration::from_secs(10);

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
            promised: None,
            mark: None,
            stay_every: STAY_EVERY,
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
    heartbeat_at: Option<Instant>,
    /// Fetched and not durable yet: what fails is tried again with the same page, for a stream may not give it twice.
    page: Option<Page>,
    /// What the last heartbeat said: complete up to then, and whether it had caught up.
    promised: Option<(Timestamp, bool)>,
    /// What the log says of this source.
    mark: Option<Mark>,
    stay_every: Duration,
}

impl Ingestor {
    async fn run(mut self, mut source: Box<dyn Source>) {
        self.report(SourceState::Starting, None).await;
        let mut failures = Failures::default();
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
                    failures = Failures::default();
                    if progress == Progress::Behind { Duration::ZERO } else { IDLE }
                }
                Err(error) => {
                    let Some(wait) = self.fail(&mut failures, &error).await else { return };
                    wait
                }
            };
            if !self.wait(wait).await {
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
        let state = if page.state == Progress::Behind { SourceState::CatchingUp } else { SourceState::Live };
        let notice = source.notice();
        self.report(state, notice).await;
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
        let mut promised = None;
        if let Some(complete_through) = page.complete_through
            && self.heartbeat_is_due(page)
        {
            promised = Some((complete_through, page.state != Progress::Behind));
            records.extend(promised.iter().flat_map(|said| records_of(&self.heartbeat(*said), partitions)));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.pipeline.log.append(topics::RAW, records).await?;
        crash::at("ingest-appended");
        self.promised = promised.or(self.promised);
        self.pipeline.status.heard(&self.name, &page.events);
        for event in &page.events {
            self.pipeline.status.count(STAGE, event.name(), 1);
        }
        Ok(())
    }

    async fn report(&mut self, state: SourceState, message: Option<String>) {
        self.pipeline.status.source(&self.name, &self.kind, state, message.clone());
        self.mark(state, message).await;
    }

    /// Where that fails it is said with the next report: what it tells of is not worth a retry of its own.
    async fn mark(&mut self, state: SourceState, message: Option<String>) {
        let Some(mark) = Mark::after(self.mark.as_ref(), state, message, Timestamp::now()) else { return };
        match self.pipeline.log.append(topics::STATE, vec![mark.record(&self.name)]).await {
            Ok(()) => self.mark = Some(mark),
            Err(error) => tracing::debug!("source {}: its state could not be saved: {error}", self.name),
        }
    }

    /// Says what failed, and how long to wait; `None` stops this source for good.
    async fn fail(&mut self, failures: &mut Failures, failure: &Failure) -> Option<Duration> {
        let Next { state, message, wait } = failures.next(failure, rand::random(), Timestamp::now());
        match wait {
            Some(wait) => {
                tracing::warn!("source {}: {message}; trying again in {:.1} s", self.name, wait.as_secs_f64());
            }
            None => tracing::error!("source {}: {message}; this source has stopped, the others go on", self.name),
        }
        match failure {
            Failure::Source(_) => self.report(state, Some(message)).await,
            // The log is what fails: it is not asked to keep that.
            Failure::Log(_) => self.pipeline.status.source(&self.name, &self.kind, state, Some(message)),
        }
        wait
    }

    /// Sleeps, and says meanwhile that the source stays as it is: one that waits is not silent. `false` when the pipeline
    /// stops.
    async fn wait(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if !self.pipeline.pause(left.min(self.stay_every)).await {
                return false;
            }
            if Instant::now() < end {
                self.stay().await;
            }
        }
    }

    /// As complete as it was, in the state that it was in.
    async fn stay(&mut self) {
        if let Some(promised) = self.promised {
            let records = records_of(&self.heartbeat(promised), self.pipeline.config.log.partitions);
            if let Err(error) = self.pipeline.log.append(topics::RAW, records).await {
                tracing::warn!("source {}: {error}", self.name);
            }
        }
        if let Some(Mark { state, message, .. }) = self.mark.clone() {
            self.mark(state, message).await;
        }
    }

    fn heartbeat_is_due(&mut self, page: &Page) -> bool {
        let now = Instant::now();
        let due = !page.events.is_empty() || self.heartbeat_at.is_none_or(|last| now - last >= HEARTBEAT_EVERY);
        if due {
            self.heartbeat_at = Some(now);
        }
        due
    }

    fn heartbeat(&self, (complete_through, caught_up): (Timestamp, bool)) -> Event {
        let source = self.name.clone();
        Event::Heartbeat(Heartbeat { source, complete_through, observed_at: Timestamp::now(), caught_up, closes: None })
    }

    /// Nothing will follow from an ended source: up to now, it is complete, and it goes on saying so.
    async fn rest(mut self) {
        self.report(SourceState::Ended, None).await;
        tracing::info!("source {}: read to its end", self.name);
        loop {
            self.promised = Some((Timestamp::now(), true));
            self.stay().await;
            if !self.pipeline.pause(self.stay_every).await {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grapevine_log::{Log, PollLimits, embedded::EmbeddedLog};

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

    async fn ingestor(log: Arc<dyn Log>) -> Ingestor {
        let config: Config = toml::from_str("").unwrap();
        stages::ensure_topics(&*log, &config).await.unwrap();
        let open = parts::store_without_connection(&config).unwrap();
        let pipeline = Pipeline::new(config, log, &open, tokio_util::sync::CancellationToken::new());
        let (name, kind, stay_every) = ("masto".to_owned(), "mastodon".to_owned(), Duration::from_millis(20));
        Ingestor { name, kind, pipeline, heartbeat_at: None, page: None, promised: None, mark: None, stay_every }
    }

    #[tokio::test]
    async fn a_source_that_waits_for_its_quota_says_that_it_is_as_complete_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(folder.path().join("log.db")).unwrap());
        let mut ingestor = ingestor(log.clone()).await;
        ingestor.promised = Some((Timestamp::UNIX_EPOCH, true));
        let until = Timestamp::now() + jiff::SignedDuration::from_millis(200);
        let limited = Failure::Source(SourceError::RateLimited { until, message: "300 an hour".into() });
        let wait = ingestor.fail(&mut Failures::default(), &limited).await.unwrap();
        assert!(ingestor.wait(wait).await);

        let limits = PollLimits { records: 100, bytes: 1 << 20, wait: Duration::ZERO };
        let said = log.read(topics::RAW, 0, 0, limits).await.unwrap();
        assert!(said.len() >= 2, "{} heartbeats in ten times their pause", said.len());
        for record in said {
            let Ok(Event::Heartbeat(heartbeat)) = wire::decode(&record.value) else { panic!("a heartbeat") };
            assert_eq!((heartbeat.complete_through, heartbeat.caught_up), (Timestamp::UNIX_EPOCH, true));
        }
        let shown = ingestor.pipeline.status.snapshot().sources[0].clone();
        assert_eq!(shown.state, SourceState::Waiting);
        assert!(shown.message.unwrap().starts_with("waits for its quota until "));
        let mark = Mark::all(&log.table(topics::STATE).await.unwrap()).remove("masto");
        assert_eq!(mark.map(|mark| mark.state), Some(SourceState::Waiting));
    }
}
