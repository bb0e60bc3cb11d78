//! What a source did since it was last reported: it becomes a [`SourceHealth`] in the log.

use std::collections::BTreeMap;

use grapevine_model::{SourceHealth, Usage};
use grapevine_sources::Page;
use jiff::Timestamp;

use super::{failure::Failure, mark::Mark};

#[derive(Debug, Default)]
pub struct Vitals {
    records: u64,
    rejected: u64,
    errors: BTreeMap<String, u64>,
    /// Requests that are reported already, of the life that counts them.
    reported_requests: u64,
    pub last_success: Option<Timestamp>,
}

impl Vitals {
    /// A page was read. It is counted here once, however often it has to be kept.
    pub fn read(&mut self, page: &Page) {
        self.records += page.events.len() as u64;
        self.rejected += page.rejected.len() as u64;
    }

    pub fn kept(&mut self, now: Timestamp) {
        self.last_success = Some(now);
    }

    pub fn failed(&mut self, failure: &Failure) {
        *self.errors.entry(failure.class().to_owned()).or_default() += 1;
    }

    pub fn report(&self, (name, kind): (&str, &str), mark: &Mark, usage: &Usage) -> SourceHealth {
        let state = serde_json::to_value(mark.state).ok();
        SourceHealth {
            source: name.to_owned(),
            kind: kind.to_owned(),
            observed_at: mark.at,
            state: state.and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default(),
            since: mark.since,
            message: mark.message.clone(),
            complete_through: mark.complete_through,
            last_success: self.last_success,
            // A source that was built anew counts from 0.
            requests: usage.requests.checked_sub(self.reported_requests).unwrap_or(usage.requests),
            records: self.records,
            rejected: self.rejected,
            errors: self.errors.clone(),
            usage: usage.clone(),
        }
    }

    /// The log has the report.
    pub fn reported(&mut self, usage: &Usage) {
        *self = Self { reported_requests: usage.requests, last_success: self.last_success, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use grapevine_api::SourceState;
    use grapevine_sources::{Cursor, Progress, Rejected, SourceError};

    use super::*;

    #[test]
    fn a_report_counts_what_came_since_the_one_before() {
        let now = Timestamp::from_second(1_000).unwrap();
        let mut vitals = Vitals::default();
        let rejected = Rejected { place: "x".into(), reason: "y".into(), raw: Vec::new() };
        let cursor = Cursor { version: 1, value: serde_json::Value::Null };
        let events = Vec::new();
        let state = Progress::CaughtUp;
        vitals.read(&Page { events, rejected: vec![rejected], cursor, complete_through: None, state });
        vitals.kept(now);
        for _ in 0..2 {
            vitals.failed(&Failure::Source(SourceError::Transient("503".into())));
        }
        let mark = Mark::after(None, SourceState::CatchingUp, None, now).unwrap();
        let used = |requests| Usage { requests, ..Usage::default() };
        let first = vitals.report(("masto", "mastodon"), &mark, &used(5));
        assert_eq!((first.state.as_str(), first.requests, first.rejected), ("catching_up", 5, 1));
        assert_eq!(first.errors, BTreeMap::from([("transient".to_owned(), 2)]));
        vitals.reported(&used(5));
        let next = vitals.report(("masto", "mastodon"), &mark, &used(8));
        assert_eq!((next.requests, next.rejected, next.errors.len()), (3, 0, 0));
        assert_eq!(next.last_success, Some(now));
        vitals.reported(&used(8));
        assert_eq!(vitals.report(("masto", "mastodon"), &mark, &used(2)).requests, 2, "it was built anew");
    }
}
