use std::time::Duration;

/// How long to wait before trying again: exponential with full jitter, so that those who failed together come back
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest wait after the first failure; it doubles with each further one.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// How long to go on trying in all; `None` is for ever.
    pub deadline: Option<Duration>,
}

/// Half a second at first, half a minute at most, for ever.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), cap: Duration::from_secs(30), deadline: None }
    }
}

impl RetryPolicy {
    /// The wait after failure number `attempt` (0 is the first). `random` is drawn evenly from [0, 1).
    ///
    /// The wait lies between a tenth of the bound and the bound: full jitter, but never at once. A server's
    /// `retry_after` is kept to even beyond `cap`, and the jitter comes on top of it.
    pub fn delay(&self, attempt: u32, random: f64, retry_after: Option<Duration>) -> Duration {
        let bound = self.base.saturating_mul(2_u32.saturating_pow(attempt)).min(self.cap);
        let share = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
        let jittered = bound.mul_f64(0.1 + 0.9 * share);
        match retry_after {
            Some(wait) => wait.saturating_add(jittered.min(self.base)),
            None => jittered,
        }
    }

    /// The same, or `None` where the wait would end behind the deadline: it is time to give up. `elapsed` counts from
    /// the first try.
    pub fn next(
        &self,
        attempt: u32,
        random: f64,
        retry_after: Option<Duration>,
        elapsed: Duration,
    ) -> Option<Duration> {
        let delay = self.delay(attempt, random, retry_after);
        match self.deadline {
            Some(deadline) if elapsed.saturating_add(delay) > deadline => None,
            _ => Some(delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let policy = RetryPolicy { base: SECOND, cap: 10 * SECOND, deadline: None };
        let bounds: Vec<u64> = (0..6).map(|attempt| policy.delay(attempt, 1.0, None).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 10, 10]);
        assert_eq!(policy.delay(2, 0.5, None), Duration::from_millis(2200));
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept_to() {
        let policy = RetryPolicy { base: SECOND, cap: 10 * SECOND, deadline: Some(100 * SECOND) };
        assert_eq!(policy.delay(0, 1.0, Some(60 * SECOND)), 61 * SECOND);
        assert_eq!(policy.next(0, 1.0, Some(60 * SECOND), 39 * SECOND), Some(61 * SECOND));
        assert_eq!(policy.next(0, 1.0, Some(60 * SECOND), 40 * SECOND), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_nothing_and_never_beyond_the_cap(
            attempt: u32, random: f64, base in 1_u64..100_000, cap in 1_u64..100_000,
        ) {
            let cap = Duration::from_millis(cap);
            let policy = RetryPolicy { base: Duration::from_millis(base), cap, deadline: None };
            let delay = policy.delay(attempt, random, None);
            prop_assert!(delay > Duration::ZERO && delay <= cap, "{delay:?}");
        }
    }
}
