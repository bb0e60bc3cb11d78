//! How long the closing of buckets waits for a source. Pure.
//!
//! | the source | buckets are closed |
//! |---|---|
//! | is complete up to within its limit | as far as it is complete |
//! | catches up since less than its limit (it was started, or was away) | as far as it is complete: what it brings is on time |
//! | catches up for longer, waits for its quota, fails, hangs | up to the limit before now: what it brings later is late |

use grapevine_sources::{Progress, registry::HoldsBack};
use jiff::Timestamp;

#[derive(Debug, Clone)]
pub struct Closing {
    limit: HoldsBack,
    /// Since when it has more to read than it has read; `None` while it follows what is new.
    behind_since: Option<Timestamp>,
}

impl Closing {
    /// Of a source that is started: it may have been away.
    pub fn new(limit: HoldsBack, now: Timestamp) -> Self {
        Self { limit, behind_since: Some(now) }
    }

    /// It gave a page.
    pub fn read(&mut self, progress: Progress, now: Timestamp) {
        self.behind_since = (progress == Progress::Behind).then(|| self.behind_since.unwrap_or(now));
    }

    /// Up to when buckets need not wait for it, where that is beyond what it has completed.
    pub fn closes(&self, complete_through: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let HoldsBack::For(limit) = self.limit else { return None };
        let until = now.checked_sub(limit).ok()?;
        let catches_up = self.behind_since.is_some_and(|since| since > until);
        (!catches_up && complete_through.is_none_or(|complete| complete < until)).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + minute * 60).unwrap()
    }

    fn quarter() -> Closing {
        Closing::new(HoldsBack::For(SignedDuration::from_mins(15)), minute(0))
    }

    #[test]
    fn a_source_that_was_started_has_its_limit_to_catch_up() {
        let mut closing = quarter();
        let complete = Some(minute(-300));
        closing.read(Progress::Behind, minute(1));
        assert_eq!(closing.closes(complete, minute(14)), None);
        assert_eq!(closing.closes(complete, minute(15)), Some(minute(0)));
        assert_eq!(closing.closes(complete, minute(40)), Some(minute(25)));
    }

    #[test]
    fn one_that_caught_up_and_then_waits_holds_back_no_longer_than_its_limit() {
        let mut closing = quarter();
        closing.read(Progress::CaughtUp, minute(5));
        assert_eq!(closing.closes(Some(minute(5)), minute(20)), None, "as far as it is complete");
        assert_eq!(closing.closes(Some(minute(5)), minute(21)), Some(minute(6)));
        closing.read(Progress::Behind, minute(60));
        assert_eq!(closing.closes(Some(minute(5)), minute(61)), None, "it is back, and catches up");
        closing.read(Progress::Behind, minute(70));
        assert_eq!(closing.closes(Some(minute(30)), minute(75)), Some(minute(60)), "for long enough");
    }

    #[test]
    fn one_that_never_promised_anything_is_not_waited_for_either() {
        assert_eq!(quarter().closes(None, minute(10)), None);
        assert_eq!(quarter().closes(None, minute(16)), Some(minute(1)));
    }

    #[test]
    fn one_that_may_hold_back_always_does() {
        let mut closing = Closing::new(HoldsBack::Always, minute(0));
        closing.read(Progress::CaughtUp, minute(0));
        assert_eq!(closing.closes(Some(minute(0)), minute(10_000)), None);
    }
}
