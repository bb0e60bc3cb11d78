//! What one sink does for all of them, beside the inserts: it rebuilds dirty hours, sums the days that are over, audits what is
//! stored, takes over what people label, and removes mentions that are older than they are kept for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use grapevine_store::{Audit, Expired, StoreError};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::Instant};

use super::{
    super::{Pipeline, labels::Follower, status::StatusBoard},
    STAGE,
};

/// Whoever holds this partition does it.
pub const LEADS: u32 = 0;
/// Between two rebuilds, while nothing else is to do and this sink knows of dirty hours.
const REBUILD_WHEN_IDLE: Duration = Duration::from_millis(500);
/// … while nothing else is to do: other sinks make hours dirty too.
const LOOK_WHEN_IDLE: Duration = Duration::from_secs(5);
/// … in any case.
const REBUILD_AT_LATEST: Duration = Duration::from_secs(15);
/// Who labels looks at the page meanwhile.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);
/// … after the log or the store failed.
const FOLLOW_AGAIN: Duration = Duration::from_secs(2);
/// Days that are over change seldom; until they are summed anew, their hours are read.
const SUM_DAYS_EVERY: Duration = Duration::from_secs(60);
/// Retention goes by whole days.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);
/// … after this sink began to lead.
const EXPIRE_FIRST: Duration = Duration::from_secs(60);
const AUDIT_EVERY: Duration = Duration::from_secs(60);
/// What an audit looks back on: older spans are `grapevine store verify`'s to check.
const AUDITED: SignedDuration = SignedDuration::from_hours(48);

pub struct Upkeep {
    pipeline: Pipeline,
    dirty: bool,
    rebuild: Task,
    days: Task,
    audit: Task,
    labels: Task,
    expiry: Task,
    expires_after: Duration,
    follower: Following,
    findings: Findings,
}

/// Where the store is in the table of labels, while this sink leads.
#[derive(Default)]
struct Follow {
    follower: tokio::sync::Mutex<Follower>,
    /// It made hours dirty that wait to be rebuilt.
    dirty: AtomicBool,
    failed: AtomicBool,
}

type Following = Arc<Follow>;

/// What an audit found, until the sink takes it up: by then another sink may lead.
type Found = Arc<Mutex<Option<Audit>>>;

/// The findings that this process shows: those of the sink that leads, as long as it leads. What stood here afterwards would
/// be nobody's to mend.
struct Findings {
    status: Arc<StatusBoard>,
    found: Found,
    leads: bool,
}

const AUDITED_INVARIANTS: [&str; 3] = ["lost", "doubled", "rollup_mismatch"];

impl Findings {
    fn new(status: Arc<StatusBoard>) -> Self {
        Self { status, found: Found::default(), leads: false }
    }

    /// Another leads now: what was found, or will be, is not shown.
    fn follow(&mut self) {
        if std::mem::take(&mut self.leads) {
            self.found = Found::default();
            AUDITED_INVARIANTS.iter().for_each(|name| self.status.withdraw(name));
        }
    }

    fn lead(&mut self) {
        self.leads = true;
        let found = self.found.lock().take();
        if let Some(audit) = found {
            report(&self.status, &audit);
        }
    }
}

impl Drop for Findings {
    fn drop(&mut self) {
        self.follow();
    }
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
        let findings = Findings::new(pipeline.status.clone());
        let [rebuild, days, audit, labels, expiry] = std::array::from_fn(|_| Task::new());
        let (follower, expires_after) = (Following::default(), EXPIRE_FIRST);
        Self { pipeline, dirty: true, rebuild, days, audit, labels, expiry, expires_after, follower, findings }
    }

    /// A batch made hours dirty.
    pub fn dirty(&mut self, dirty: bool) {
        self.dirty |= dirty;
    }

    /// Starts what is due, and does not wait for it.
    pub fn tick(&mut self, leads: bool, idle: bool) {
        if !leads {
            self.findings.follow();
            self.audit = Task::new();
            // Whoever leads next compares first, and so does this sink if it leads again.
            self.labels = Task::new();
            (self.expiry, self.expires_after) = (Task::new(), EXPIRE_FIRST);
            self.follower = Following::default();
            return;
        }
        self.findings.lead();
        let again = if self.follower.failed.load(Relaxed) { FOLLOW_AGAIN } else { FOLLOW_EVERY };
        if self.labels.is_due(again) {
            self.dirty |= self.follower.dirty.swap(false, Relaxed);
            self.labels.running = Some(tokio::spawn(follow(self.pipeline.clone(), self.follower.clone())));
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
        if idle && self.days.is_due(SUM_DAYS_EVERY) {
            self.days.running = Some(tokio::spawn(sum_days(self.pipeline.clone())));
        }
        if self.expiry.is_due(self.expires_after) {
            self.expires_after = EXPIRE_EVERY;
            self.expiry.running = Some(tokio::spawn(expire(self.pipeline.clone())));
        }
        if self.audit.is_due(AUDIT_EVERY) {
            self.audit.running = Some(tokio::spawn(audit(self.pipeline.clone(), self.findings.found.clone())));
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

/// What fails is tried again with the next turn: meanwhile hours are read.
async fn sum_days(pipeline: Pipeline) {
    match pipeline.store.sum_days().await {
        Ok(summed) => metrics::counter!("grapevine_summed_days_total").increment(summed.days),
        Err(error) => tracing::warn!("{STAGE}: days wait to be summed: {error}"),
    }
}

/// A month at a time. What fails is tried again in an hour; a pass that ends anywhere is gone on with by the next.
async fn expire(pipeline: Pipeline) {
    loop {
        match pipeline.store.expire(&pipeline.config.retention, Timestamp::now()).await {
            Ok(expired) => {
                metrics::counter!("grapevine_expired_mentions_total").increment(expired.mentions);
                if expired.mentions > 0 {
                    let Expired { mentions, months_left, .. } = expired;
                    tracing::info!(
                        "{STAGE}: retention removed {mentions} mentions of a month, {months_left} months are left"
                    );
                }
                if expired.months_left == 0 {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!("{STAGE}: mentions that are older than they are kept for wait to be removed: {error}");
                return;
            }
        }
    }
}

/// What fails is tried again: the place in the table stays.
async fn follow(pipeline: Pipeline, follow: Following) {
    let outcome = follow.follower.lock().await.step(&pipeline).await;
    follow.failed.store(outcome.is_err(), Relaxed);
    match outcome {
        Ok(labelled) => drop(follow.dirty.fetch_or(labelled.dirty > 0, Relaxed)),
        Err(error) => tracing::warn!("{STAGE}: labels of people wait to be stored: {error:#}"),
    }
}

/// While the store is down, the last findings stay, with their time.
async fn audit(pipeline: Pipeline, found: Found) {
    match audited(&pipeline).await {
        Ok(audit) => *found.lock() = Some(audit),
        Err(error) => tracing::warn!("{STAGE}: the invariants could not be checked: {error}"),
    }
}

async fn audited(pipeline: &Pipeline) -> Result<Audit, StoreError> {
    let now = Timestamp::now();
    pipeline.store.audit(now - AUDITED, now + SignedDuration::from_hours(1)).await
}

fn report(status: &StatusBoard, audit: &Audit) {
    for (name, found) in AUDITED_INVARIANTS.into_iter().zip([&audit.lost, &audit.doubled, &audit.rollup_mismatch]) {
        if found.violations > 0 {
            tracing::error!(
                "{STAGE}: {name}: {} of {}: {}",
                found.violations,
                found.checked,
                found.examples.join("; ")
            );
        }
        status.invariant(name, found.violations, found.checked);
    }
}

#[cfg(test)]
mod tests {
    use grapevine_store::Finding;

    use super::*;

    #[test]
    fn a_sink_that_leads_no_more_shows_no_findings_nor_those_of_an_audit_that_still_runs() {
        let status = Arc::new(StatusBoard::new());
        let shown = || status.snapshot().invariants.len();
        let lost = Finding { violations: 2, checked: 10, ..Finding::default() };
        let audit = Audit { lost, ..Audit::default() };
        let mut findings = Findings::new(status.clone());
        *findings.found.lock() = Some(audit.clone());
        findings.lead();
        assert_eq!((shown(), status.snapshot().invariants[0].violations), (3, 2));
        let running = findings.found.clone();
        findings.follow();
        assert_eq!(shown(), 0);
        *running.lock() = Some(audit.clone());
        findings.lead();
        assert_eq!(shown(), 0, "it was begun before another led");
        *findings.found.lock() = Some(audit);
        findings.lead();
        drop(findings);
        assert_eq!(shown(), 0, "the stage failed, and another may lead until it is back");
    }
}
