use std::collections::VecDeque;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// What a detector says about one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// End of the bucket.
    pub at: Timestamp,
    pub evidence: f64,
    /// The alert starts with this bucket.
    pub fired: bool,
    /// Ready to fire: false from the firing until evidence is low again and the least time has passed.
    pub armed: bool,
    /// Count in the hour that ends with this bucket, and how many were expected.
    pub observed: f64,
    pub expected: f64,
}

/// Fires at a threshold, then waits until evidence is under half of it and some buckets have passed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latch {
    threshold: f64,
    rest: u32,
    /// Buckets since it fired; `None` while armed.
    since: Option<u32>,
}

impl Latch {
    pub fn new(threshold: f64, rest: u32) -> Self {
        Self { threshold, rest, since: None }
    }

    /// Fired now, and armed after this bucket. It fires only where that is allowed; it re-arms in any case.
    pub fn step(&mut self, evidence: f64, allowed: bool) -> (bool, bool) {
        match self.since {
            None if allowed && evidence >= self.threshold => {
                self.since = Some(0);
                (true, false)
            }
            None => (false, true),
            Some(since) => {
                let since = since.saturating_add(1);
                let armed = since >= self.rest && evidence < self.threshold / 2.0;
                self.since = (!armed).then_some(since);
                (false, armed)
            }
        }
    }
}

/// The last few values and their sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    length: usize,
    values: VecDeque<f64>,
}

impl Window {
    pub fn new(length: usize) -> Self {
        Self { length, values: VecDeque::with_capacity(length) }
    }

    pub fn push(&mut self, value: f64) {
        if self.values.len() == self.length {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Added up anew each time: a running sum would drift, and a restored state would give other digits.
    pub fn sum(&self) -> f64 {
        self.values.iter().sum()
    }
}

pub(crate) fn hour_of_day(at: Timestamp) -> usize {
    at.to_zoned(TimeZone::UTC).hour().unsigned_abs().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn re_arms_only_after_the_rest_and_when_evidence_is_low() {
        let mut latch = Latch::new(2.4, 3);
        let steps = [3.0, 5.0, 0.1, 1.3, 1.1, 2.4].map(|evidence| latch.step(evidence, true));
        assert_eq!(
            steps,
            [(true, false), (false, false), (false, false), (false, false), (false, true), (true, false)]
        );
    }

    #[test]
    fn fires_only_where_it_may() {
        let mut latch = Latch::new(2.4, 3);
        assert_eq!([latch.step(9.0, false), latch.step(9.0, true)], [(false, true), (true, false)]);
    }

    #[test]
    fn a_window_forgets() {
        let mut window = Window::new(2);
        [1.0, 2.0, 4.0].into_iter().for_each(|value| window.push(value));
        assert_eq!(window.sum(), 6.0);
    }
}
