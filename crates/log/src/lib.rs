//! The log: partitioned topics that keep their order, consumer groups, and compacted tables.
//!
//! Two implementations stand behind one contract, and one suite of tests runs over both: [`kafka`] for production and
//! [`embedded`], one SQLite file, for a single machine. The stages know only the traits here.
//!
//! | a crash … | leaves |
//! |---|---|
//! | before `append` returns | none, some (Kafka) or all of its records: the caller appends all again, readers fold duplicates |
//! | after `append` returned | all of its records |
//! | after a poll, before `commit` returns | the offset before or after: the records may be read again, none is skipped |
//! | after `commit` returned | the offset: reading goes on there, whichever member gets the partition |
//! | within `append_and_commit` | embedded: both or neither; Kafka: nothing, some or all records, or records and offset |
//!
//! A commit may carry a note: what a member was about to do with the records from there on. It goes and comes with the
//! commit, under the same fence: a member that lost the partition can not write it, the next owner reads it.

pub mod embedded;
mod hash;
pub mod kafka;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::hash::partition_of;

/// A topic and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: u32,
    pub keep: Retention,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Records younger than this are kept.
    For(Duration),
    /// The newest record of each key is kept for ever; an empty value deletes the key. One partition.
    Compacted,
}

/// A record to append. `partition` overrides the key's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub partition: Option<u32>,
}

/// A record that was read, with where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub topic: String,
    pub partition: u32,
    pub offset: u64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub appended_at: Timestamp,
}

/// How much one poll may return, and how long it may wait for the first record.
#[derive(Debug, Clone, Copy)]
pub struct PollLimits {
    pub records: usize,
    pub bytes: usize,
    pub wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StartAt {
    /// A group without a committed offset starts with the oldest record.
    Oldest,
    /// … with what is appended from now on: the present end is committed while joining, so that a member which takes a
    /// partition over later skips nothing.
    Newest,
}

/// `partition -> offset`: of the next record to read, where it is a position or a commit.
pub type Offsets = BTreeMap<u32, u64>;

/// Where a group reads on in a partition, and a note kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Offset of the next record to read.
    pub next: u64,
    /// Up to [`NOTE_BYTES`]; empty for none.
    pub note: String,
}

/// `partition -> commit`.
pub type Commits = BTreeMap<u32, Commit>;

/// Bytes of a note at most: what a Kafka broker takes unless it is told otherwise (`offset.metadata.max.bytes`).
pub const NOTE_BYTES: usize = 4096;

fn without_notes(offsets: &Offsets) -> Commits {
    offsets.iter().map(|(part, next)| (*part, Commit { next: *next, note: String::new() })).collect()
}

fn check_partition(topic: &str, partition: u32, partitions: u32) -> Result<(), LogError> {
    if partition < partitions {
        return Ok(());
    }
    let message = format!("topic {topic} has no partition {partition}, only 0 to {}", partitions.saturating_sub(1));
    Err(LogError::Broken { message, transient: false })
}

fn check_notes(commits: &Commits) -> Result<(), LogError> {
    let Some((part, commit)) = commits.iter().find(|(_, commit)| commit.note.len() > NOTE_BYTES) else { return Ok(()) };
    let bytes = commit.note.len();
    let message = format!("the note of partition {part} has {bytes} bytes, a commit takes {NOTE_BYTES}; shorten it");
    Err(LogError::Broken { message, transient: false })
}

/// What a poll gave.
#[derive(Debug, Default)]
pub struct Polled {
    /// In order within each partition.
    pub records: Vec<Received>,
    /// The assignment changed since the last poll: finished work of partitions that are gone must not be committed.
    pub assignment_changed: bool,
    /// Partitions that went away since the last poll, in order. Some may be back: what earlier polls gave of them is void,
    /// and they are read again from their commits (`records` may hold the first of that).
    pub revoked: Vec<u32>,
}

#[async_trait]
pub trait Log: Send + Sync {
    /// Creates what is missing. An existing topic with another number of partitions is an error. A new age limit is
    /// taken over by the embedded log; in Kafka an existing topic keeps the settings that its operator may have changed.
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError>;

    /// Number of partitions of a topic.
    async fn partitions(&self, topic: &str) -> Result<u32, LogError>;

    /// Appends in order and returns once every record is durable. On an error some may have been appended: the caller
    /// appends all of them again, and readers fold duplicates by key.
    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<(), LogError>;

    /// Joins a group on one topic. Groups of the same name on other topics are other groups. Dropping the consumer
    /// leaves the group.
    async fn consumer(&self, topic: &str, group: &str, start: StartAt) -> Result<Box<dyn Consumer>, LogError>;

    /// The newest record of every key of a compacted topic, as of now.
    async fn table(&self, topic: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError>;

    /// `(oldest, next)` offset of every partition.
    async fn bounds(&self, topic: &str) -> Result<BTreeMap<u32, (u64, u64)>, LogError>;

    /// Records of one partition, without a group: from this offset on, or from the oldest that is left, up to the limits
    /// or to where the partition ends now. Empty at its end. At least one record comes where there is one, however
    /// large; `limits.wait` means nothing here.
    async fn read(&self, topic: &str, partition: u32, from: u64, limits: PollLimits)
    -> Result<Vec<Received>, LogError>;

    /// Puts other values in the place of records of a topic that is kept by age; their offsets stay, so that nothing is
    /// lacking for whoever reads there. With an empty value the key goes too. Offsets that the log has no more are passed
    /// over. The files may hold the old bytes until [`Log::purge`].
    ///
    /// # Errors
    /// A compacted topic: append to it instead.
    async fn rewrite(&self, topic: &str, partition: u32, changes: Vec<(u64, Vec<u8>)>) -> Result<Rewritten, LogError>;

    /// Makes the log's files forget what its topics no longer hold. It takes as long as writing the log anew, and as much
    /// room; appends wait meanwhile, and may fail and be tried again. Of Kafka's files nothing is known: it does nothing.
    async fn purge(&self) -> Result<(), LogError>;

    /// What a group has committed, with the notes.
    async fn commits(&self, topic: &str, group: &str) -> Result<Commits, LogError>;

    /// Where a group reads on.
    async fn committed(&self, topic: &str, group: &str) -> Result<Offsets, LogError> {
        let commits = self.commits(topic, group).await?;
        Ok(commits.into_iter().map(|(part, commit)| (part, commit.next)).collect())
    }
}

/// Whether a log can change what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rewritten {
    Done,
    /// Kafka's records stand until their topic's retention removes them.
    Never,
}

/// A member of a group on one topic. Positions advance with each poll; commits are the caller's.
#[async_trait]
pub trait Consumer: Send {
    /// Returns as soon as there are records or the assignment changes, else after `limits.wait`. At least one record
    /// comes where there is one, however large. A poll that is dropped before it ends loses nothing.
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, LogError>;

    /// Durable once it returns. `offsets` are of the next record to read (last finished + 1); their notes are cleared.
    /// Fenced: a member that lost one of the partitions is refused with [`LogError::NotAssigned`], and nothing is changed.
    async fn commit(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.commit_noted(&without_notes(offsets)).await
    }

    /// Like [`Consumer::commit`], with notes: [`Log::commits`] gives them to whoever gets the partition.
    async fn commit_noted(&mut self, commits: &Commits) -> Result<(), LogError>;

    /// Appends to `topic` and commits `offsets` of this consumer's topic. In the embedded log both happen or neither, and
    /// a member that lost a partition appends nothing. In Kafka the commit follows the append: after a crash or a refusal
    /// in between the records are there and are appended again by whoever reads on (see [`kafka`] for the reasons).
    async fn append_and_commit(&mut self, topic: &str, records: Vec<Record>, offsets: &Offsets)
    -> Result<(), LogError>;

    /// Serves the group for up to `wait` without reading, and returns early when the assignment changes: for a member
    /// whose work takes long. Positions stay; nothing is skipped or read twice by the polls that follow. The answer holds
    /// no records.
    async fn tend(&mut self, wait: Duration) -> Result<Polled, LogError>;

    /// Reads on from these offsets instead: how a batch that failed is read again.
    async fn seek(&mut self, offsets: &Offsets) -> Result<(), LogError>;

    /// The partitions this member reads, as of the last poll. In Kafka the first polls bring them.
    fn assignment(&self) -> Vec<u32>;
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    #[error("topic {0} does not exist")]
    NoTopic(String),
    #[error("topic {topic} has {found} partitions, the configuration says {wanted}")]
    Partitions { topic: String, found: u32, wanted: u32 },
    #[error("partition {0} is not assigned to this consumer any more")]
    NotAssigned(u32),
    #[error("the log's disk is full: {0}")]
    DiskFull(String),
    #[error("{message}")]
    Broken { message: String, transient: bool },
}

impl LogError {
    /// Trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            LogError::DiskFull(_) => true,
            LogError::Broken { transient, .. } => *transient,
            LogError::NoTopic(_) | LogError::Partitions { .. } | LogError::NotAssigned(_) => false,
        }
    }
}
