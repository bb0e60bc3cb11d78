//! Trying again, with a budget.

use std::time::Duration;

use grapevine_delivery::RetryPolicy;
use tokio::time::Instant;

/// For the log, which answers within seconds or not for long: beyond this, the stage is started anew and says so.
const LOG: RetryPolicy = RetryPolicy {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(5),
    deadline: Some(Duration::from_secs(60)),
};

/// For the store: what waits for it is kept in memory, bounded, so that trying goes on until it answers.
const STORE: RetryPolicy =
    RetryPolicy { base: Duration::from_millis(250), cap: Duration::from_secs(10), deadline: None };

/// The failures of one thing in a row.
pub struct Backoff {
    policy: RetryPolicy,
    attempt: u32,
    /// The first failure: from there the budget counts, however long all went well before.
    since: Option<Instant>,
}

impl Backoff {
    pub fn of_log() -> Self {
        Self::new(LOG)
    }

    pub fn of_store() -> Self {
        Self::new(STORE)
    }

    fn new(policy: RetryPolicy) -> Self {
        Self { policy, attempt: 0, since: None }
    }

    /// How long to wait before the next try; `None` once the budget is spent.
    pub fn next(&mut self) -> Option<Duration> {
        self.next_at(Instant::now())
    }

    fn next_at(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let wait = self.policy.next(self.attempt, rand::random(), None, now.saturating_duration_since(since));
        self.attempt += 1;
        wait
    }
}

/// Tries until it succeeds, fails for good, or the log's budget is spent.
pub async fn with_log<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> Result<T, grapevine_log::LogError>
where
    F: Future<Output = Result<T, grapevine_log::LogError>>,
{
    let mut backoff = Backoff::of_log();
    loop {
        let error = match attempt().await {
            Err(error) if error.is_transient() => error,
            outcome => return outcome,
        };
        let Some(wait) = backoff.next() else { return Err(error) };
        tracing::warn!("{what}: {error}; trying again in {:.1} s", wait.as_secs_f64());
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use grapevine_log::LogError;

    use super::*;

    async fn tries_until(transient: bool, succeeds_at: u32) -> (u32, bool) {
        let tries = Cell::new(0);
        let outcome = with_log("testing", || async {
            tries.set(tries.get() + 1);
            let broken = LogError::Broken { message: "away".into(), transient };
            if tries.get() < succeeds_at { Err(broken) } else { Ok(()) }
        });
        let succeeded = outcome.await.is_ok();
        (tries.get(), succeeded)
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_does_not_is_not() {
        assert_eq!(tries_until(true, 3).await, (3, true));
        assert_eq!(tries_until(false, 3).await, (1, false));
    }

    #[test]
    fn the_log_has_a_budget_and_the_store_has_none() {
        let spent = Instant::now().checked_sub(Duration::from_secs(61));
        let mut log = Backoff { policy: LOG, attempt: 3, since: spent };
        let mut store = Backoff { policy: STORE, attempt: 3, since: spent };
        assert_eq!((log.next(), store.next().is_some()), (None, true));
    }

    #[test]
    fn the_budget_counts_from_the_first_failure_and_not_from_the_last_success() {
        let mut backoff = Backoff::of_log();
        let first_failure = Instant::now() + Duration::from_secs(3600);
        assert!(backoff.next_at(first_failure).is_some(), "nothing failed so far");
        assert_eq!(backoff.next_at(first_failure + Duration::from_secs(61)), None);
    }
}
