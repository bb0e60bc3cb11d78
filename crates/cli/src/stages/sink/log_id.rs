//! A random name that the log keeps. Offsets mean something within one log only: one that was begun anew starts at 0.

use anyhow::Context;
use grapevine_log::{Log, PollLimits, Record};
use grapevine_model::topics;

/// Under which the log keeps it.
pub const KEY: &[u8] = b"log:id";
/// Before the name that a process proposes. Each has a key of its own, so that compaction leaves them all.
const PROPOSED: &str = "log:id:proposed:";
const PAGE: PollLimits = PollLimits { records: 1_000, bytes: 1 << 20, wait: std::time::Duration::from_secs(5) };

/// The log's name; it gets one where it has none. Where several processes begin at once, the name that was proposed first
/// stands for all of them, whatever each had seen before.
pub async fn of(log: &dyn Log) -> anyhow::Result<String> {
    if let Some(id) = log.table(topics::STATE).await?.get(KEY) {
        return Ok(String::from_utf8_lossy(id).into_owned());
    }
    let own = format!("{:016x}", rand::random::<u64>());
    save(log, format!("{PROPOSED}{own}").as_bytes(), &own).await?;
    let id = first_proposed(log).await?.context("the log's id could not be saved")?;
    save(log, KEY, &id).await?;
    Ok(id)
}

async fn save(log: &dyn Log, key: &[u8], id: &str) -> anyhow::Result<()> {
    let record = Record { key: key.to_owned(), value: id.as_bytes().to_owned(), partition: Some(0) };
    Ok(log.append(topics::STATE, vec![record]).await?)
}

async fn first_proposed(log: &dyn Log) -> anyhow::Result<Option<String>> {
    let bounds = log.bounds(topics::STATE).await?;
    let (mut next, end) = bounds.get(&0).copied().unwrap_or_default();
    while next < end {
        let records = log.read(topics::STATE, 0, next, PAGE).await?;
        let Some(last) = records.last() else { break };
        next = last.offset + 1;
        if let Some(first) = records.iter().find(|record| record.key.starts_with(PROPOSED.as_bytes())) {
            return Ok(Some(String::from_utf8_lossy(&first.value).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use grapevine_log::{Retention, TopicSpec, embedded::EmbeddedLog};

    use super::*;

    #[tokio::test]
    async fn processes_that_begin_at_once_take_the_name_that_was_proposed_first() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(dir.path().join("log.db")).unwrap();
        let state = TopicSpec { name: topics::STATE.into(), partitions: 1, keep: Retention::Compacted };
        log.ensure_topics(&[state]).await.unwrap();
        // Another process has proposed its name, and is held up before it goes on.
        save(&log, b"another key", "x").await.unwrap();
        save(&log, format!("{PROPOSED}aa").as_bytes(), "aa").await.unwrap();
        assert_eq!(of(&log).await.unwrap(), "aa");
        // A third found no name either, and proposes only now.
        save(&log, format!("{PROPOSED}bb").as_bytes(), "bb").await.unwrap();
        assert_eq!(first_proposed(&log).await.unwrap().as_deref(), Some("aa"));
        assert_eq!(of(&log).await.unwrap(), "aa");
    }
}
