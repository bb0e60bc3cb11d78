//! What follows when a source or the log fails.

use std::time::Duration;

use grapevine_api::SourceState;
use grapevine_delivery::RetryPolicy;
use grapevine_log::LogError;
use grapevine_sources::SourceError;
use jiff::{SignedDuration, Timestamp};

/// A token that was revoked is given anew, an account that was suspended comes back: whoever mends that on the platform
/// need not know of this process. Doubled each time, as most refusals last.
const REFUSED_FIRST: Duration = Duration::from_secs(15 * 60);
const REFUSED_LONGEST: Duration = Duration::from_secs(4 * 60 * 60);

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Log(#[from] LogError),
    #[error("a poll did not return within {} s: it was given up, and the source is built anew", .0.as_secs())]
    Hung(Duration),
    #[error("a mistake in the program: {0}; the source is built anew")]
    Broken(String),
}

impl Failure {
    fn is_transient(&self) -> bool {
        match self {
            Failure::Source(error) => error.is_transient(),
            Failure::Log(error) => error.is_transient(),
            Failure::Hung(_) | Failure::Broken(_) => true,
        }
    }

    /// As a label of counters.
    pub fn class(&self) -> &'static str {
        match self {
            Failure::Source(error) => error.class(),
            Failure::Log(_) => "log",
            Failure::Hung(_) => "hung",
            Failure::Broken(_) => "broken",
        }
    }

    /// What is left of the source can not be trusted.
    pub fn needs_another_source(&self) -> bool {
        matches!(self, Failure::Hung(_) | Failure::Broken(_))
    }
}

/// A source that gives nothing and fails again within this time has not recovered.
const RECOVERED_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What a source says of its failure.
#[derive(Debug, PartialEq)]
pub struct Next {
    pub state: SourceState,
    pub message: String,
    /// Until it is tried again; `None` where that would not help.
    pub wait: Option<Duration>,
}

/// The failures of a source since it last succeeded.
#[derive(Debug, Default)]
pub struct Failures {
    attempts: u32,
    refusals: u32,
    last: Option<Timestamp>,
}

impl Failures {
    /// A poll went well. One that gave nothing proves little: a connection that is taken and dropped again and again must
    /// not be sought without a pause.
    pub fn well(&mut self, gave: bool, now: Timestamp) {
        if gave || self.last.is_none_or(|last| now.duration_since(last) >= RECOVERED_AFTER) {
            *self = Self::default();
        }
    }

    /// `random` is drawn evenly from [0, 1).
    pub fn next(&mut self, failure: &Failure, random: f64, now: Timestamp) -> Next {
        self.last = Some(now);
        match failure {
            Failure::Source(SourceError::RateLimited { until, message }) => {
                let asked = until.duration_since(now).try_into().ok();
                let message = format!("waits for its quota until {}: {message}", shown(*until));
                Next { state: SourceState::Waiting, message, wait: Some(self.soon(random, asked)) }
            }
            Failure::Source(SourceError::Auth(_) | SourceError::Gone(_)) => {
                let wait = self.late(random);
                let at = now.saturating_add(SignedDuration::try_from(wait).unwrap_or_default()).unwrap_or(now);
                let message = format!("{failure}; tried again at {}", shown(at));
                Next { state: SourceState::Failed, message, wait: Some(wait) }
            }
            _ if failure.is_transient() => {
                let wait = Some(self.soon(random, None));
                Next { state: SourceState::Retrying, message: failure.to_string(), wait }
            }
            _ => Next { state: SourceState::Failed, message: failure.to_string(), wait: None },
        }
    }

    fn soon(&mut self, random: f64, asked: Option<Duration>) -> Duration {
        let wait = RetryPolicy::default().delay(self.attempts, random, asked);
        self.attempts += 1;
        wait
    }

    fn late(&mut self, random: f64) -> Duration {
        let wait = REFUSED_FIRST.saturating_mul(2_u32.saturating_pow(self.refusals)).min(REFUSED_LONGEST);
        self.refusals += 1;
        wait.mul_f64(1.0 + random / 10.0)
    }
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_refusal_is_tried_again_after_a_quarter_of_an_hour_and_then_ever_later() {
        for refused in [SourceError::Auth("401".into()), SourceError::Gone("404".into())] {
            let (mut failures, refused) = (Failures::default(), Failure::Source(refused));
            let first = failures.next(&refused, 0.0, now());
            assert_eq!((first.state, first.wait), (SourceState::Failed, Some(Duration::from_secs(900))));
            assert_eq!(first.message, format!("{refused}; tried again at 2026-03-01 12:15:00 UTC"));
            let minutes: Vec<u64> =
                (0..6).map(|_| failures.next(&refused, 0.0, now()).wait.unwrap().as_secs() / 60).collect();
            assert_eq!(minutes, [30, 60, 120, 240, 240, 240]);
        }
    }

    #[test]
    fn a_configuration_that_is_wrong_is_not_tried_again() {
        let wrong = Failure::Source(SourceError::Config("no such file".into()));
        let next = Failures::default().next(&wrong, 0.5, now());
        assert_eq!(next, Next { state: SourceState::Failed, message: "no such file".into(), wait: None });
    }

    #[test]
    fn a_quota_is_waited_for_and_no_retry() {
        let until = "2026-03-01T12:30:00Z".parse().unwrap();
        let limited = Failure::Source(SourceError::RateLimited { until, message: "300 an hour".into() });
        let next = Failures::default().next(&limited, 0.0, now());
        assert_eq!(next.state, SourceState::Waiting);
        assert_eq!(next.message, "waits for its quota until 2026-03-01 12:30:00 UTC: 300 an hour");
        assert!(next.wait.unwrap() >= Duration::from_secs(1800), "{next:?}");
    }

    #[test]
    fn a_connection_that_is_taken_and_dropped_at_once_is_sought_ever_more_rarely() {
        let (mut failures, mut at) = (Failures::default(), now());
        let dropped = Failure::Source(SourceError::Transient("the stream ended".into()));
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = failures.next(&dropped, 1.0, at).wait.unwrap();
            waits.push(wait.as_millis());
            at += SignedDuration::try_from(wait).unwrap();
            failures.well(false, at);
        }
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        failures.well(true, at);
        assert_eq!(failures.next(&dropped, 1.0, at).wait.unwrap().as_millis(), 500, "it gave something");
        failures.well(false, at + SignedDuration::from_mins(2));
        assert_eq!(failures.next(&dropped, 1.0, at).wait.unwrap().as_millis(), 500, "it was well for long");
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_soon_whatever_was_refused_before() {
        let mut failures = Failures::default();
        failures.next(&Failure::Source(SourceError::Auth("401".into())), 0.0, now());
        let next = failures.next(&Failure::Source(SourceError::Transient("503".into())), 0.9, now());
        assert_eq!(next.state, SourceState::Retrying);
        assert!(next.wait.unwrap() <= Duration::from_millis(500), "{next:?}");
    }
}
