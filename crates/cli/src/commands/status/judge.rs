//! From what was seen to what it means. Pure.

use std::collections::BTreeMap;

use grapevine_api::SourceState;
use grapevine_model::Usage;
use grapevine_store::{Audit, Overview, SourceReport};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::gather::{Known, LogSeen, Reader, Seen};
use crate::{
    commands::{
        dlq::{Letter, Total, totals},
        words,
    },
    invariants,
    stages::watch::STALLED_AFTER,
};

/// Sources say how far they are every few seconds, also when they have nothing.
const SILENT: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Healthy,
    /// Something must not be as it is.
    Violated,
    /// A part did not answer, and what did is well.
    NotKnown,
}

/// What `grapevine status` says.
#[derive(Debug, Serialize)]
pub struct Report {
    pub at: Timestamp,
    pub verdict: Verdict,
    /// In one line whether all is well.
    pub headline: String,
    /// What must not be as it is, each with what to do.
    pub problems: Vec<Problem>,
    /// Parts that did not answer.
    pub not_known: Vec<Unknown>,
    pub stages: Vec<Stage>,
    pub sources: Vec<Source>,
    pub store: Option<Overview>,
    /// Brand-hours that wait to be rebuilt.
    pub dirty_hours: Option<u64>,
    pub invariants: Vec<Checked>,
    pub dead_letters: Option<DeadLetters>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    pub part: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub what: String,
    pub hint: String,
}

#[derive(Debug, Serialize)]
pub struct Stage {
    pub name: &'static str,
    pub state: StageState,
    /// Records; absent for the alerts, which read the store.
    pub waiting: Option<u64>,
    pub oldest_waiting: Option<Timestamp>,
    /// Records that the group has finished, over all partitions.
    pub committed: Option<u64>,
    /// When it finished something last, where that can be seen.
    pub moved: Option<Timestamp>,
    /// Buckets up to here were watched: the alerts' own frontier.
    pub watched_through: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    UpToDate,
    Working,
    Stalled,
    /// It has not finished anything yet.
    NotStarted,
}

#[derive(Debug, Serialize)]
pub struct Source {
    pub name: String,
    /// As it last said itself; absent where it never did, or the log is not known.
    pub state: Option<SourceState>,
    pub state_since: Option<Timestamp>,
    /// Why it is in that state, where it is not well.
    pub message: Option<String>,
    /// When a page was last read and kept.
    pub last_success: Option<Timestamp>,
    /// What it asked of its platform, and what is left of it.
    pub usage: Option<Usage>,
    /// What became of its last 24 hours; absent where it reported nothing, or the store is not known.
    pub last_day: Option<LastDay>,
    /// Absent where the log is not known.
    pub checkpoint: Option<bool>,
    pub complete_through: Option<Timestamp>,
    pub caught_up: Option<bool>,
    pub last_heard: Option<Timestamp>,
    /// It has not been heard for minutes, or never since it began.
    pub silent: bool,
}

/// Counts of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastDay {
    pub requests: u64,
    /// Mentions and other events that it gave.
    pub records: u64,
    /// Pieces that could not be mapped.
    pub rejected: u64,
    /// Failed polls by class.
    pub errors: BTreeMap<String, u64>,
}

impl LastDay {
    fn of(report: &SourceReport) -> Self {
        let SourceReport { requests, records, rejected, errors, .. } = report;
        Self { requests: *requests, records: *records, rejected: *rejected, errors: errors.clone() }
    }
}

#[derive(Debug, Serialize)]
pub struct Checked {
    pub name: &'static str,
    pub violations: u64,
    pub checked: u64,
    /// What is counted.
    pub of: &'static str,
    pub meaning: &'static str,
    /// The first few cases.
    pub examples: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct DeadLetters {
    pub letters: u64,
    pub parked: u64,
    pub totals: Vec<Total>,
}

pub fn judge(seen: &Seen) -> Report {
    let stages = seen.log.as_ref().map(|log| stages(log, &seen.store, seen.at)).unwrap_or_default();
    let sources = sources(seen);
    let invariants = seen.audit.as_ref().map(|audit| checked(audit, seen.log.as_ref().ok())).unwrap_or_default();
    let problems = problems(&stages, &sources, &invariants, seen.at);
    let not_known = not_known(seen, &sources);
    let verdict = match (problems.is_empty(), not_known.is_empty()) {
        (false, _) => Verdict::Violated,
        (true, false) => Verdict::NotKnown,
        (true, true) => Verdict::Healthy,
    };
    let mut report = Report {
        at: seen.at,
        verdict,
        headline: String::new(),
        problems,
        not_known,
        stages,
        sources,
        store: seen.store.clone().ok(),
        dirty_hours: seen.audit.as_ref().ok().map(|audit| audit.dirty_hours),
        invariants,
        dead_letters: seen.log.as_ref().ok().map(|log| dead_letters(&log.letters)),
    };
    report.headline = headline(&report);
    report
}

fn stages(log: &LogSeen, store: &Known<Overview>, now: Timestamp) -> Vec<Stage> {
    let stored = store.as_ref().ok().and_then(|store| store.last_written);
    let of_log = log.readers.iter().map(|reader| {
        // The sink's output is in the store.
        let moved = reader.moved.or(stored.filter(|_| reader.stage == "sink"));
        let waiting = reader.waiting();
        Stage {
            name: reader.stage,
            state: state(reader, waiting, moved, now),
            waiting: Some(waiting),
            oldest_waiting: reader.oldest_waiting,
            committed: Some(reader.commits.values().sum()),
            moved,
            watched_through: None,
        }
    });
    of_log.chain(Some(alert_stage(log, store))).collect()
}

/// It follows what every source has completed; behind by more than this, it is at work.
const WATCHED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

fn alert_stage(log: &LogSeen, store: &Known<Overview>) -> Stage {
    let complete =
        store.as_ref().ok().and_then(|store| store.sources.iter().map(|source| source.complete_through).min());
    let state = match (log.watched_through, complete.flatten()) {
        (None, _) => StageState::NotStarted,
        (Some(watched), Some(complete)) if complete.duration_since(watched) > WATCHED_WITHIN => StageState::Working,
        _ => StageState::UpToDate,
    };
    let watched_through = log.watched_through;
    Stage { name: "alert", state, waiting: None, oldest_waiting: None, committed: None, moved: None, watched_through }
}

fn state(reader: &Reader, waiting: u64, moved: Option<Timestamp>, now: Timestamp) -> StageState {
    let recent = |time: Option<Timestamp>| {
        time.is_some_and(|time| now.duration_since(time).as_secs_f64() <= STALLED_AFTER.as_secs_f64())
    };
    match waiting {
        0 if reader.commits.is_empty() => StageState::NotStarted,
        0 => StageState::UpToDate,
        _ if recent(reader.oldest_waiting) || recent(moved) => StageState::Working,
        _ => StageState::Stalled,
    }
}

fn sources(seen: &Seen) -> Vec<Source> {
    seen.sources.iter().map(|name| source(name, seen)).collect()
}

fn source(name: &str, seen: &Seen) -> Source {
    let (log, store) = (seen.log.as_ref().ok(), seen.store.as_ref().ok());
    let reports = seen.reports.as_ref().ok();
    let said = store.and_then(|store| store.sources.iter().find(|one| one.source == name));
    let mark = log.and_then(|log| log.marks.get(name));
    // A first round through a platform may take hours, and promises nothing before its end.
    let gives = mark.filter(|mark| !matches!(mark.state, SourceState::Starting | SourceState::Failed));
    let last_heard = said.map(|said| said.heard_at).max(gives.map(|mark| mark.at));
    // Where a part does not answer, what it would have said is not known.
    let began = log.zip(store).and_then(|(log, _)| mark.map(|mark| mark.since).or(log.began));
    let is_failed = mark.is_some_and(|mark| mark.state == SourceState::Failed);
    let silent_since = last_heard.or(began).filter(|_| !is_failed);
    Source {
        name: name.to_owned(),
        state: mark.map(|mark| mark.state),
        state_since: mark.map(|mark| mark.since),
        message: mark.and_then(|mark| mark.message.clone()),
        last_success: mark.and_then(|mark| mark.last_success),
        usage: mark.map(|mark| mark.usage.clone()),
        last_day: reports.and_then(|all| all.iter().find(|one| one.source == name)).map(LastDay::of),
        checkpoint: log.map(|log| log.checkpoints.iter().any(|saved| saved == name)),
        complete_through: said.and_then(|said| said.complete_through),
        caught_up: said.map(|said| said.caught_up),
        last_heard,
        silent: silent_since.is_some_and(|since| seen.at.duration_since(since) > SILENT),
    }
}

/// The store's own, and one that needs the log beside it.
fn checked(audit: &Audit, log: Option<&LogSeen>) -> Vec<Checked> {
    let found = [
        ("lost", Some(audit.lost.clone())),
        ("doubled", Some(audit.doubled.clone())),
        ("rollup_mismatch", Some(audit.rollup_mismatch.clone())),
        ("commit_beyond_frontier", log.map(|log| beyond_frontier(audit, log))),
    ];
    let one = |(name, finding): (&'static str, Option<grapevine_store::Finding>)| {
        let finding = finding?;
        let invariant = invariants::ALL.iter().find(|invariant| invariant.name == name)?;
        Some(Checked {
            name,
            violations: finding.violations,
            checked: finding.checked,
            of: invariant.of,
            meaning: invariant.meaning,
            examples: finding.examples,
        })
    };
    found.into_iter().filter_map(one).collect()
}

/// Commits beyond the end of their partition, and of the sink beyond what is stored.
fn beyond_frontier(audit: &Audit, log: &LogSeen) -> grapevine_store::Finding {
    let mut finding = grapevine_store::Finding::default();
    for reader in &log.readers {
        for (partition, next) in &reader.commits {
            let bounds = reader.bounds.get(partition).copied();
            let stored = || stored_through(audit, log, (reader, *partition));
            let stored =
                if reader.stage == "sink" { bounds.map(|(oldest, _)| stored().unwrap_or(oldest)) } else { None };
            let frontier = stored.into_iter().chain(bounds.map(|(_, end)| end)).min();
            finding.checked += 1;
            if let Some(frontier) = frontier.filter(|frontier| next > frontier) {
                finding.violations += 1;
                let (topic, stage) = (reader.topic, reader.stage);
                finding
                    .examples
                    .push(format!("{topic} partition {partition}: {stage} committed {next}, done is {frontier}"));
            }
        }
    }
    finding
}

/// Up to where all records that the log still has of a partition are stored; `None` where none of the first are. Ranges are
/// kept for longer than the log keeps records, so that the oldest record has its range.
fn stored_through(audit: &Audit, log: &LogSeen, (reader, partition): (&Reader, u32)) -> Option<u64> {
    let oldest = reader.bounds.get(&partition)?.0;
    let of_partition = audit.covered.iter().find(|covered| {
        Some(&covered.log) == log.id.as_ref() && covered.topic == reader.topic && covered.partition == partition
    });
    of_partition.filter(|covered| covered.first_offset <= oldest).map(|covered| covered.next_offset)
}

fn problems(stages: &[Stage], sources: &[Source], invariants: &[Checked], now: Timestamp) -> Vec<Problem> {
    let stalled = stages.iter().filter(|stage| stage.state == StageState::Stalled).map(|stage| {
        let oldest = stage.oldest_waiting.map(|time| format!(", the oldest for {}", words::age(time, now)));
        let waiting = words::counted(stage.waiting.unwrap_or_default(), "record waits", "records wait");
        let command = if stage.name == "score" { "score --stage" } else { stage.name };
        Problem {
            what: format!("{} has stalled: {waiting}{}", stage.name, oldest.unwrap_or_default()),
            hint: format!("is `grapevine up`, or `grapevine {command}`, running? its log says what it waits for"),
        }
    });
    let violated = invariants.iter().filter(|checked| checked.violations > 0).map(|checked| Problem {
        what: format!(
            "{}: {} of {} {}",
            checked.name.replace('_', " "),
            words::count(checked.violations),
            words::count(checked.checked),
            checked.of
        ),
        hint: format!("{}: {}", checked.name.replace('_', " "), checked.meaning),
    });
    let ill = sources.iter().filter_map(|source| source_problem(source, now));
    violated.chain(stalled).chain(ill).collect()
}

fn source_problem(source: &Source, now: Timestamp) -> Option<Problem> {
    let (name, message) = (&source.name, source.message.as_deref().map(words::plain).unwrap_or_default());
    let long = |since: Option<Timestamp>| since.filter(|since| now.duration_since(*since) > SILENT);
    let running = "is `grapevine up`, or `grapevine ingest`, running? its log says what the platform answers";
    let (what, hint) = match (source.state, source.last_heard) {
        (Some(SourceState::Failed), _) => (
            format!("source {name} has failed: {message}"),
            "mend what it says; where it says no time at which it is tried again, start `grapevine up`, or `grapevine \
             ingest`, anew",
        ),
        (_, Some(heard)) if source.silent => {
            (format!("source {name} has not been heard for {}", words::age(heard, now)), running)
        }
        (_, None) if source.silent => (format!("source {name} was never heard"), running),
        (Some(SourceState::Stalled), _) => (
            format!("source {name} has stalled: {message}"),
            "if it does not come back by itself, start `grapevine up`, or `grapevine ingest`, anew; its log says more",
        ),
        (Some(SourceState::Retrying), _) => {
            let age = words::age(long(source.state_since)?, now);
            (format!("source {name} has been failing for {age}: {message}"), "it is tried again by itself")
        }
        _ => return None,
    };
    Some(Problem { what, hint: hint.to_owned() })
}

/// Each part that did not answer, with why. What it would have said is not taken for 0.
fn not_known(seen: &Seen, sources: &[Source]) -> Vec<Unknown> {
    let silent = |part: &str, why: Option<&String>| {
        why.map(|why| Unknown { part: part.to_owned(), why: why.replace('\n', "; ") })
    };
    let (store, audit) = (seen.store.as_ref().err(), seen.audit.as_ref().err());
    let parts = [
        silent("log", seen.log.as_ref().err()),
        silent("store", store),
        // Where the store itself does not answer, that says it.
        silent("invariants", audit.filter(|_| store.is_none())),
        silent("reports of the sources", seen.reports.as_ref().err().filter(|_| store.is_none())),
    ];
    let answered = seen.log.is_ok() && seen.store.is_ok();
    let unheard = |source: &&Source| {
        answered && source.last_heard.is_none() && !source.silent && source.state != Some(SourceState::Failed)
    };
    let why = "it has not been heard yet".to_owned();
    let unheard = sources.iter().filter(unheard).map(|source| format!("source {}", source.name));
    parts.into_iter().flatten().chain(unheard.map(|part| Unknown { part, why: why.clone() })).collect()
}

fn dead_letters(letters: &[Letter]) -> DeadLetters {
    let all: Vec<&Letter> = letters.iter().collect();
    let parked = letters.iter().filter(|letter| !letter.is_replayed()).count() as u64;
    DeadLetters { letters: letters.len() as u64, parked, totals: totals(&all) }
}

fn headline(report: &Report) -> String {
    let problems = report.problems.iter().map(|problem| problem.what.as_str()).collect::<Vec<_>>().join("; ");
    match report.verdict {
        Verdict::Violated => format!("not healthy: {problems}"),
        Verdict::NotKnown => {
            let parts: Vec<&str> = report.not_known.iter().map(|unknown| unknown.part.as_str()).collect();
            format!("not known: the {}; what could be asked is well", parts.join(" and the "))
        }
        Verdict::Healthy => format!("healthy: {}", well(report)),
    }
}

/// `nothing waits, 0 of 1,234,567 records lost, rollups agree`.
fn well(report: &Report) -> String {
    let waiting: u64 = report.stages.iter().filter_map(|stage| stage.waiting).sum();
    let mut parts = vec![match waiting {
        0 => "nothing waits".to_owned(),
        _ => words::counted(waiting, "record is on its way", "records are on their way"),
    }];
    if let Some(lost) = report.invariants.iter().find(|checked| checked.name == "lost") {
        parts.push(format!("0 of {} lost", words::counted(lost.checked, "record", "records")));
    }
    parts.push("rollups agree".to_owned());
    if let Some(letters) = report.dead_letters.as_ref().filter(|letters| letters.parked > 0) {
        parts.push(words::counted(letters.parked, "dead letter is parked", "dead letters are parked"));
    }
    parts.join(", ")
}
