//! From what was seen to what it means. Pure.

use grapevine_store::{Audit, Overview};
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
    pub part: &'static str,
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
    /// Absent where the log is not known.
    pub checkpoint: Option<bool>,
    pub complete_through: Option<Timestamp>,
    pub caught_up: Option<bool>,
    pub last_heard: Option<Timestamp>,
    pub silent: bool,
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
    let not_known = not_known(seen);
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
    let one = |name: &String| {
        let said = seen.store.as_ref().ok().and_then(|store| store.sources.iter().find(|one| one.source == *name));
        let last_heard = said.map(|said| said.heard_at);
        Source {
            name: name.clone(),
            checkpoint: seen.log.as_ref().ok().map(|log| log.checkpoints.contains(name)),
            complete_through: said.and_then(|said| said.complete_through),
            caught_up: said.map(|said| said.caught_up),
            last_heard,
            silent: last_heard.is_some_and(|heard| seen.at.duration_since(heard) > SILENT),
        }
    };
    seen.sources.iter().map(one).collect()
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
            let end = reader.bounds.get(partition).map(|(_, end)| *end);
            let stored = audit.covered.iter().find(|covered| {
                reader.stage == "sink"
                    && Some(&covered.log) == log.id.as_ref()
                    && covered.topic == reader.topic
                    && covered.partition == *partition
            });
            let frontier = stored.map(|covered| covered.next_offset).into_iter().chain(end).min();
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
    let silent = sources.iter().filter(|source| source.silent).map(|source| Problem {
        what: format!(
            "source {} has not been heard for {}",
            source.name,
            source.last_heard.map(|time| words::age(time, now)).unwrap_or_default()
        ),
        hint: "is `grapevine up`, or `grapevine ingest`, running? its log says what the platform answers".to_owned(),
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
    violated.chain(stalled).chain(silent).collect()
}

/// Each part that did not answer, with why. What it would have said is not taken for 0.
fn not_known(seen: &Seen) -> Vec<Unknown> {
    let silent = |part, why: Option<&String>| why.map(|why| Unknown { part, why: why.replace('\n', "; ") });
    let (store, audit) = (seen.store.as_ref().err(), seen.audit.as_ref().err());
    let parts = [
        silent("log", seen.log.as_ref().err()),
        silent("store", store),
        // Where the store itself does not answer, that says it.
        silent("invariants", audit.filter(|_| store.is_none())),
    ];
    parts.into_iter().flatten().collect()
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
            let parts: Vec<&str> = report.not_known.iter().map(|unknown| unknown.part).collect();
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
