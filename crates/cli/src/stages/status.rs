//! What runs, how far it is and what was dropped, for `/api/v1/status` and `/metrics`.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_api::{InvariantStatus, ModelStatus, PipelineStatus, SourceState, SourceStatus, StageState, StageStatus};
use grapevine_delivery::{DEAD_LETTER, Tally};
use grapevine_model::{Event, Usage};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::ingest::mark::Mark;
use crate::invariants;

/// In the order that a mention passes them.
pub const STAGES: [&str; 5] = ["ingest", "score", "sink", "alert", "serve"];
/// Those that read the log: they are healthy while their frontier moves, see [`super::watch`].
const WATCHED: [&str; 2] = ["score", "sink"];

/// The outcome of records that were gone from the log before they were read: nothing became of them.
pub const LOST: &str = "lost";

/// Shared by all stages of a process.
pub struct StatusBoard {
    status: Mutex<PipelineStatus>,
    work: Mutex<Work>,
}

/// What the stages that read the log are at.
#[derive(Default)]
struct Work {
    partitions: BTreeMap<&'static str, BTreeSet<u32>>,
    doing: BTreeMap<&'static str, String>,
    commits: u64,
    beyond_frontier: u64,
    read: u64,
    unaccounted: u64,
}

impl StatusBoard {
    pub fn new() -> Self {
        let status = PipelineStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: Timestamp::now(),
            stages: Vec::new(),
            sources: Vec::new(),
            model: None,
            engine_restarts: 0,
            invariants: Vec::new(),
        };
        Self { status: Mutex::new(status), work: Mutex::default() }
    }

    pub fn snapshot(&self) -> PipelineStatus {
        self.status.lock().clone()
    }

    pub fn stage(&self, name: &str, state: StageState, message: Option<String>) {
        let mut status = self.status.lock();
        let stage = stage_of(&mut status, name);
        stage.state = state;
        stage.message = message;
        if !WATCHED.contains(&name) {
            let well = matches!(state, StageState::Starting | StageState::Running);
            metrics::gauge!("grapevine_stage_healthy", "stage" => name.to_owned()).set(f64::from(u8::from(well)));
        }
    }

    /// Whether the frontier of a watched stage moves; else why not. A stage that says itself what it waits for goes on
    /// saying it.
    pub fn healthy(&self, name: &'static str, stalled: Option<String>) {
        metrics::gauge!("grapevine_stage_healthy", "stage" => name).set(f64::from(u8::from(stalled.is_none())));
        let mut status = self.status.lock();
        let stage = stage_of(&mut status, name);
        match (stage.state, stalled) {
            (StageState::Running | StageState::Stalled, Some(message)) => {
                (stage.state, stage.message) = (StageState::Stalled, Some(message));
            }
            (StageState::Stalled, None) => (stage.state, stage.message) = (StageState::Running, None),
            _ => {}
        }
    }

    /// The partitions that this process reads for a stage.
    pub fn held(&self, stage: &'static str, partitions: BTreeSet<u32>) {
        self.work.lock().partitions.insert(stage, partitions);
    }

    pub fn partitions_of(&self, stage: &str) -> BTreeSet<u32> {
        self.work.lock().partitions.get(stage).cloned().unwrap_or_default()
    }

    /// What a stage began last, such as "scoring 5 records".
    pub fn doing(&self, stage: &'static str, what: String) {
        self.work.lock().doing.insert(stage, what);
    }

    pub fn doing_of(&self, stage: &str) -> Option<String> {
        self.work.lock().doing.get(stage).cloned()
    }

    /// Commits of partitions that were checked against the frontier, and those that lay beyond it.
    pub fn commits(&self, checked: u64, beyond_frontier: u64) {
        let (beyond, of) = {
            let mut work = self.work.lock();
            work.commits += checked;
            work.beyond_frontier += beyond_frontier;
            (work.beyond_frontier, work.commits)
        };
        if checked > 0 {
            self.invariant("commit_beyond_frontier", beyond, of);
        }
    }

    /// Counts what became of records whose commit is made.
    pub fn tally(&self, stage: &'static str, tally: &Tally) {
        tally.outcomes().for_each(|(outcome, n)| self.count(stage, outcome, n));
        debug_assert_eq!(tally.unaccounted(), 0, "{stage}: {tally:?}");
        let (unaccounted, of) = {
            let mut work = self.work.lock();
            work.read += tally.read();
            work.unaccounted += tally.unaccounted();
            (work.unaccounted, work.read)
        };
        self.invariant("unaccounted", unaccounted, of);
    }

    pub fn lag(&self, stage: &'static str, records: u64) {
        metrics::gauge!("grapevine_lag_records", "stage" => stage).set(records as f64);
        stage_of(&mut self.status.lock(), stage).lag = Some(records);
    }

    pub fn model(&self, model: ModelStatus) {
        self.status.lock().model = Some(model);
    }

    pub fn engine_restarts(&self, restarts: u64) {
        self.status.lock().engine_restarts = restarts;
    }

    /// What a check found: `violations` of `checked`. The name is one of [`invariants::ALL`].
    pub fn invariant(&self, name: &'static str, violations: u64, checked: u64) {
        metrics::gauge!("grapevine_invariant_violations", "invariant" => name).set(violations as f64);
        metrics::gauge!("grapevine_invariant_checked", "invariant" => name).set(checked as f64);
        let (checked_at, meaning) = (Timestamp::now(), invariants::meaning(name).to_owned());
        let seconds = checked_at.as_second() as f64;
        metrics::gauge!("grapevine_invariant_checked_at", "invariant" => name).set(seconds);
        let found = InvariantStatus { name: name.to_owned(), violations, checked, checked_at, meaning };
        let mut status = self.status.lock();
        match status.invariants.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = found,
            None => status.invariants.push(found),
        }
    }

    /// This process checks it no more: another does.
    pub fn withdraw(&self, name: &str) {
        for gauge in ["grapevine_invariant_violations", "grapevine_invariant_checked", "grapevine_invariant_checked_at"]
        {
            metrics::gauge!(gauge, "invariant" => name.to_owned()).set(0.0);
        }
        self.status.lock().invariants.retain(|known| known.name != name);
    }

    pub fn source(&self, name: &str, platform: &str, state: SourceState, message: Option<String>) {
        let mut status = self.status.lock();
        let source = source_of(&mut status, name);
        source.platform = platform.to_owned();
        source.state = state;
        source.message = message;
    }

    /// What else is known of a source.
    pub fn fares(&self, name: &str, mark: &Mark) {
        let mut status = self.status.lock();
        let source = source_of(&mut status, name);
        source.since = Some(mark.since);
        source.complete_through = mark.complete_through;
        source.last_success = mark.last_success;
        source.usage = mark.usage.clone();
    }

    /// A page of a source became durable.
    pub fn heard(&self, name: &str, events: &[Event]) {
        let mut status = self.status.lock();
        let source = source_of(&mut status, name);
        source.heard_at = Some(Timestamp::now());
        for event in events {
            match event {
                Event::Upsert(mention) => {
                    source.mentions += 1;
                    source.newest_at = source.newest_at.max(Some(mention.created_at));
                }
                Event::Campaign(_) | Event::Survey(_) | Event::AccountSnapshot(_) => source.rows += 1,
                _ => {}
            }
        }
    }

    /// Counts what became of `n` events at a stage; `/metrics` has each outcome, so that every drop is there under its
    /// reason. `dead_letter` is the outcome of those that were parked.
    pub fn count(&self, stage: &'static str, outcome: &str, n: u64) {
        if n == 0 {
            return;
        }
        metrics::counter!("grapevine_events_total", "stage" => stage, "outcome" => outcome.to_owned()).increment(n);
        let mut status = self.status.lock();
        let part = stage_of(&mut status, stage);
        match outcome {
            DEAD_LETTER => part.dead_letters += n,
            LOST => {}
            _ => part.done += n,
        }
    }
}

fn stage_of<'a>(status: &'a mut PipelineStatus, name: &str) -> &'a mut StageStatus {
    let at = status.stages.iter().position(|stage| stage.name == name).unwrap_or_else(|| {
        let rank = |name: &str| STAGES.iter().position(|stage| *stage == name);
        let at = status.stages.partition_point(|stage| rank(&stage.name) < rank(name));
        let state = StageState::Starting;
        let stage = StageStatus { name: name.into(), state, lag: None, done: 0, dead_letters: 0, message: None };
        status.stages.insert(at, stage);
        at
    });
    &mut status.stages[at]
}

fn source_of<'a>(status: &'a mut PipelineStatus, name: &str) -> &'a mut SourceStatus {
    let at = status.sources.iter().position(|source| source.name == name).unwrap_or_else(|| {
        status.sources.push(SourceStatus {
            name: name.into(),
            platform: String::new(),
            state: SourceState::Starting,
            newest_at: None,
            heard_at: None,
            mentions: 0,
            rows: 0,
            message: None,
            since: None,
            complete_through: None,
            last_success: None,
            usage: Usage::default(),
        });
        status.sources.len() - 1
    });
    &mut status.sources[at]
}

#[cfg(test)]
mod tests {
    use grapevine_model::{AccountSnapshot, Deletion, MentionKey};

    use super::*;

    #[test]
    fn counts_add_up_and_what_is_no_success_stands_apart() {
        let board = StatusBoard::new();
        board.count("score", "no_monitor_matched", 2);
        board.count("score", "no_monitor_matched", 3);
        board.count("score", "dead_letter", 1);
        board.count("score", LOST, 7);
        let stage = &board.snapshot().stages[0];
        assert_eq!((stage.done, stage.dead_letters), (5, 1));
    }

    #[test]
    fn a_stage_that_stalls_says_so_until_it_moves_unless_it_says_more_itself() {
        let board = StatusBoard::new();
        let shown = || board.snapshot().stages[0].clone();
        board.stage("sink", StageState::Running, None);
        board.healthy("sink", Some("nothing was finished".into()));
        assert_eq!((shown().state, shown().message.as_deref()), (StageState::Stalled, Some("nothing was finished")));
        board.healthy("sink", None);
        assert_eq!((shown().state, shown().message), (StageState::Running, None));
        board.stage("sink", StageState::Retrying, Some("the disk is full".into()));
        board.healthy("sink", Some("nothing was finished".into()));
        assert_eq!((shown().state, shown().message.as_deref()), (StageState::Retrying, Some("the disk is full")));
    }

    #[test]
    fn what_a_source_gives_is_counted_as_posts_or_rows() {
        let board = StatusBoard::new();
        let observed_at = Timestamp::UNIX_EPOCH;
        let count = |account: &str| {
            Event::AccountSnapshot(AccountSnapshot {
                platform: "p".into(),
                account: account.into(),
                observed_at,
                followers: 1,
            })
        };
        let deletion = Event::Delete(Deletion { key: MentionKey::new("p", "", "1"), observed_at });
        board.heard("followers", &[count("a"), count("b"), deletion]);
        let source = &board.snapshot().sources[0];
        assert_eq!((source.rows, source.mentions, source.newest_at), (2, 0, None));
    }

    #[test]
    fn commits_and_outcomes_are_invariants_with_their_denominators() {
        let board = StatusBoard::new();
        board.commits(3, 0);
        board.commits(2, 1);
        let mut tally = Tally::of(2);
        tally.count("stored", 2);
        board.tally("sink", &tally);
        let found: Vec<(String, u64, u64)> = board
            .snapshot()
            .invariants
            .into_iter()
            .map(|found| (found.name, found.violations, found.checked))
            .collect();
        assert_eq!(found, [("commit_beyond_frontier".to_owned(), 1, 5), ("unaccounted".to_owned(), 0, 2)]);
    }

    #[test]
    fn prometheus_tells_of_every_stage_that_is_gone_with_its_target() {
        let rules = include_str!("../../../../deploy/prometheus-rules.yml");
        let gone = rules.split("alert: ").find(|rule| rule.starts_with("GrapevineProcessGone")).unwrap();
        for stage in STAGES {
            assert!(gone.contains(&format!("absent(grapevine_stage_healthy{{stage=\"{stage}\"}})")), "{stage}: {gone}");
        }
    }

    #[test]
    fn stages_stand_in_the_order_of_the_pipeline() {
        let board = StatusBoard::new();
        for name in ["serve", "ingest", "sink"] {
            board.stage(name, StageState::Running, None);
        }
        let names: Vec<String> = board.snapshot().stages.into_iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["ingest", "sink", "serve"]);
    }
}
