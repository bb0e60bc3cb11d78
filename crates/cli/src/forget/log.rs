//! What the log holds of forgotten accounts and mentions: taken out where the log can do that, else counted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Context;
use grapevine_log::{Log, PollLimits, Received, Record, Rewritten};
use grapevine_model::{
    Event, LabelRecord, MentionId,
    forgotten::{Remains, Suppressions, Verdict},
    topics, wire,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    config::Config,
    stages::dead_letter::{DeadLetter, Original},
};

const PAGE: PollLimits = PollLimits { records: 2_000, bytes: 16 << 20, wait: std::time::Duration::from_secs(5) };
/// For how long the log keeps dead letters.
const LETTERS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
const TAKEN_OUT: &str = "it was taken out by a deletion request";

/// What was found in the log, and what of it stays.
#[derive(Debug, Default)]
pub struct InLog {
    pub found: BTreeMap<String, u64>,
    pub remains: Vec<Remains>,
}

pub struct Pass<'a> {
    pub log: &'a dyn Log,
    pub config: &'a Config,
    pub suppressions: &'a Suppressions,
    /// In lower case.
    pub names: &'a BTreeSet<String>,
    pub dry_run: bool,
}

/// What is to stand in a record's place.
type Change = Option<Vec<u8>>;

impl Pass<'_> {
    pub async fn run(&self) -> anyhow::Result<InLog> {
        let mut all = InLog::default();
        let kept =
            SignedDuration::from_hours(i64::try_from(self.config.log.retention_hours).unwrap_or(i64::MAX / 3600));
        for topic in [topics::RAW, topics::SCORED] {
            // What is known by its author alone names the ids that later records are about.
            let mut ids = HashSet::new();
            self.topic(topic, kept, &mut all, |record| self.of_event(&record.value, &mut ids)).await?;
        }
        self.topic(topics::DEAD_LETTERS, LETTERS_KEPT, &mut all, |record| self.of_letter(&record.value)).await?;
        self.labels(&mut all).await?;
        self.notifications(&mut all).await?;
        all.found.retain(|_, count| *count > 0);
        Ok(all)
    }

    /// From the oldest record to where the topic ended when this began.
    async fn topic(
        &self,
        topic: &str,
        kept: SignedDuration,
        all: &mut InLog,
        mut judge: impl FnMut(&Received) -> Change,
    ) -> anyhow::Result<()> {
        let doing = || format!("going through {topic}; repeat the request to go on");
        let (mut found, mut stays, mut newest) = (0, 0, Timestamp::UNIX_EPOCH);
        for (partition, (oldest, end)) in self.log.bounds(topic).await.with_context(doing)? {
            let mut next = oldest;
            while next < end {
                let page = self.log.read(topic, partition, next, PAGE).await.with_context(doing)?;
                let Some(last) = page.last() else { break };
                next = last.offset + 1;
                let mut changes = Vec::new();
                for record in page.iter().filter(|record| !record.value.is_empty()) {
                    if let Some(value) = judge(record) {
                        changes.push((record.offset, value));
                        newest = newest.max(record.appended_at);
                    }
                }
                found += changes.len() as u64;
                stays += self.change(topic, partition, changes).await.with_context(doing)?;
            }
        }
        all.found.insert(topic.to_owned(), found);
        if stays > 0 {
            // Kafka removes whole segments, each a tenth of the age.
            let until = newest.checked_add(kept + kept / 10).ok();
            let why = "Kafka removes no single record; it goes with the topic's retention, and is kept out until then";
            all.remains.push(Remains { place: topic.to_owned(), records: Some(stays), until, why: why.into() });
        }
        Ok(())
    }

    /// How many records stay as they are.
    async fn change(&self, topic: &str, partition: u32, changes: Vec<(u64, Vec<u8>)>) -> anyhow::Result<u64> {
        let count = changes.len() as u64;
        if count == 0 || self.dry_run {
            return Ok(0);
        }
        Ok(match self.log.rewrite(topic, partition, changes).await? {
            Rewritten::Done => 0,
            Rewritten::Never => count,
        })
    }

    fn of_event(&self, value: &[u8], ids: &mut HashSet<MentionId>) -> Change {
        let Ok(mut event) = wire::decode(value) else {
            return self.names_any(&String::from_utf8_lossy(value)).then(Vec::new);
        };
        let about = id_of(&event);
        match self.suppressions.judge(&mut event) {
            Verdict::Forgotten => {
                ids.extend(about);
                Some(Vec::new())
            }
            Verdict::Cleared => Some(wire::encode(&event)),
            Verdict::Kept => about.filter(|id| ids.contains(id)).map(|_| Vec::new()),
        }
    }

    /// A letter stays in the list, without what it held.
    fn of_letter(&self, value: &[u8]) -> Change {
        let letter: DeadLetter = serde_json::from_slice(value).ok()?;
        if letter.reason == TAKEN_OUT {
            return None;
        }
        let bytes = letter.original.bytes().unwrap_or_default();
        let holds = match wire::decode(&bytes) {
            Ok(mut event) => self.suppressions.judge(&mut event) != Verdict::Kept,
            Err(_) => self.names_any(&String::from_utf8_lossy(&bytes)) || self.names_any(&letter.reason),
        };
        let empty =
            DeadLetter { reason: TAKEN_OUT.into(), original: Original::Utf8(String::new()), record: None, ..letter };
        holds.then(|| serde_json::to_vec(&empty).unwrap_or_default())
    }

    /// Whether a text names one of the accounts, as a word of its own.
    fn names_any(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        self.names.iter().any(|name| {
            text.match_indices(name.as_str()).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + name.len()..].chars().next();
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            })
        })
    }

    async fn labels(&self, all: &mut InLog) -> anyhow::Result<()> {
        let table = self.log.table(topics::LABELS).await.context("reading the labels")?;
        let is_forgotten = |value: &[u8]| {
            LabelRecord::decode(value).is_ok_and(|record| self.suppressions.has_mention(record.key().mention))
        };
        let keys = table.into_iter().filter(|(_, value)| is_forgotten(value)).map(|(key, _)| key).collect();
        self.remove(topics::LABELS, keys, all).await
    }

    /// One that waits to be sent is left: what it says goes with it.
    async fn notifications(&self, all: &mut InLog) -> anyhow::Result<()> {
        let table = self.log.table(topics::OUTBOX).await.context("reading the notifications")?;
        let (mut settled, mut waiting) = (Vec::new(), 0);
        for (key, value) in table {
            let Ok(entry) = serde_json::from_slice::<Value>(&value) else { continue };
            match self.quotes(&entry) {
                true if entry["status"] == "pending" => waiting += 1,
                true => settled.push(key),
                false => {}
            }
        }
        if waiting > 0 {
            let why = "they wait to be sent; repeat the request afterwards";
            let place = topics::OUTBOX.to_owned();
            all.remains.push(Remains { place, records: Some(waiting), until: None, why: why.into() });
        }
        self.remove(topics::OUTBOX, settled, all).await
    }

    fn quotes(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => {
                let name = text.trim_start_matches('@').to_ascii_lowercase();
                text.parse().is_ok_and(|id| self.suppressions.has_mention(id)) || self.names.contains(&name)
            }
            Value::Array(values) => values.iter().any(|value| self.quotes(value)),
            Value::Object(fields) => fields.values().any(|value| self.quotes(value)),
            _ => false,
        }
    }

    async fn remove(&self, table: &str, keys: Vec<Vec<u8>>, all: &mut InLog) -> anyhow::Result<()> {
        all.found.insert(format!("{table} (log)"), keys.len() as u64);
        if keys.is_empty() || self.dry_run {
            return Ok(());
        }
        let gone = |key| Record { key, value: Vec::new(), partition: Some(0) };
        let removed = self.log.append(table, keys.into_iter().map(gone).collect()).await;
        removed.with_context(|| format!("removing records of {table}; repeat the request to go on"))
    }
}

fn id_of(event: &Event) -> Option<MentionId> {
    match event {
        Event::Upsert(mention) => Some(mention.id()),
        Event::Delete(deletion) => Some(deletion.key.id()),
        Event::EngagementSnapshot(snapshot) => Some(snapshot.key.id()),
        Event::Rescored(rescored) => Some(rescored.key.id()),
        _ => None,
    }
}
