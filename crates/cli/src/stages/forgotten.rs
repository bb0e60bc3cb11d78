//! Deletion requests on the log, and how the stages keep out what they name.
//!
//! Ingest, score and sink each ask [`Gate::now`] for what is kept out, for every page or batch, right before they work on
//! it. The answer is as new as the end of the table that the log gives at that moment. So a subject that was appended keeps
//! out whatever is begun afterwards; what was begun before is past once the groups' commits lie behind what the log held
//! then, and `grapevine forget` waits for that before it deletes.

use std::sync::Arc;

use anyhow::Context;
use grapevine_log::{Log, LogError, Record};
use grapevine_model::{
    Event,
    forgotten::{Forgotten, ForgottenRecord, Suppressions, Verdict},
    topics,
    wire::{self, WireError},
};
use parking_lot::Mutex;

/// Outcome of what is kept out, and of a record whose bytes were taken out of the log.
pub const FORGOTTEN: &str = "forgotten";

/// What is kept out, as of the end of the table.
pub struct Gate {
    log: Arc<dyn Log>,
    /// Where the table ended when it was read last.
    known: Mutex<(u64, Arc<Suppressions>)>,
}

impl Gate {
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log, known: Mutex::default() }
    }

    /// # Errors
    /// The log does not answer, or the table holds what this program does not understand: nothing is let through then.
    pub async fn now(&self) -> Result<Arc<Suppressions>, LogError> {
        let end = self.log.bounds(topics::FORGOTTEN).await?.get(&0).map_or(0, |(_, next)| *next);
        let (known_end, known) = self.known.lock().clone();
        if known_end == end {
            return Ok(known);
        }
        // What is appended while it is read is in it too; the next call reads it once more.
        let table = self.log.table(topics::FORGOTTEN).await?;
        let read = Forgotten::read(table.values().map(Vec::as_slice));
        let read = read.map_err(|error| LogError::Broken { message: error.to_string(), transient: false })?;
        let suppressions = Arc::new(read.suppressions());
        *self.known.lock() = (end, suppressions.clone());
        Ok(suppressions)
    }
}

/// A record of the log; `None` for what a deletion request keeps out, or took out of the log.
pub fn decode(value: &[u8], suppressions: &Suppressions) -> Result<Option<Event>, WireError> {
    if value.is_empty() {
        return Ok(None);
    }
    let mut event = wire::decode(value)?;
    Ok((suppressions.judge(&mut event) != Verdict::Forgotten).then_some(event))
}

/// Takes out of a page what is kept out; how many events that was.
pub fn keep_out(suppressions: &Suppressions, events: &mut Vec<Event>) -> u64 {
    if suppressions.is_empty() {
        return 0;
    }
    let before = events.len();
    events.retain_mut(|event| suppressions.judge(event) != Verdict::Forgotten);
    (before - events.len()) as u64
}

/// All deletion requests.
pub async fn table(log: &dyn Log) -> anyhow::Result<Forgotten> {
    let table = log.table(topics::FORGOTTEN).await.context("the deletion requests could not be read from the log")?;
    Ok(Forgotten::read(table.values().map(Vec::as_slice))?)
}

/// Returns once all of them are durable.
pub async fn append(log: &dyn Log, records: &[ForgottenRecord]) -> anyhow::Result<()> {
    let record = |record: &ForgottenRecord| Record {
        key: record.key().into_bytes(),
        value: record.encode(),
        partition: Some(0),
    };
    let appended = log.append(topics::FORGOTTEN, records.iter().map(record).collect()).await;
    appended.context("the deletion request could not be appended to the log")
}

#[cfg(test)]
mod tests {
    use grapevine_log::{Retention, TopicSpec, embedded::EmbeddedLog};
    use grapevine_model::{
        Author, Mention, MentionKey,
        forgotten::{Account, Salt, Subject, Suppressed},
    };

    use super::*;

    fn post(author: &str) -> Event {
        let author = Author { native_id: author.into(), ..Author::default() };
        let key = MentionKey::new("forum", "", format!("by {}", author.native_id));
        Event::Upsert(Box::new(Mention::new(key, author, jiff::Timestamp::UNIX_EPOCH, "text")))
    }

    #[tokio::test]
    async fn what_was_appended_is_kept_out_of_the_next_page() {
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(folder.path().join("log.db")).unwrap());
        let spec = TopicSpec { name: topics::FORGOTTEN.into(), partitions: 1, keep: Retention::Compacted };
        log.ensure_topics(&[spec]).await.unwrap();
        let gate = Gate::new(log.clone());
        let mut page = vec![post("ada"), post("bo")];
        assert_eq!(keep_out(&gate.now().await.unwrap(), &mut page), 0);
        let salt = Salt::of([1; 32]);
        let ada = Subject::Author(Account { platform: "forum".into(), instance: String::new(), name: "ada".into() });
        let suppressed = Suppressed { hash: ada.hash(&salt).to_string(), salt, request: "r".into() };
        append(&*log, &[ForgottenRecord::Subject(suppressed)]).await.unwrap();
        assert_eq!(keep_out(&gate.now().await.unwrap(), &mut page), 1);
        assert_eq!(page, [post("bo")]);
        log.append(topics::FORGOTTEN, vec![Record { key: b"x".into(), value: b"{}".into(), partition: None }])
            .await
            .unwrap();
        assert!(gate.now().await.is_err(), "what is not understood lets nothing through");
    }
}
