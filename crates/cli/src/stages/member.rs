//! A member of a group: its consumer, and the tracker of what it took up. Both stages that read the log stand on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, bail};
use grapevine_delivery::{Completion, LedgerError, OffsetRange, Ticket, Tracker};
use grapevine_log::{Commits, Consumer, LogError, Offsets, PollLimits, Polled, Received, Record, StartAt};
use tokio::time::Instant;

use super::{Pipeline, backoff::Backoff};

/// How long a member that has work in hand does not serve its group: a rebalance waits so long for the work to be finished
/// and committed. After it the group is served, and what finishes late is discarded.
pub const DRAIN: Duration = Duration::from_secs(15);
/// One turn of serving the group without reading.
const TEND: Duration = Duration::from_secs(1);
/// A commit was refused, so the group has dealt anew: the next polls say so, or something is wrong.
const NEWS_WITHIN: Duration = Duration::from_secs(60);

pub struct Member {
    pipeline: Pipeline,
    stage: &'static str,
    consumer: Box<dyn Consumer>,
    tracker: Tracker,
    /// Partitions of which a commit was refused, and when; the group has not told yet that they went.
    refused: BTreeMap<u32, Instant>,
    /// Until then a rebalance waits for the work that is in hand.
    drain_until: Instant,
}

/// What serving the group brought.
#[derive(Default)]
pub struct Turn {
    /// Of partitions that are held, in order within each.
    pub records: Vec<Received>,
    /// Went away; some may be in `gained` again.
    pub lost: Vec<u32>,
    /// Are read from their commit on.
    pub gained: Vec<u32>,
}

/// Why an append was not committed.
pub enum NotAppended {
    /// A partition went to another member; some of the records may be there.
    Refused(Vec<Ticket>),
    Failed(Vec<Ticket>, LogError),
    Misuse(LedgerError),
}

impl Member {
    pub async fn join(pipeline: Pipeline, stage: &'static str, topic: &str, group: &str) -> Result<Self, LogError> {
        let consumer = pipeline.log.consumer(topic, group, StartAt::Oldest).await?;
        let (tracker, refused) = (Tracker::new(), BTreeMap::new());
        Ok(Self { pipeline, stage, consumer, tracker, refused, drain_until: Instant::now() + DRAIN })
    }

    /// Reads, where there is room; else waits, and serves the group without reading once the drain deadline is over. It may
    /// be dropped before it ends.
    pub async fn serve(&mut self, room: Option<PollLimits>) -> anyhow::Result<Turn> {
        let polled = match room {
            Some(limits) => {
                let polled = self.consumer.poll(limits).await?;
                self.drain_until = Instant::now() + DRAIN;
                polled
            }
            None => {
                tokio::time::sleep_until(self.drain_until).await;
                self.consumer.tend(TEND).await?
            }
        };
        self.follow(polled)
    }

    fn follow(&mut self, polled: Polled) -> anyhow::Result<Turn> {
        let assigned: BTreeSet<u32> = self.consumer.assignment().into_iter().collect();
        let went = |partition: &u32| !assigned.contains(partition) || polled.revoked.contains(partition);
        let lost: Vec<u32> = self.tracker.held().filter(went).collect();
        lost.iter().for_each(|partition| self.tracker.revoke(*partition));
        self.refused.retain(|partition, _| !went(partition));
        if let Some((partition, _)) = self.refused.iter().find(|(_, since)| since.elapsed() > NEWS_WITHIN) {
            bail!("commits of partition {partition} are refused, but the group says that it is ours; joining it again");
        }
        let new = |partition: &u32| !self.tracker.holds(*partition) && !self.refused.contains_key(partition);
        let gained: Vec<u32> = assigned.iter().copied().filter(new).collect();
        gained.iter().for_each(|partition| self.tracker.assign(*partition));
        if !lost.is_empty() || !gained.is_empty() {
            self.pipeline.status.held(self.stage, self.tracker.held().collect());
        }
        let mut records = polled.records;
        records.retain(|record| self.tracker.holds(record.partition));
        Ok(Turn { records, lost, gained })
    }

    pub fn holds(&self, partition: u32) -> bool {
        self.tracker.holds(partition)
    }

    pub fn tracker(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    /// Takes up a range. A mistake is counted under its label before it is an error.
    pub fn charge(&mut self, partition: u32, range: OffsetRange) -> Result<Ticket, LedgerError> {
        self.tracker.charge(partition, range).inspect_err(|error| self.misused(error))
    }

    pub fn misused(&self, error: &LedgerError) {
        metrics::counter!("grapevine_ledger_misuse_total", "stage" => self.stage, "label" => error.label())
            .increment(1);
    }

    /// Every commit passes here: none goes beyond what is finished.
    fn check(&self, offsets: impl Iterator<Item = (u32, u64)>) -> Result<(), LedgerError> {
        let (mut checked, mut outcome) = (0, Ok(()));
        for (partition, next) in offsets {
            checked += 1;
            outcome = outcome.and(self.tracker.check(partition, next).inspect_err(|error| self.misused(error)));
        }
        self.pipeline.status.commits(checked, u64::from(outcome.is_err()));
        outcome
    }

    /// Commits; gives the partitions of which it was refused, because another member has them. Tries again where that may
    /// help.
    pub async fn commit(&mut self, mut commits: Commits) -> anyhow::Result<Vec<u32>> {
        self.check(commits.iter().map(|(partition, commit)| (*partition, commit.next)))?;
        let (mut refused, mut backoff) = (Vec::new(), Backoff::of_log());
        while !commits.is_empty() {
            match self.consumer.commit_noted(&commits).await {
                Ok(()) => break,
                Err(LogError::NotAssigned(partition)) if commits.remove(&partition).is_some() => {
                    self.refuse(partition);
                    refused.push(partition);
                }
                Err(error) => {
                    let wait = if error.is_transient() { backoff.next() } else { None };
                    let Some(wait) = wait else { return Err(error).context("offsets could not be committed") };
                    tracing::warn!("{}: {error}; trying again in {:.1} s", self.stage, wait.as_secs_f64());
                    tokio::time::sleep(wait).await;
                }
            }
        }
        Ok(refused)
    }

    /// What may be committed once these are finished; nothing of partitions that went away.
    pub fn next_after(&self, tickets: &[Ticket]) -> Offsets {
        let next = |ticket: &Ticket| Some((ticket.partition(), self.tracker.next_after(ticket)?));
        tickets.iter().filter_map(next).collect()
    }

    /// Appends and commits in one step, where the log can, and completes the tickets. `next` is what [`Self::next_after`]
    /// gave for them. They are given back where that failed.
    pub async fn append(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        next: &Offsets,
        tickets: Vec<Ticket>,
    ) -> Result<(), NotAppended> {
        match self.consumer.append_and_commit(topic, records, next).await {
            Ok(()) => {
                tickets.into_iter().try_for_each(|ticket| self.complete(ticket, next)).map_err(NotAppended::Misuse)
            }
            Err(LogError::NotAssigned(partition)) => {
                self.refuse(partition);
                Err(NotAppended::Refused(tickets))
            }
            Err(error) => Err(NotAppended::Failed(tickets, error)),
        }
    }

    /// The frontier has come to where the commit is, no less.
    fn complete(&mut self, ticket: Ticket, committed: &Offsets) -> Result<(), LedgerError> {
        let partition = ticket.partition();
        let Completion::Moved(frontier) = self.tracker.complete(ticket).inspect_err(|error| self.misused(error))?
        else {
            return Ok(());
        };
        let beyond = committed.get(&partition).is_some_and(|next| *next > frontier);
        self.pipeline.status.commits(1, u64::from(beyond));
        Ok(())
    }

    /// The group knows another owner; the next poll will say so. Until then nothing that is read of it counts.
    fn refuse(&mut self, partition: u32) {
        tracing::debug!("{}: partition {partition} went to another member", self.stage);
        self.tracker.revoke(partition);
        self.refused.insert(partition, Instant::now());
    }

    /// Gives work back that was not finished: it is read again from the frontier. Gives the partitions whose reading went
    /// back.
    pub async fn give_back(&mut self, tickets: Vec<Ticket>) -> Result<Vec<u32>, LogError> {
        let failed = |ticket: Ticket| Some((ticket.partition(), self.tracker.failed(ticket)?));
        let from: Offsets = tickets.into_iter().filter_map(failed).collect();
        for (partition, next) in &from {
            match self.consumer.seek(&Offsets::from([(*partition, *next)])).await {
                Err(LogError::NotAssigned(partition)) => self.refuse(partition),
                outcome => outcome?,
            }
        }
        Ok(from.into_keys().collect())
    }
}
