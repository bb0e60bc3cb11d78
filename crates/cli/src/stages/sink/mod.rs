//! `sink`: stores what was scored, with the effect of exactly once.
//!
//! 1. The range of a batch is written as the note of its partition's commit. A member that lost the partition is refused.
//! 2. It is inserted under the token `log:topic:partition:first-last`: the same range again is dropped by the store.
//! 3. The commit moves behind it, and the note goes.
//!
//! Whoever gets a partition finds the note, and inserts that range first. Partitions are worked on side by side, each in
//! its own order; the commit of a range and the note of the next are one write.

mod intake;
mod job;
pub mod log_id;
mod note;
mod retrying;
mod upkeep;
mod valid;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use grapevine_api::StageState;
use grapevine_delivery::{BatchLimits, Completion, Tally, Ticket};
use grapevine_log::{Commit, Commits, PollLimits};
use grapevine_model::topics;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Pipeline, backoff, crash,
    member::{DRAIN, Member, Turn},
};
use intake::{Intake, Load};
use job::{Job, Stored};
use note::Pending;
use retrying::Retrying;
use upkeep::Upkeep;

const STAGE: &str = "sink";
pub const GROUP: &str = "sink";
/// Every batch is a part on disk and a look-up, so larger is better: at 10,000 a million rows took the engine a third
/// more time. A trickle is stored within the age; a backlog fills the count, long posts the bytes.
const BATCH: BatchLimits = BatchLimits { count: 30_000, bytes: 32 << 20, age: Duration::from_millis(700) };
/// Inserts at once: one for each partition of the default three, and one to spare. The engine does no more with more.
const INSERTS: usize = 4;
/// Bytes of records that wait or are being inserted. Decoded and as rows they take about three times as much again.
const MEMORY: usize = 96 << 20;
/// One poll: small enough that a finished insert is committed without delay.
const POLL: PollLimits = PollLimits { records: 5_000, bytes: 4 << 20, wait: Duration::from_millis(200) };

pub async fn run(pipeline: Pipeline) -> anyhow::Result<()> {
    let member = Member::join(pipeline.clone(), STAGE, topics::SCORED, GROUP).await?;
    let sink = Sink {
        upkeep: Upkeep::new(pipeline.clone()),
        pipeline,
        member,
        log_id: String::new(),
        waiting: BTreeMap::new(),
        running: BTreeMap::new(),
        inserts: JoinSet::new(),
        finished: BTreeMap::new(),
        retrying: Retrying::default(),
    };
    sink.run().await
}

struct Sink {
    pipeline: Pipeline,
    member: Member,
    /// Tells this log's offsets from those of a log that stood in its place before.
    log_id: String,
    /// Of the partitions that are held.
    waiting: BTreeMap<u32, Waiting>,
    /// Of partitions that went away too: at most one insert runs for each.
    running: BTreeMap<u32, Running>,
    inserts: JoinSet<(u32, anyhow::Result<Stored>)>,
    /// Stored and not committed: the offset after it, and what became of its records.
    finished: BTreeMap<u32, (u64, Tally)>,
    retrying: Retrying,
    upkeep: Upkeep,
}

struct Waiting {
    intake: Intake,
    /// The log's name in the note of the range that comes first.
    noted_under: Option<String>,
}

struct Running {
    ticket: Ticket,
    bytes: usize,
    given_up: CancellationToken,
}

enum Next {
    Turn(Turn),
    Inserted(u32, anyhow::Result<Stored>),
    Stop,
}

impl Sink {
    async fn run(mut self) -> anyhow::Result<()> {
        while !self.pipeline.stopping() {
            self.launch().await?;
            match self.next().await? {
                Next::Turn(turn) => self.take_in(turn).await?,
                Next::Inserted(partition, outcome) => self.settle(partition, outcome)?,
                Next::Stop => break,
            }
            let idle = self.running.is_empty() && self.waiting.values().all(|waiting| waiting.intake.is_empty());
            self.upkeep.tick(self.member.holds(upkeep::LEADS), idle);
        }
        self.drain().await
    }

    async fn next(&mut self) -> anyhow::Result<Next> {
        let room = self.room();
        tokio::select! {
            Some(ended) = self.inserts.join_next() => {
                let (partition, outcome) = ended.context("an insert panicked")?;
                Ok(Next::Inserted(partition, outcome))
            }
            turn = self.member.serve(room) => Ok(Next::Turn(turn?)),
            () = self.pipeline.shutdown.cancelled() => Ok(Next::Stop),
        }
    }

    /// What the next poll may bring. With nothing running there is always room: a range that is replayed may want more
    /// than the memory of today to be complete.
    fn room(&self) -> Option<PollLimits> {
        let waiting: usize = self.waiting.values().map(|waiting| waiting.intake.bytes()).sum();
        let running: usize = self.running.values().map(|running| running.bytes).sum();
        let deadline = self.waiting.iter().filter(|(partition, _)| !self.running.contains_key(partition));
        let deadline = deadline.filter_map(|(_, waiting)| waiting.intake.deadline()).min();
        let wait = deadline.map_or(POLL.wait, |at| at.saturating_duration_since(Instant::now()).min(POLL.wait));
        (waiting + running < MEMORY || self.running.is_empty()).then_some(PollLimits { wait, ..POLL })
    }

    async fn take_in(&mut self, turn: Turn) -> anyhow::Result<()> {
        for partition in turn.lost {
            self.lose(partition);
        }
        if !turn.gained.is_empty() {
            self.gain(turn.gained).await?;
        }
        if !turn.records.is_empty() {
            crash::at("sink-read");
        }
        let now = Instant::now();
        for record in turn.records {
            if let Some(waiting) = self.waiting.get_mut(&record.partition) {
                waiting.intake.push(record, now);
            }
        }
        Ok(())
    }

    /// Another member has the partition. An insert that runs ends by itself: what it comes to is discarded.
    fn lose(&mut self, partition: u32) {
        self.waiting.remove(&partition);
        self.finished.remove(&partition);
        if let Some(running) = self.running.get(&partition) {
            running.given_up.cancel();
        }
    }

    /// Reads the notes anew: what the last owner had begun comes first.
    async fn gain(&mut self, gained: Vec<u32>) -> anyhow::Result<()> {
        let log = &*self.pipeline.log;
        let commits = backoff::with_log("reading the sink's commits", || log.commits(topics::SCORED, GROUP)).await?;
        self.log_id = log_id::of(log).await?;
        for partition in gained {
            let pending = commits.get(&partition).map(Pending::of).transpose()?.flatten();
            let (range, noted_under) = pending.map(|pending| (pending.range, pending.log_id)).unzip();
            self.waiting.insert(partition, Waiting { intake: Intake::new(BATCH, range), noted_under });
        }
        Ok(())
    }

    /// Commits what is finished and, in the same write, notes what begins.
    async fn launch(&mut self) -> anyhow::Result<()> {
        let begun = self.begin()?;
        let mut commits = Commits::new();
        for (partition, (next, _)) in &self.finished {
            commits.insert(*partition, Commit { next: *next, note: String::new() });
        }
        for (pending, ticket, _) in &begun {
            commits.insert(ticket.partition(), pending.commit());
        }
        let any_begun = !begun.is_empty();
        for partition in self.member.commit(commits).await? {
            self.lose(partition);
        }
        for (_, tally) in std::mem::take(&mut self.finished).into_values() {
            self.pipeline.status.tally(STAGE, &tally);
            crash::at("sink-committed");
        }
        if any_begun {
            crash::at("sink-noted");
        }
        begun.into_iter().for_each(|(pending, ticket, load)| self.insert(pending, ticket, load));
        Ok(())
    }

    /// Charges the next range of each partition that is free.
    fn begin(&mut self) -> anyhow::Result<Vec<(Pending, Ticket, Load)>> {
        let (now, mut begun) = (Instant::now(), Vec::new());
        for (partition, waiting) in &mut self.waiting {
            if self.running.contains_key(partition) || self.running.len() + begun.len() >= INSERTS {
                continue;
            }
            let Some(load) = waiting.intake.next(now) else { continue };
            let ticket = self.member.charge(*partition, load.range)?;
            // The range in the note is the first, or it was given up.
            let noted_under = waiting.noted_under.take().filter(|_| load.replay);
            let log_id = noted_under.unwrap_or_else(|| self.log_id.clone());
            begun.push((Pending { range: load.range, log_id }, ticket, load));
        }
        Ok(begun)
    }

    fn insert(&mut self, pending: Pending, ticket: Ticket, load: Load) {
        let partition = ticket.partition();
        if !self.member.holds(partition) {
            return;
        }
        let doing = format!("inserting offsets {} of partition {partition}", pending.range);
        self.pipeline.status.doing(STAGE, doing);
        let given_up = CancellationToken::new();
        let bytes = load.records.iter().map(intake::size).sum();
        self.running.insert(partition, Running { ticket, bytes, given_up: given_up.clone() });
        let (pipeline, retrying) = (self.pipeline.clone(), self.retrying.clone());
        let job = Job { pipeline, retrying, log_id: pending.log_id, partition, load, given_up };
        self.inserts.spawn(async move { (partition, job.run().await) });
    }

    fn settle(&mut self, partition: u32, outcome: anyhow::Result<Stored>) -> anyhow::Result<()> {
        let Some(Running { ticket, .. }) = self.running.remove(&partition) else { return Ok(()) };
        match self.retrying.ended(partition) {
            None => self.pipeline.status.stage(STAGE, StageState::Running, None),
            why => self.pipeline.status.stage(STAGE, StageState::Retrying, why),
        }
        if !self.member.tracker().is_current(&ticket) {
            tracing::debug!("{STAGE}: offsets {} of partition {partition} are another member's now", ticket.range());
            return Ok(());
        }
        let stored = outcome?;
        self.upkeep.dirty(stored.dirty);
        let completion = self.member.tracker().complete(ticket).inspect_err(|error| self.member.misused(error))?;
        if let Completion::Moved(next) = completion {
            self.finished.insert(partition, (next, stored.tally));
        }
        Ok(())
    }

    /// At the end: what runs is finished and committed, for as long as the group can be kept waiting.
    async fn drain(mut self) -> anyhow::Result<()> {
        self.waiting.clear();
        // What was settled last is not committed yet.
        self.launch().await?;
        let deadline = tokio::time::Instant::now() + DRAIN;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.inserts.join_next()).await {
            let (partition, outcome) = ended.context("an insert panicked")?;
            self.settle(partition, outcome)?;
            self.launch().await?;
        }
        if !self.running.is_empty() {
            tracing::warn!("{STAGE}: {} inserts did not end in time; they are done again", self.running.len());
        }
        Ok(())
    }
}
