//! What runs, how far it is and what was dropped, for `/api/v1/status` and `/metrics`.

use grapevine_api::{InvariantStatus, ModelStatus, PipelineStatus, SourceState, SourceStatus, StageState, StageStatus};
use grapevine_model::Event;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::invariants;

/// In the order that a mention passes them.
pub const STAGES: [&str; 5] = ["ingest", "score", "sink", "alert", "serve"];

/// Shared by all stages of a process.
pub struct StatusBoard {
    status: Mutex<PipelineStatus>,
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
        Self { status: Mutex::new(status) }
    }

    pub fn snapshot(&self) -> PipelineStatus {
        self.status.lock().clone()
    }

    pub fn stage(&self, name: &str, state: StageState, message: Option<String>) {
        let mut status = self.status.lock();
        let stage = stage_of(&mut status, name);
        stage.state = state;
        stage.message = message;
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
        let found = InvariantStatus { name: name.to_owned(), violations, checked, checked_at, meaning };
        let mut status = self.status.lock();
        match status.invariants.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = found,
            None => status.invariants.push(found),
        }
    }

    pub fn source(&self, name: &str, platform: &str, state: SourceState, message: Option<String>) {
        let mut status = self.status.lock();
        let source = source_of(&mut status, name);
        source.platform = platform.to_owned();
        source.state = state;
        source.message = message;
    }

    /// A page of a source became durable.
    pub fn heard(&self, name: &str, events: &[Event]) {
        let mut status = self.status.lock();
        let source = source_of(&mut status, name);
        source.heard_at = Some(Timestamp::now());
        for event in events {
            if let Event::Upsert(mention) = event {
                source.mentions += 1;
                source.newest_at = source.newest_at.max(Some(mention.created_at));
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
        if outcome == "dead_letter" {
            part.dead_letters += n;
        } else {
            part.done += n;
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
            message: None,
        });
        status.sources.len() - 1
    });
    &mut status.sources[at]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_dead_letters_stand_apart() {
        let board = StatusBoard::new();
        board.count("score", "no_monitor_matched", 2);
        board.count("score", "no_monitor_matched", 3);
        board.count("score", "dead_letter", 1);
        let stage = &board.snapshot().stages[0];
        assert_eq!((stage.done, stage.dead_letters), (5, 1));
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
