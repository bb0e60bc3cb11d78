//! What one sink does for all of them, beside the inserts: it rebuilds dirty hours and audits what is stored.

use std::time::Duration;

use grapevine_store::{Audit, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::{task::JoinHandle, time::Instant};

use super::{super::Pipeline, STAGE};

/// Whoever holds this partition does it.
pub const LEADS: u32 = 0;
/// Between two rebuilds, while nothing else is to do and this sink knows of dirty hours.
const REBUILD_WHEN_IDLE: Duration = Duration::from_millis(500);
/// … while nothing else is to do: other sinks make hours dirty too.
const LOOK_WHEN_IDLE: Duration = Duration::from_secs(5);
/// … in any case.
const REBUILD_AT_LATEST: Duration = Duration::from_secs(15);
const AUDIT_EVERY: Duration = Duration::from_secs(60);
/// What an audit looks back on: older spans are `grapevine store verify`'s to check.
const AUDITED: SignedDuration = SignedDuration::from_hours(48);

pub struct Upkeep {
    pipeline: Pipeline,
    dirty: bool,
    rebuild: Task,
    audit: Task,
}

/// Something that runs beside the inserts, at most once at a time.
struct Task {
    running: Option<JoinHandle<()>>,
    ended_at: Instant,
}

impl Task {
    fn new() -> Self {
        Self { running: None, ended_at: Instant::now() }
    }

    /// Whether it does not run, and has not for so long.
    fn is_due(&mut self, after: Duration) -> bool {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            (self.running, self.ended_at) = (None, Instant::now());
        }
        self.running.is_none() && self.ended_at.elapsed() >= after
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl Upkeep {
    pub fn new(pipeline: Pipeline) -> Self {
        Self { pipeline, dirty: true, rebuild: Task::new(), audit: Task::new() }
    }

    /// A batch made hours dirty.
    pub fn dirty(&mut self, dirty: bool) {
        self.dirty |= dirty;
    }

    /// Starts what is due, and does not wait for it.
    pub fn tick(&mut self, leads: bool, idle: bool) {
        if !leads {
            return;
        }
        let patience = match (idle, self.dirty) {
            (true, true) => REBUILD_WHEN_IDLE,
            (true, false) => LOOK_WHEN_IDLE,
            (false, _) => REBUILD_AT_LATEST,
        };
        if self.rebuild.is_due(patience) {
            self.dirty = false;
            self.rebuild.running = Some(tokio::spawn(rebuild(self.pipeline.clone())));
        }
        if self.audit.is_due(AUDIT_EVERY) {
            self.audit.running = Some(tokio::spawn(audit(self.pipeline.clone())));
        }
    }
}

/// What fails is tried again with the next turn: the marks stay.
async fn rebuild(pipeline: Pipeline) {
    match pipeline.store.rebuild_dirty().await {
        Ok(rebuilt) => metrics::counter!("grapevine_rebuilt_hours_total").increment(rebuilt.hours),
        Err(error) => tracing::warn!("{STAGE}: dirty hours wait to be rebuilt: {error}"),
    }
}

/// While the store is down, the last findings stay, with their time.
async fn audit(pipeline: Pipeline) {
    match audited(&pipeline).await {
        Ok(audit) => report(&pipeline, &audit),
        Err(error) => tracing::warn!("{STAGE}: the invariants could not be checked: {error}"),
    }
}

async fn audited(pipeline: &Pipeline) -> Result<Audit, StoreError> {
    let now = Timestamp::now();
    pipeline.store.audit(now - AUDITED, now + SignedDuration::from_hours(1)).await
}

fn report(pipeline: &Pipeline, audit: &Audit) {
    for (name, found) in
        [("lost", &audit.lost), ("doubled", &audit.doubled), ("rollup_mismatch", &audit.rollup_mismatch)]
    {
        if found.violations > 0 {
            tracing::error!(
                "{STAGE}: {name}: {} of {}: {}",
                found.violations,
                found.checked,
                found.examples.join("; ")
            );
        }
        pipeline.status.invariant(name, found.violations, found.checked);
    }
}
