//! What stands for one question.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, time::Instant};

use super::{Asked, Failed, Given, question};
use crate::{MetricQuery, MetricTable, StoreError};

/// An answer is young for so many times what it cost: whoever looks, a question takes a hundredth of a processor.
const SHARE: u32 = 100;
const LONGEST_YOUNG: Duration = Duration::from_secs(600);
/// The same of what nobody looks at.
const UNSEEN_SHARE: u32 = 1000;
const UNSEEN_YOUNG: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(900)];
/// The most of what nobody asked for a day, or ever: a page takes answers of an hour.
pub(super) const LONG_UNSEEN: (SignedDuration, Duration) = (SignedDuration::from_hours(24), Duration::from_secs(2700));

/// What failed, for another reason than its size, is tried again after it though nobody looks. What is expected alone waits longer.
const TRIED_AGAIN: Duration = Duration::from_secs(300);

/// Where the answer will be; its sender is dropped without one where computing it panicked.
pub(super) type Running = watch::Receiver<Option<Result<Kept, Failed>>>;

pub(super) struct Entry {
    pub kept: Option<Kept>,
    /// It was beyond the budget of time and memory, which would be so again.
    pub refused: Option<Refused>,
    /// When it failed otherwise.
    pub failed: Option<Instant>,
    pub running: Option<Running>,
    /// When it was asked last; where it is expected alone, when its like was.
    pub asked: Timestamp,
    /// Nobody has asked it yet.
    pub is_expected: bool,
    /// As it is asked at that time.
    pub query: MetricQuery,
    pub at: Timestamp,
    /// The last time of asking that was written down.
    pub remembered: Option<Timestamp>,
}

/// Of two, what was asked comes before what is expected, then what has no answer, and of these what was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Overdue {
    is_asked: bool,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Time(Duration),
    NoAnswer { asked: Timestamp },
}

impl Entry {
    /// Until somebody asks it.
    pub fn expected(query: &MetricQuery, now: Timestamp) -> Self {
        Self {
            kept: None,
            refused: None,
            failed: None,
            running: None,
            asked: now,
            is_expected: true,
            query: query.clone(),
            at: now,
            remembered: None,
        }
    }

    /// As whoever asked last asked it.
    pub fn as_asked(&self) -> Asked {
        let since = SignedDuration::from_mins(self.asked.duration_since(self.at).as_mins());
        Asked { query: question::later(&self.query, since), at: self.asked }
    }

    pub fn is_run_by(&self, sender: &watch::Sender<Option<Result<Kept, Failed>>>) -> bool {
        self.running.as_ref().is_some_and(|running| running.same_channel(&sender.subscribe()))
    }

    /// Who computes the answer now.
    pub fn runs(&self) -> Option<&Running> {
        self.running.as_ref().filter(|running| running.has_changed().is_ok() || running.borrow().is_some())
    }

    /// Keeps what came of a computation.
    pub fn finish(&mut self, computed: &Result<Kept, Failed>, began: Instant) {
        self.running = None;
        match computed {
            Ok(kept) => (self.kept, self.refused) = (Some(kept.clone()), None),
            Err(failed) if matches!(**failed, StoreError::TooHeavy { .. }) => {
                let (failed, computed) = (failed.clone(), Instant::now());
                self.refused = Some(Refused { failed, computed, cost: computed - began });
            }
            // A store that is away is asked again by who looks.
            Err(_) => self.failed = Some(Instant::now()),
        }
    }

    /// For how long it is due, though nobody looks.
    pub fn overdue_unseen(&self, now: Timestamp) -> Option<Overdue> {
        let again = if self.is_expected { LONG_UNSEEN.1 } else { TRIED_AGAIN };
        let failed = self.failed.is_some_and(|failed| failed.elapsed() < again);
        if failed || self.runs().is_some() || self.refused.as_ref().is_some_and(Refused::is_young) {
            return None;
        }
        Some(Overdue { is_asked: !self.is_expected, by: self.overdue_by(now)? })
    }

    fn overdue_by(&self, now: Timestamp) -> Option<By> {
        let Some(kept) = &self.kept else { return Some(By::NoAnswer { asked: self.asked }) };
        let [least, most] = UNSEEN_YOUNG;
        let is_looked_at = !self.is_expected && now.duration_since(self.asked) < LONG_UNSEEN.0;
        let most = if is_looked_at { most } else { LONG_UNSEEN.1 };
        let young = (kept.cost * UNSEEN_SHARE).clamp(least, most);
        kept.computed.elapsed().checked_sub(young).map(By::Time)
    }
}

#[derive(Clone)]
pub(super) struct Refused {
    pub failed: Failed,
    pub computed: Instant,
    pub cost: Duration,
}

impl Refused {
    pub fn is_young(&self) -> bool {
        is_young(self.computed, self.cost)
    }
}

fn is_young(computed: Instant, cost: Duration) -> bool {
    computed.elapsed() < (cost * SHARE).min(LONGEST_YOUNG)
}

/// An answer that was computed.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub table: Arc<MetricTable>,
    /// End of the span that was asked for.
    pub to: Timestamp,
    pub as_of: Timestamp,
    pub computed: Instant,
    pub cost: Duration,
}

impl Kept {
    pub fn is_young(&self) -> bool {
        is_young(self.computed, self.cost)
    }

    /// Whether it may stand for this question now.
    pub fn fits(&self, query: &MetricQuery, now: Timestamp, max_age: Duration) -> bool {
        let age = now.duration_since(self.as_of);
        let within = age <= SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        within && question::moved_with_time(query.to.duration_since(self.to), age)
    }

    pub fn given(&self) -> Given {
        Given { table: self.table.clone(), as_of: Some(self.as_of) }
    }
}
