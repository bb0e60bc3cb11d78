//! `ingest`: polls each source, appends its events to the log, and saves the cursor only after the log has them.
//!
//! A source that fails, hangs or panics is reported and harms no other; it is never silent, and never given up for good
//! where time may mend it.

mod closing;
mod failure;
mod fetch;
pub mod mark;
mod said;
mod saved;
#[cfg(test)]
mod tests;
mod vitals;

use std::time::Duration;

use anyhow::Context;
use grapevine_api::SourceState;
use grapevine_log::Record;
use grapevine_model::{Event, Gap, Usage, topics, wire};
use grapevine_monitor::MonitorQuery;
use grapevine_sources::{
    Cursor, Page, Progress, Rejected, Source, SourceError, SourceSpec, World, registry::HoldsBack,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

pub use self::saved::CHECKPOINT;
use self::{
    closing::Closing,
    failure::{Failure, Failures, Next},
    fetch::{Patience, Poll, Polled},
    mark::Mark,
    saved::Saved,
    vitals::Vitals,
};
use super::{
    Pipeline, crash,
    dead_letter::{self, DeadLetter, Original},
    forgotten, versions,
};

const STAGE: &str = "ingest";
/// Pause of a source that has caught up and is not pushed to.
const IDLE: Duration = Duration::from_millis(500);
/// A heartbeat without events is sent no more often than this.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);
/// One that waits, or has ended, says so this often.
const STAY_EVERY: Duration = Duration::from_secs(10);
/// What was counted of a quota is saved with each checkpoint, and otherwise no more often than this.
const ALLOWANCE_EVERY: Duration = Duration::from_secs(10);
/// So long the status tells that a source began anew.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Runs every source until the pipeline stops. One that fails for good is reported and does not stop the others.
pub async fn run(pipeline: Pipeline) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    let world = World::real().with_monitors(MonitorQuery::all(&pipeline.config.brands)?);
    for table in &pipeline.config.sources {
        let spec = grapevine_sources::parse(table.get_ref())?;
        let holds_back = HoldsBack::of(table.get_ref(), &*spec);
        tasks.spawn(Ingestor::new(pipeline.clone(), spec, holds_back, world.clone()).run());
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
    spec: Box<dyn SourceSpec>,
    world: World,
    pipeline: Pipeline,
    /// What an earlier life left has been read.
    loaded: bool,
    cursor: Option<Cursor>,
    heartbeat_at: Option<Instant>,
    /// Fetched and not durable yet: what fails is tried again with the same page, for a stream may not give it twice.
    page: Option<Page>,
    /// What the last heartbeat said: complete up to then, and whether it had caught up.
    promised: Option<(Timestamp, bool)>,
    closing: Closing,
    /// What the log says of this source.
    mark: Option<Mark>,
    vitals: Vitals,
    /// What was asked of the platform, as of the last poll.
    usage: Usage,
    /// What is saved of its quota, and since when.
    allowance: Option<(Value, Instant)>,
    /// When and why it began anew.
    anew: Option<(Timestamp, String)>,
    stay_every: Duration,
    patience: Patience,
}

impl Ingestor {
    fn new(pipeline: Pipeline, spec: Box<dyn SourceSpec>, holds_back: HoldsBack, world: World) -> Self {
        let closing = Closing::new(holds_back, Timestamp::now());
        Self {
            spec,
            world,
            pipeline,
            loaded: false,
            cursor: None,
            heartbeat_at: None,
            page: None,
            promised: None,
            closing,
            mark: None,
            vitals: Vitals::default(),
            usage: Usage::default(),
            allowance: None,
            anew: None,
            stay_every: STAY_EVERY,
            patience: Patience::default(),
        }
    }

    async fn run(mut self) {
        let mut source = self.spec.build(&self.world);
        self.pipeline.status.source(self.spec.name(), self.spec.kind(), SourceState::Starting, None);
        let mut failures = Failures::default();
        while !self.pipeline.stopping() {
            let turned = self.turn(source.as_mut()).await;
            self.usage = source.usage();
            let wait = match turned {
                Ok(Turned::Ended) => return self.rest().await,
                Ok(turned) => {
                    failures.well(turned == Turned::More, Timestamp::now());
                    Some(if turned == Turned::More { Duration::ZERO } else { IDLE })
                }
                Err(failure) => {
                    let wait = self.fail(&mut failures, &failure).await;
                    if failure.needs_another_source() {
                        source = self.build_again(source.as_ref());
                    }
                    wait
                }
            };
            self.keep_allowance(source.allowance()).await;
            if !self.wait(wait).await {
                return;
            }
        }
    }

    /// One step; a cursor that is lost is a gap and a fresh start.
    async fn turn(&mut self, source: &mut dyn Source) -> Result<Turned, Failure> {
        let step = match self.loaded {
            true => self.step(source).await,
            false => self.load(source).await,
        };
        match step {
            Err(Failure::Source(SourceError::CursorLost { from, to, reason })) if self.loaded => {
                if self.cursor.is_none() {
                    return Err(fetch::twice(&reason).into());
                }
                self.begin_anew((from, to), reason).await
            }
            other => other,
        }
    }

    /// Reads what an earlier life left.
    async fn load(&mut self, source: &mut dyn Source) -> Result<Turned, Failure> {
        let Saved { cursor, allowance, mark } = saved::load(&*self.pipeline.log, self.spec.name()).await?;
        self.mark = self.mark.take().or(mark);
        self.report(SourceState::Starting, None).await;
        if let Some(allowance) = allowance {
            source.resume(&allowance);
            self.allowance = Some((allowance, Instant::now()));
        }
        if let Some(Err(SourceError::CursorLost { reason, .. })) = cursor {
            self.begin_anew((None, None), reason).await?;
        } else {
            self.cursor = cursor.and_then(Result::ok);
        }
        self.loaded = true;
        Ok(Turned::More)
    }

    /// Fetches a page and makes it durable: dead letters, then events, then the checkpoint, then the platform's
    /// acknowledgement. What is done of a page is not done again when a later step fails.
    async fn step(&mut self, source: &mut dyn Source) -> Result<Turned, Failure> {
        let mut page = match self.page.take() {
            Some(page) => page,
            None => match self.fetch(source).await? {
                Some(page) => page,
                None => return Ok(Turned::Idle),
            },
        };
        let gave = !page.events.is_empty() || !page.rejected.is_empty() || self.cursor.as_ref() != Some(&page.cursor);
        if let Err(failure) = self.keep(&mut page, source.allowance()).await {
            self.page = Some(page);
            return Err(failure);
        }
        self.vitals.kept(Timestamp::now());
        if self.cursor.as_ref() != Some(&page.cursor) {
            let settled = source.settle(&page.cursor).await;
            self.cursor = Some(page.cursor);
            settled?;
        }
        let state = if page.state == Progress::Behind { SourceState::CatchingUp } else { SourceState::Live };
        self.usage = source.usage();
        self.report(state, self.with_anew(source.notice())).await;
        Ok(match page.state {
            Progress::Ended => Turned::Ended,
            // One that says that more waits and gives nothing of it is not asked without a pause.
            Progress::Behind if gave => Turned::More,
            Progress::Behind | Progress::CaughtUp => Turned::Idle,
        })
    }

    /// `None` where the pipeline stops.
    async fn fetch(&mut self, source: &mut dyn Source) -> Result<Option<Page>, Failure> {
        let (cursor, stop) = (self.cursor.clone(), self.pipeline.shutdown.clone());
        let mut poll = Poll::begin(source, cursor.as_ref(), self.patience);
        let mut page = loop {
            let polled = tokio::select! {
                polled = poll.within(self.stay_every) => polled,
                () = stop.cancelled() => return Ok(None),
            };
            match polled {
                Polled::Ended(page) => break page?,
                Polled::GoesOn(time) => self.waits(time).await,
            }
        };
        versions::tell_apart(&mut page.events);
        self.vitals.read(&page);
        self.closing.read(page.state, Timestamp::now());
        crash::at("ingest-fetched");
        Ok(Some(page))
    }

    async fn keep(&mut self, page: &mut Page, allowance: Option<Value>) -> Result<(), Failure> {
        self.park(&page.rejected).await?;
        page.rejected.clear();
        let suppressions = self.pipeline.forgotten.now().await?;
        let kept_out = forgotten::keep_out(&suppressions, &mut page.events);
        self.pipeline.status.count(STAGE, forgotten::FORGOTTEN, kept_out);
        self.append(page).await?;
        page.events.clear();
        if self.cursor.as_ref() != Some(&page.cursor) {
            self.save(&page.cursor, allowance).await?;
            crash::at("ingest-checkpointed");
        }
        Ok(())
    }

    async fn append(&mut self, page: &Page) -> Result<(), Failure> {
        let partitions = self.pipeline.config.log.partitions;
        let mut records: Vec<Record> = page.events.iter().flat_map(|event| records_of(event, partitions)).collect();
        let mut promised = self.promised;
        if self.heartbeat_is_due(page) {
            let said = |complete_through| (complete_through, page.state != Progress::Behind);
            promised = page.complete_through.map(said).or(promised);
            records.extend(self.heartbeat(promised).iter().flat_map(|event| records_of(event, partitions)));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.pipeline.log.append(topics::RAW, records).await?;
        crash::at("ingest-appended");
        self.promised = promised;
        self.pipeline.status.heard(self.spec.name(), &page.events);
        for event in &page.events {
            self.pipeline.status.count(STAGE, event.name(), 1);
        }
        Ok(())
    }

    /// What was missed is said as a gap before anything is read anew.
    async fn begin_anew(
        &mut self,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        reason: String,
    ) -> Result<Turned, Failure> {
        let now = Timestamp::now();
        let known = self.mark.as_ref().and_then(|mark| mark.complete_through);
        let (from, to) = (from.or(known).unwrap_or(Timestamp::UNIX_EPOCH), to.unwrap_or(now));
        let mut told = format!("{reason}; it began anew");
        if from < to {
            let gap = Gap { source: self.spec.name().to_owned(), from, to, reason: reason.clone() };
            let records = records_of(&Event::Gap(gap), self.pipeline.config.log.partitions);
            self.pipeline.log.append(topics::RAW, records).await?;
            self.pipeline.status.count(STAGE, "gap", 1);
            told += &format!(", and what was created from {from:.0} to {to:.0} may be missing");
        }
        tracing::warn!("source {}: {told}", self.spec.name());
        self.vitals.failed(&SourceError::cursor_lost(reason).into());
        (self.cursor, self.page, self.anew) = (None, None, Some((now, told)));
        Ok(Turned::More)
    }

    /// What the source says, and for a day that it began anew.
    fn with_anew(&self, notice: Option<String>) -> Option<String> {
        let anew = self.anew.as_ref().filter(|(at, _)| Timestamp::now().duration_since(*at) < TOLD_FOR);
        let told: Vec<String> = notice.into_iter().chain(anew.map(|(_, told)| told.clone())).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Another object for the same source, in the place of one that can not be trusted.
    fn build_again(&self, old: &dyn Source) -> Box<dyn Source> {
        let mut source = self.spec.build(&self.world);
        if let Some(allowance) = old.allowance() {
            source.resume(&allowance);
        }
        source
    }

    /// Says what failed, and how long to wait.
    async fn fail(&mut self, failures: &mut Failures, failure: &Failure) -> Option<Duration> {
        let Next { state, message, wait } = failures.next(failure, rand::random(), Timestamp::now());
        let name = self.spec.name();
        match wait {
            Some(wait) => tracing::warn!("source {name}: {message}; trying again in {:.1} s", wait.as_secs_f64()),
            None => tracing::error!("source {name}: {message}; this source has stopped, the others go on"),
        }
        self.vitals.failed(failure);
        match failure {
            // The log is what fails: it is not asked to keep that.
            Failure::Log(_) => self.pipeline.status.source(name, self.spec.kind(), state, Some(message)),
            _ => self.report(state, Some(message)).await,
        }
        wait
    }

    async fn park(&self, rejected: &[Rejected]) -> Result<(), Failure> {
        let letter = |rejected: &Rejected| DeadLetter {
            stage: STAGE.into(),
            place: format!("source {}: {}", self.spec.name(), rejected.place),
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

    /// The checkpoint, and with it what was counted of the quota.
    async fn save(&mut self, cursor: &Cursor, allowance: Option<Value>) -> Result<(), Failure> {
        let mut records = vec![saved::checkpoint(self.spec.name(), cursor)];
        let allowance = allowance.filter(|now| self.is_news(now));
        records.extend(allowance.iter().map(|allowance| saved::allowance(self.spec.name(), allowance)));
        self.pipeline.log.append(topics::STATE, records).await?;
        if let Some(allowance) = allowance {
            self.allowance = Some((allowance, Instant::now()));
        }
        Ok(())
    }

    fn is_news(&self, allowance: &Value) -> bool {
        self.allowance.as_ref().is_none_or(|(saved, _)| saved != allowance)
    }

    /// Between checkpoints: a source that asks and gets nothing uses its quota too.
    async fn keep_allowance(&mut self, allowance: Option<Value>) {
        if self.allowance.as_ref().is_some_and(|(_, at)| at.elapsed() < ALLOWANCE_EVERY) {
            return;
        }
        let Some(allowance) = allowance.filter(|now| self.is_news(now)) else { return };
        let record = saved::allowance(self.spec.name(), &allowance);
        match self.pipeline.log.append(topics::STATE, vec![record]).await {
            Ok(()) => self.allowance = Some((allowance, Instant::now())),
            Err(error) => tracing::debug!("source {}: its quota could not be saved: {error}", self.spec.name()),
        }
    }
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turned {
    /// Something was done, and there is more to do.
    More,
    /// There is nothing to do for now.
    Idle,
    Ended,
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
