//! `grapevine dlq replay`: what a letter becomes is pure; then it is appended, and marked behind that.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anyhow::Context;
use grapevine_log::{Log, Received, Record};
use grapevine_model::{topics, wire};
use grapevine_sources::Source;
use jiff::Timestamp;
use serde::Serialize;

use super::letters::{Entry, Letter, Mark, Outcome, Pages};
use crate::{
    commands::words,
    stages::{
        dead_letter::{DeadLetter, Original},
        ingest,
    },
};

/// What a letter becomes.
#[derive(Debug, PartialEq)]
pub struct Replay {
    pub topic: &'static str,
    /// None where there is nothing to store in it: a blank line, a like.
    pub records: Vec<Record>,
}

/// By which sources and to how many partitions letters are replayed.
pub struct Ways {
    /// Configured sources, by name.
    pub sources: Vec<(String, Box<dyn Source>)>,
    pub partitions: u32,
}

impl Ways {
    /// The records of a letter, or why it is refused again.
    pub fn of(&self, letter: &DeadLetter, bytes: &[u8]) -> Result<Replay, String> {
        match letter.stage.as_str() {
            "ingest" => self.of_source(letter, bytes),
            _ => self.of_record(letter, bytes),
        }
    }

    /// Mapped by its source, with the settings of today, as observed when it was parked: an edit that came since stays
    /// newer.
    fn of_source(&self, letter: &DeadLetter, bytes: &[u8]) -> Result<Replay, String> {
        let (_, source) = self.source_of(&letter.place).ok_or_else(|| {
            format!("no source of the configuration gave it ({}): configure it again under its name", letter.place)
        })?;
        let events = source.remap(bytes, letter.at)?;
        let records = events.iter().flat_map(|event| ingest::records_of(event, self.partitions)).collect();
        Ok(Replay { topic: topics::RAW, records })
    }

    /// `source NAME: …` names it; of two names that fit, the longer.
    fn source_of(&self, place: &str) -> Option<&(String, Box<dyn Source>)> {
        let rest = place.strip_prefix("source ")?;
        let fits = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
        self.sources.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len())
    }

    /// To its own partition, so that a mention's versions stay in order. A mended one may be another mention: its key
    /// says where it belongs then.
    fn of_record(&self, letter: &DeadLetter, bytes: &[u8]) -> Result<Replay, String> {
        let record =
            letter.record.as_ref().ok_or("where its record stood was not kept: it can be shown, not replayed")?;
        let topic = [topics::RAW, topics::SCORED]
            .into_iter()
            .find(|topic| *topic == record.topic)
            .ok_or_else(|| format!("{} is no topic that is replayed", record.topic))?;
        let event = wire::decode(bytes).map_err(|error| error.to_string())?;
        let key = record.key.bytes().unwrap_or_default();
        let (key, partition) = match event.partition_key().map(String::into_bytes) {
            Some(own) if own != key => (own, None),
            _ if record.partition < self.partitions => (key, Some(record.partition)),
            _ => return Err(format!("partition {} does not exist any more", record.partition)),
        };
        Ok(Replay { topic, records: vec![Record { key, value: bytes.to_vec(), partition }] })
    }
}

/// What was done, or would be.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub dry_run: bool,
    pub replayed: u64,
    pub refused: u64,
    pub letters: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub struct Line {
    pub number: u64,
    pub stage: String,
    pub place: String,
    /// Where it was appended; absent where it was refused.
    pub topic: Option<&'static str>,
    /// Records that were appended.
    pub records: usize,
    pub refused_because: Option<String>,
}

pub struct Plan<'a> {
    pub chosen: Vec<&'a Letter>,
    /// In place of the letter's own bytes.
    pub mended: Option<Vec<u8>>,
    pub dry_run: bool,
}

/// Reads the topic once more, and replays the chosen letters page by page.
pub async fn run(log: &dyn Log, ways: &Ways, plan: &Plan<'_>) -> anyhow::Result<Report> {
    let chosen: BTreeMap<u64, &Letter> = plan.chosen.iter().map(|letter| (letter.number, *letter)).collect();
    let mut report = Report { dry_run: plan.dry_run, ..Report::default() };
    let mut pages = Pages::open(log).await?;
    while let Some(page) = pages.next().await? {
        let of_page = page.iter().filter_map(|record| Some((*chosen.get(&record.offset)?, record)));
        let judged: Vec<_> = of_page.map(|(letter, record)| (letter, judge(ways, record, plan))).collect();
        if !plan.dry_run {
            append(log, &judged).await?;
        }
        judged.into_iter().for_each(|(letter, verdict)| report.add(letter, verdict));
    }
    Ok(report)
}

fn judge(ways: &Ways, record: &Received, plan: &Plan<'_>) -> Result<Replay, String> {
    let letter: DeadLetter = serde_json::from_slice(&record.value)
        .map_err(|error| format!("this is no dead letter of grapevine: {error}"))?;
    let own = || letter.original.bytes().ok_or_else(|| "its bytes are damaged".to_owned());
    let bytes = plan.mended.clone().map_or_else(own, Ok)?;
    ways.of(&letter, &bytes)
}

/// Records first, marks behind them: a crash between leaves letters parked that can be replayed again, and ids fold.
async fn append(log: &dyn Log, judged: &[(&Letter, Result<Replay, String>)]) -> anyhow::Result<()> {
    for topic in [topics::RAW, topics::SCORED] {
        let of_topic =
            judged.iter().filter_map(|(_, verdict)| verdict.as_ref().ok().filter(|replay| replay.topic == topic));
        let records: Vec<Record> = of_topic.flat_map(|replay| replay.records.iter().cloned()).collect();
        if !records.is_empty() {
            log.append(topic, records).await.with_context(|| format!("replaying to {topic}; nothing was marked"))?;
        }
    }
    let at = Timestamp::now();
    let marks: Vec<Record> = judged.iter().map(|(letter, verdict)| mark(letter, verdict, at)).collect();
    if !marks.is_empty() {
        log.append(topics::DEAD_LETTERS, marks).await.context("marking what was replayed")?;
    }
    Ok(())
}

fn mark(letter: &Letter, verdict: &Result<Replay, String>, at: Timestamp) -> Record {
    let outcome = match verdict {
        Ok(_) => Outcome::Replayed,
        Err(reason) => Outcome::Refused { reason: reason.clone() },
    };
    let entry = Entry::Mark { mark: Mark { letter: letter.number, at, outcome } };
    let value = serde_json::to_vec(&entry).expect("a mark has string keys");
    Record { key: letter.place.clone().into_bytes(), value, partition: Some(0) }
}

impl Report {
    fn add(&mut self, letter: &Letter, verdict: Result<Replay, String>) {
        let (topic, records, refused_because) = match verdict {
            Ok(replay) => (Some(replay.topic), replay.records.len(), None),
            Err(reason) => (None, 0, Some(reason)),
        };
        self.replayed += u64::from(topic.is_some());
        self.refused += u64::from(topic.is_none());
        let (stage, place) = (letter.stage.clone(), letter.place.clone());
        self.letters.push(Line { number: letter.number, stage, place, topic, records, refused_because });
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let would = if self.dry_run { "would be " } else { "" };
        for line in &self.letters {
            let (number, place) = (line.number, words::plain(&line.place));
            match (&line.refused_because, line.topic) {
                (Some(reason), _) => writeln!(out, "{number}: {would}refused again: {}", words::plain(reason))?,
                (None, Some(topic)) if line.records > 0 => {
                    writeln!(out, "{number}: {would}replayed to {topic}: {place}")?
                }
                (None, _) => writeln!(out, "{number}: {would}done: there is nothing to store in it: {place}")?,
            }
        }
        writeln!(out, "{}", self.summary())
    }

    /// `3 replayed, 1 refused again`.
    fn summary(&self) -> String {
        let would = if self.dry_run { "would be " } else { "" };
        let replayed = format!("{} {would}replayed", words::count(self.replayed));
        match (self.refused, self.dry_run) {
            (0, false) => replayed,
            (0, true) => format!("{replayed}; nothing was done"),
            (refused, true) => format!("{replayed}, {} refused again; nothing was done", words::count(refused)),
            (refused, false) => format!("{replayed}, {} refused again and still parked", words::count(refused)),
        }
    }
}

/// Bytes that a person mended. An editor ends a file with a line end; JSON and a line of a file do not mind.
pub fn mended(file: &std::path::Path, original: &Original) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(file).with_context(|| format!("{} could not be read", file.display()))?;
    anyhow::ensure!(!bytes.is_empty(), "{} is empty; write the mended bytes into it", file.display());
    anyhow::ensure!(
        original.bytes().as_ref() != Some(&bytes),
        "{} holds the letter's own bytes; mend them first",
        file.display()
    );
    Ok(bytes)
}
