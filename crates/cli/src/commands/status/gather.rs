//! Asks the log and the store. Whoever does not answer in time is not known, and does not hold back the rest.

use std::{collections::BTreeMap, future::Future, time::Duration};

use anyhow::Context;
use futures::future::try_join_all;
use grapevine_log::{Log, LogError, Offsets, PollLimits};
use grapevine_model::topics;
use grapevine_store::{Audit, Overview, SourceReport, Store};
use jiff::Timestamp;

use crate::{
    commands::dlq::{self, Letter},
    config::Config,
    parts,
    stages::{
        alert,
        ingest::{self, mark::Mark},
        score, sink,
        watch::{self, Bounds},
    },
};

/// What one part said, or why it is not known.
pub type Known<T> = Result<T, String>;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// An audit reads the base table.
const AUDIT_PATIENCE: Duration = Duration::from_secs(120);

/// What was asked, before anything is made of it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Timestamp,
    /// Configured sources.
    pub sources: Vec<String>,
    pub log: Known<LogSeen>,
    pub store: Known<Overview>,
    pub audit: Known<Audit>,
    /// What the sources reported, with the counts of the last 24 hours.
    pub reports: Known<Vec<SourceReport>>,
}

#[derive(Debug, Clone, Default)]
pub struct LogSeen {
    /// Scorer and sink: those that read the log in a group.
    pub readers: Vec<Reader>,
    /// What the sources last said of themselves.
    pub marks: BTreeMap<String, Mark>,
    /// When a stage first kept something in this log.
    pub began: Option<Timestamp>,
    /// Sources that have saved a checkpoint.
    pub checkpoints: Vec<String>,
    /// Up to where every own brand's buckets were watched: the least.
    pub watched_through: Option<Timestamp>,
    pub letters: Vec<Letter>,
    /// Tells its offsets from those of another log.
    pub id: Option<String>,
}

/// A stage's group on its topic.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    pub stage: &'static str,
    pub topic: &'static str,
    pub bounds: Bounds,
    pub commits: Offsets,
    /// When the oldest record that waits was appended.
    pub oldest_waiting: Option<Timestamp>,
    /// When the stage's newest output was appended, where that can be seen.
    pub moved: Option<Timestamp>,
}

impl Reader {
    /// Records that are there and that the group has not committed.
    pub fn waiting(&self) -> u64 {
        watch::behind(&self.bounds, &self.commits, |_| true)
    }
}

async fn known<T>(patience: Duration, answer: impl Future<Output = anyhow::Result<T>>) -> Known<T> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

/// The log is asked before the store: what is committed must be stored by then.
pub async fn gather(config: &Config, span: (Timestamp, Timestamp)) -> Seen {
    let log = known(PATIENCE, async { look(&*parts::existing_log(config).await?).await }).await;
    let opened = known(PATIENCE, parts::running_store(config)).await;
    let (store, audit, reports) = match opened {
        Ok(reader) => tokio::join!(
            known(PATIENCE, overview(&reader)),
            known(AUDIT_PATIENCE, audit(&reader, span)),
            known(PATIENCE, reports(&reader)),
        ),
        Err(why) => (Err(why.clone()), Err(why.clone()), Err(why)),
    };
    Seen { at: Timestamp::now(), sources: config.source_names(), log, store, audit, reports }
}

async fn overview(store: &Store) -> anyhow::Result<Overview> {
    Ok(store.overview().await?)
}

async fn audit(store: &Store, (from, to): (Timestamp, Timestamp)) -> anyhow::Result<Audit> {
    Ok(store.audit(from, to).await?)
}

async fn reports(store: &Store) -> anyhow::Result<Vec<SourceReport>> {
    Ok(store.source_reports().await?)
}

async fn look(log: &dyn Log) -> anyhow::Result<LogSeen> {
    let state = log.table(topics::STATE).await.context("the stages' state")?;
    let mut readers = vec![
        reader(log, "score", (topics::RAW, score::GROUP)).await?,
        reader(log, "sink", (topics::SCORED, sink::GROUP)).await?,
    ];
    readers[0].moved = newest(log, topics::SCORED).await?;
    let text = |key: &[u8]| state.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
    Ok(LogSeen {
        readers,
        marks: Mark::all(&state),
        began: oldest(log, topics::STATE).await?,
        checkpoints: keys_after(&state, ingest::CHECKPOINT),
        watched_through: watched_through(&state),
        letters: dlq::read(log).await.context("the dead letters")?.into_all(),
        id: text(sink::log_id::KEY),
    })
}

/// What follows the prefix in the keys of a table.
fn keys_after(table: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: &str) -> Vec<String> {
    let rest = |key: &Vec<u8>| Some(String::from_utf8_lossy(key.strip_prefix(prefix.as_bytes())?).into_owned());
    table.keys().filter_map(rest).collect()
}

fn watched_through(table: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Timestamp> {
    let frontiers = table.iter().filter(|(key, _)| key.starts_with(alert::FRONTIER.as_bytes()));
    frontiers.filter_map(|(_, value)| serde_json::from_slice(value).ok()).min()
}

async fn reader(log: &dyn Log, stage: &'static str, (topic, group): (&'static str, &str)) -> anyhow::Result<Reader> {
    let asking = || format!("how far the {stage} stage is");
    // Commits first: what is appended between the two answers counts as waiting, never as less than nothing.
    let commits = log.committed(topic, group).await.with_context(asking)?;
    let bounds = log.bounds(topic).await.with_context(asking)?;
    let next = |(partition, (oldest, end)): (&u32, &(u64, u64))| {
        let next = commits.get(partition).copied().unwrap_or_default().max(*oldest);
        (next < *end).then_some((*partition, next))
    };
    let waiting = bounds.iter().filter_map(next).map(|(partition, at)| appended_at(log, topic, (partition, at)));
    let oldest_waiting = try_join_all(waiting).await.with_context(asking)?.into_iter().flatten().min();
    Ok(Reader { stage, topic, bounds, commits, oldest_waiting, moved: None })
}

/// When the oldest record that a topic still has was appended.
async fn oldest(log: &dyn Log, topic: &str) -> Result<Option<Timestamp>, LogError> {
    let bounds = log.bounds(topic).await?;
    let some = bounds.iter().filter(|(_, (oldest, next))| oldest < next);
    let times = some.map(|(partition, (oldest, _))| appended_at(log, topic, (*partition, *oldest)));
    Ok(try_join_all(times).await?.into_iter().flatten().min())
}

/// When the newest record of a topic was appended.
async fn newest(log: &dyn Log, topic: &str) -> Result<Option<Timestamp>, LogError> {
    let bounds = log.bounds(topic).await?;
    let last = bounds.iter().filter(|(_, (oldest, next))| oldest < next);
    let times = last.map(|(partition, (_, next))| appended_at(log, topic, (*partition, next - 1)));
    Ok(try_join_all(times).await?.into_iter().flatten().max())
}

async fn appended_at(
    log: &dyn Log,
    topic: &str,
    (partition, offset): (u32, u64),
) -> Result<Option<Timestamp>, LogError> {
    let one = PollLimits { records: 1, bytes: 1, wait: Duration::ZERO };
    let read = log.read(topic, partition, offset, one).await?;
    Ok(read.first().map(|record| record.appended_at))
}
