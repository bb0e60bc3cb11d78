use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{Cursor, Page, Progress, registry::Clock};

/// How long one poll waits at most when there is nothing to do: a process that is asked to stop waits for it.
const PATIENCE: SignedDuration = SignedDuration::from_millis(500);

/// Waits until then, but only a moment.
pub(crate) async fn rest(clock: &dyn Clock, until: Timestamp) {
    let wait = until.duration_since(clock.now());
    if wait.is_positive() {
        clock.sleep(Duration::try_from(wait.min(PATIENCE)).unwrap_or_default()).await;
    }
}

/// When a platform is asked again.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    every: SignedDuration,
    due: Option<Timestamp>,
    /// The cursor that was given last. Who comes with another one did not keep its page, and gets it again at once.
    given: Option<Cursor>,
}

impl Pace {
    pub(crate) fn new(every: SignedDuration) -> Self {
        Self { every, due: None, given: None }
    }

    /// Waits a moment where it is not time yet; false where it is not time even then.
    pub(crate) async fn is_due(&self, clock: &dyn Clock, cursor: Option<&Cursor>) -> bool {
        if !self.is_due_at(clock.now(), cursor) {
            self.rest(clock, cursor).await;
        }
        self.is_due_at(clock.now(), cursor)
    }

    /// Is it time?
    pub(crate) fn is_due_at(&self, now: Timestamp, cursor: Option<&Cursor>) -> bool {
        self.wait(now, cursor).is_none()
    }

    /// Waits until it is time, but only a moment.
    pub(crate) async fn rest(&self, clock: &dyn Clock, cursor: Option<&Cursor>) {
        let now = clock.now();
        if let Some(wait) = self.wait(now, cursor) {
            rest(clock, now + wait).await;
        }
    }

    fn wait(&self, now: Timestamp, cursor: Option<&Cursor>) -> Option<SignedDuration> {
        let due = self.due.filter(|_| cursor.is_some() && cursor == self.given.as_ref())?;
        Some(due.duration_since(now)).filter(SignedDuration::is_positive)
    }

    /// What was asked at a time gave this page: with more waiting, the next is due at once.
    pub(crate) fn gave(&mut self, asked_at: Timestamp, page: &Page) {
        let next = asked_at.saturating_add(self.every).unwrap_or(asked_at);
        self.due = (page.state != Progress::Behind).then_some(next);
        self.given = Some(page.cursor.clone());
    }
}
