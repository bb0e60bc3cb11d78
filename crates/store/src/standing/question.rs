//! Which questions are the same but for the time at which they are asked.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::MetricQuery;

/// Ends of spans are rounded up to minutes by who asks, and two do not look at their clocks at once.
const SLACK: SignedDuration = SignedDuration::from_secs(90);
/// How far before now a span ends is rounded to it: far above the slack, far below what tells spans apart.
const STEP: i64 = 600_000;

/// A question with the length of its span, and how far before now it ends, in place of its times.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Question {
    query: MetricQuery,
    /// Milliseconds.
    length: i64,
    /// In steps of ten minutes.
    ended: i64,
}

impl Question {
    pub(super) fn of(query: &MetricQuery, now: Timestamp) -> Self {
        let ago = now.as_millisecond() - query.to.as_millisecond();
        Self {
            query: MetricQuery { from: Timestamp::UNIX_EPOCH, to: Timestamp::UNIX_EPOCH, ..query.clone() },
            length: query.to.as_millisecond() - query.from.as_millisecond(),
            ended: (ago + STEP / 2).div_euclid(STEP),
        }
    }
}

/// Whether a span that ends `moved` later than that of an answer of this age is the same, seen later.
pub(super) fn moved_with_time(moved: SignedDuration, age: SignedDuration) -> bool {
    moved.is_zero() || (moved - age).abs() <= SLACK
}

/// The question as it is asked so much later.
pub(super) fn later(query: &MetricQuery, by: SignedDuration) -> MetricQuery {
    let moved = |time: Timestamp| time.checked_add(by).unwrap_or(time);
    MetricQuery { from: moved(query.from), to: moved(query.to), ..query.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-08T{text}Z").parse().unwrap()
    }

    fn query(to: &str, hours: i64) -> MetricQuery {
        let to = at(to);
        MetricQuery::new("net_sentiment", "Grove", to - SignedDuration::from_hours(hours), to)
    }

    #[test]
    fn a_span_that_moves_with_the_time_stays_one_question() {
        let first = Question::of(&query("12:01:00", 24), at("12:00:20"));
        assert_eq!(first, Question::of(&query("12:47:00", 24), at("12:46:59")));
        assert_ne!(first, Question::of(&query("12:01:00", 25), at("12:00:20")), "another length");
        assert_ne!(first, Question::of(&query("11:01:00", 24), at("12:00:20")), "it ended an hour ago");
    }

    #[test]
    fn a_span_of_the_past_is_no_other_one() {
        let age = SignedDuration::from_mins(30);
        assert!(moved_with_time(SignedDuration::from_mins(30), age));
        assert!(moved_with_time(SignedDuration::from_mins(31), age));
        assert!(moved_with_time(SignedDuration::ZERO, age), "the same span");
        assert!(!moved_with_time(SignedDuration::from_mins(5), age), "another span, near it");
    }

    #[test]
    fn a_question_is_asked_later() {
        assert_eq!(later(&query("12:01:00", 24), SignedDuration::from_mins(2)), query("12:03:00", 24));
    }
}
