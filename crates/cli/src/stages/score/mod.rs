//! `score`: matches each mention with the monitors, scores what belongs to a brand, and passes everything else on.
//!
//! Each record goes to the partition that it came from, so that a mention's versions stay in order. While one batch is
//! scored the next is read, and the one before is appended with its commit; batches are appended in the order they were
//! read.

mod model;
mod process;
mod reached;
mod stories;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use grapevine_delivery::{OffsetRange, Outcome, Tally, Ticket};
use grapevine_log::{PollLimits, Received, Record};
use grapevine_model::{forgotten::Suppressions, topics};
use grapevine_monitor::Matcher;
use tokio::task::JoinHandle;

use super::{
    Pipeline,
    backoff::{self, Backoff},
    crash,
    dead_letter::{self, DeadLetter},
    member::{DRAIN, Member, NotAppended, Turn},
    status::LOST,
};
use crate::parts::OpenScorer;
pub use model::open as open_scorer;
use process::Worked;
pub use process::score_texts;
use reached::Reached;
use stories::StoryMemory;

const STAGE: &str = "score";
pub const GROUP: &str = "score";
/// Records that are scored together, and that wait meanwhile: enough to sort them by length for the model, few enough that
/// a batch takes seconds on a slow machine.
const BATCH: usize = 1024;
const BYTES: usize = 8 << 20;
const WAIT: Duration = Duration::from_millis(500);

/// `scorer` is absent where scoring is switched off.
pub async fn run(pipeline: Pipeline, scorer: Option<OpenScorer>) -> anyhow::Result<()> {
    let matcher = Arc::new(Matcher::new(&pipeline.config.brands)?);
    let member = Member::join(pipeline.clone(), STAGE, topics::RAW, GROUP).await?;
    let stories = StoryMemory::new(&pipeline.config.scoring);
    let (waiting, running, reached, backoff) = (Vec::new(), None, Reached::default(), Backoff::of_log());
    let kept_out = Arc::default();
    let stage = ScoreStage { pipeline, matcher, scorer, stories, member, waiting, running, reached, kept_out, backoff };
    stage.run().await
}

struct ScoreStage {
    pipeline: Pipeline,
    matcher: Arc<Matcher>,
    scorer: Option<OpenScorer>,
    stories: StoryMemory,
    member: Member,
    /// Read and not charged yet.
    waiting: Vec<Received>,
    running: Option<Running>,
    reached: Reached,
    /// As of what was read last.
    kept_out: Arc<Suppressions>,
    /// Of batches that could not be finished, in a row.
    backoff: Backoff,
}

struct Running {
    tickets: Vec<Ticket>,
    work: JoinHandle<anyhow::Result<Vec<Worked>>>,
}

enum Next {
    Turn(Turn),
    Scored(anyhow::Result<Vec<Worked>>),
    Stop,
}

impl ScoreStage {
    async fn run(mut self) -> anyhow::Result<()> {
        while !self.pipeline.stopping() {
            self.begin()?;
            match self.next().await? {
                Next::Turn(turn) => self.take_in(turn).await?,
                Next::Scored(worked) => self.finish(worked).await?,
                Next::Stop => break,
            }
        }
        self.drain().await
    }

    async fn next(&mut self) -> anyhow::Result<Next> {
        let room = self.room();
        tokio::select! {
            Some(worked) = scored(&mut self.running) => Ok(Next::Scored(worked)),
            turn = self.member.serve(room) => Ok(Next::Turn(turn?)),
            () = self.pipeline.shutdown.cancelled() => Ok(Next::Stop),
        }
    }

    fn room(&self) -> Option<PollLimits> {
        let records = BATCH.saturating_sub(self.waiting.len());
        let bytes = BYTES.saturating_sub(self.waiting.iter().map(|received| received.value.len()).sum());
        (records > 0 && bytes > 0).then_some(PollLimits { records, bytes, wait: WAIT })
    }

    async fn take_in(&mut self, turn: Turn) -> anyhow::Result<()> {
        if !turn.gained.is_empty() {
            let log = &*self.pipeline.log;
            let commits =
                backoff::with_log("reading the scorer's commits", || log.committed(topics::RAW, GROUP)).await?;
            turn.gained.iter().for_each(|partition| self.reached.gain(*partition, commits.get(partition).copied()));
            self.stories.regain(log, &turn.gained).await?;
        }
        self.waiting.retain(|received| !turn.lost.contains(&received.partition));
        if !turn.records.is_empty() {
            crash::at("score-read");
            let gate = self.pipeline.forgotten.clone();
            self.kept_out = backoff::with_log("reading the deletion requests", || gate.now()).await?;
            self.waiting.extend(turn.records);
        }
        Ok(())
    }

    /// Charges what waits and scores it, beside the reading of the next batch and the append of the last.
    fn begin(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() || self.waiting.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.waiting);
        let mut tickets = Vec::new();
        for (partition, range) in ranges(&batch) {
            tickets.push(self.member.charge(partition, range)?);
        }
        self.pipeline.status.doing(STAGE, format!("scoring {} records", batch.len()));
        let (matcher, scorer, stories) = (self.matcher.clone(), self.scorer.clone(), self.stories.clone());
        let kept_out = self.kept_out.clone();
        let work =
            move || process::process(batch, &matcher, scorer.as_ref(), &stories, &kept_out).context("scoring failed");
        self.running = Some(Running { tickets, work: tokio::task::spawn_blocking(work) });
        Ok(())
    }

    /// The next batch is scored while this one is appended.
    async fn finish(&mut self, worked: anyhow::Result<Vec<Worked>>) -> anyhow::Result<()> {
        let Some(Running { tickets, .. }) = self.running.take() else { return Ok(()) };
        let worked = match worked {
            Ok(worked) => worked,
            Err(error) => return self.fail(tickets, error).await,
        };
        crash::at("score-scored");
        self.begin()?;
        match self.publish(worked, tickets).await? {
            Ok(()) => {
                self.backoff = Backoff::of_log();
                Ok(())
            }
            Err(NotAppended::Refused(tickets)) => self.read_again(tickets).await,
            Err(NotAppended::Failed(tickets, error)) => self.fail(tickets, error.into()).await,
            Err(NotAppended::Misuse(error)) => Err(error.into()),
        }
    }

    /// What belongs to partitions that went away meanwhile is left to their new owners.
    async fn publish(
        &mut self,
        mut worked: Vec<Worked>,
        tickets: Vec<Ticket>,
    ) -> anyhow::Result<Result<(), NotAppended>> {
        let next = self.member.next_after(&tickets);
        if next.is_empty() {
            return Ok(Ok(()));
        }
        worked.retain(|(received, _)| next.contains_key(&received.partition));
        let gone = self.gone(&tickets, &worked);
        let Sorted { tally, records, dead } = sort(worked, gone);
        if !dead.is_empty() {
            let log = &*self.pipeline.log;
            backoff::with_log("parking dead letters", || dead_letter::park(log, &dead)).await?;
            crash::at("score-parked");
        }
        let appended = self.member.append(topics::SCORED, records, &next, tickets).await;
        if appended.is_ok() {
            self.reached.pass(next);
            self.pipeline.status.tally(STAGE, &tally);
            say_gone(gone);
            crash::at("score-committed");
        }
        Ok(appended)
    }

    /// Records that the log had no more when this batch was read.
    fn gone(&self, tickets: &[Ticket], worked: &[Worked]) -> u64 {
        let read = reached::count(worked.iter().map(|(received, _)| received.partition));
        let of_one = |ticket: &Ticket| {
            let records = read.get(&ticket.partition())?;
            Some(self.reached.gone(ticket.partition(), ticket.range(), *records))
        };
        tickets.iter().filter_map(of_one).sum()
    }

    /// A batch that could not be finished is read again, without leaving the group, for as long as the budget lasts.
    async fn fail(&mut self, tickets: Vec<Ticket>, error: anyhow::Error) -> anyhow::Result<()> {
        let transient = error.downcast_ref().is_none_or(grapevine_log::LogError::is_transient);
        let wait = if transient { self.backoff.next() } else { None };
        let Some(wait) = wait else { return Err(error) };
        tracing::warn!("{STAGE}: {error:#}; the batch is read again in {:.1} s", wait.as_secs_f64());
        metrics::counter!("grapevine_stage_retries_total", "stage" => STAGE).increment(1);
        self.pipeline.pause(wait).await;
        self.read_again(tickets).await
    }

    /// What was read behind a batch that is read again is void: the batch that is being scored already, and what waits.
    async fn read_again(&mut self, mut tickets: Vec<Ticket>) -> anyhow::Result<()> {
        if let Some(running) = self.running.take() {
            // It can not be stopped; what it comes to is dropped.
            tickets.extend(running.tickets);
        }
        let partitions = self.member.give_back(tickets).await?;
        self.waiting.retain(|received| !partitions.contains(&received.partition));
        self.waiting.retain(|received| self.member.holds(received.partition));
        Ok(())
    }

    /// At the end: what is being scored is appended and committed, for as long as the group can be kept waiting.
    async fn drain(mut self) -> anyhow::Result<()> {
        self.waiting.clear();
        match tokio::time::timeout(DRAIN, scored(&mut self.running)).await {
            Ok(Some(worked)) => self.finish(worked).await,
            Ok(None) => Ok(()),
            Err(_) => {
                tracing::warn!("{STAGE}: a batch was not scored in time; it is scored again at the next start");
                Ok(())
            }
        }
    }
}

/// What a batch comes to.
struct Sorted {
    tally: Tally,
    records: Vec<Record>,
    dead: Vec<DeadLetter>,
}

fn sort(worked: Vec<Worked>, gone: u64) -> Sorted {
    let tally = Tally::of(worked.len() as u64 + gone);
    let mut sorted = Sorted { tally, records: Vec::new(), dead: Vec::new() };
    sorted.tally.count(LOST, gone);
    for (received, outcome) in worked {
        sorted.tally.count(outcome.label(), 1);
        match outcome {
            Outcome::Emit { what, .. } => {
                let (key, partition) = (received.key, Some(received.partition));
                sorted.records.push(Record { key, value: what, partition });
            }
            Outcome::Drop { .. } => {}
            Outcome::DeadLetter { reason } => sorted.dead.push(DeadLetter::of_record(STAGE, &received, reason)),
        }
    }
    sorted
}

fn say_gone(gone: u64) {
    if gone > 0 {
        tracing::error!(
            "{STAGE}: {gone} records of {} were gone from the log before they were scored; raise `retention_hours` under \
             [log], or add scorers",
            topics::RAW
        );
    }
}

/// Waits for the batch that is being scored; `None` where there is none.
async fn scored(running: &mut Option<Running>) -> Option<anyhow::Result<Vec<Worked>>> {
    let work = &mut running.as_mut()?.work;
    Some(work.await.context("the scoring task panicked").flatten())
}

/// What a batch holds of each partition, from the first offset to the last.
fn ranges(batch: &[Received]) -> impl Iterator<Item = (u32, OffsetRange)> {
    let mut ranges = std::collections::BTreeMap::new();
    for Received { partition, offset, .. } in batch {
        let range = ranges.entry(*partition).or_insert(OffsetRange { first: *offset, last: *offset });
        range.last = *offset;
    }
    ranges.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_charged_by_one_range_for_each_partition() {
        let received = |(partition, offset)| Received {
            topic: "t".into(),
            partition,
            offset,
            key: vec![],
            value: vec![],
            appended_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let batch: Vec<Received> = [(1, 5), (0, 3), (1, 6), (1, 9)].map(received).into();
        let ranges: Vec<String> = ranges(&batch).map(|(partition, range)| format!("{partition}:{range}")).collect();
        assert_eq!(ranges, ["0:3-3", "1:5-9"]);
    }
}
