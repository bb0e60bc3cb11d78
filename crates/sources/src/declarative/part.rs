//! What a spend cap leaves of a listing. Pure, and part of a cursor.
//!
//! Of the time since the last run, its last part is read, as large as the cap bears; what stands there is weighed by the
//! inverse. A first page that shows more than that is taken whole, as it is paid for. What is newer than `lateness` may still be incomplete: it is left to the next run, whose part may cover it.

use grapevine_model::Event;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::http::Share;

/// The part of a span that a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Above 0 and below 1.
    pub(crate) rate: f64,
}

impl Part {
    /// `None` where all of the span is read, or there is none.
    pub(crate) fn of((from, to): (Timestamp, Timestamp), share: Share) -> Option<Self> {
        let Share::Part(rate) = share else { return None };
        (from < to && rate > 0.0 && rate < 1.0).then_some(Self { from, to, rate })
    }

    /// Where the reading ends.
    pub(crate) fn floor(&self) -> Timestamp {
        let read = self.to.duration_since(self.from).as_secs_f64() * self.rate;
        SignedDuration::try_from_secs_f64(read).ok().and_then(|read| self.to.checked_sub(read).ok()).unwrap_or(self.from)
    }

    /// Down to here it was read, as the page went on: nothing where that is all of it.
    pub(crate) fn down_to(self, floor: Timestamp) -> Option<Self> {
        let read = self.to.duration_since(floor.max(self.from)).as_secs_f64();
        Self::of((self.from, self.to), Share::Part(read / self.to.duration_since(self.from).as_secs_f64()))
    }

    /// What has no time is never left out.
    pub(crate) fn holds(&self, position: Option<Timestamp>) -> bool {
        position.is_none_or(|at| self.floor() <= at && at < self.to)
    }

    pub(crate) fn weigh(&self, events: &mut [Event]) {
        for event in events {
            if let Event::Upsert(mention) = event {
                mention.weight = Share::Part(self.rate).weight();
            }
        }
    }
}

/// What was read, and how much of what is there it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Read {
    pub(crate) records: u64,
    pub(crate) stands_for: f64,
}

impl Read {
    /// `within` of them are of the part that is read; the others are what they are.
    pub(crate) fn of(records: usize, within: usize, part: Option<Part>) -> Self {
        let rate = part.map_or(1.0, |part| part.rate);
        let others = records.saturating_sub(within);
        Self { records: records as u64, stands_for: within as f64 / rate + others as f64 }
    }

    /// 0 to 1.
    pub(crate) fn rate(&self) -> f64 {
        if self.stands_for > 0.0 { self.records as f64 / self.stands_for } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_last_part_of_a_span_is_read_and_the_rest_is_not() {
        let part = Part::of((at(100), at(200)), Share::Part(0.25)).unwrap();
        assert_eq!(part.floor(), at(175));
        let held: Vec<i64> = (0..300).filter(|second| part.holds(Some(at(*second)))).collect();
        assert_eq!((held.first(), held.last()), (Some(&175), Some(&199)), "what is newer is the next run's");
        assert!(part.holds(None));
        for (span, share) in [((at(1), at(1)), Share::Part(0.5)), ((at(1), at(9)), Share::All), ((at(9), at(1)), Share::Part(0.5))] {
            assert_eq!(Part::of(span, share), None);
        }
    }

    #[test]
    fn a_page_that_goes_on_is_taken_whole() {
        let part = Part::of((at(100), at(200)), Share::Part(0.1)).unwrap();
        let more = part.down_to(at(150)).unwrap();
        assert_eq!((more.rate, more.floor()), (0.5, at(150)));
        assert_eq!((part.down_to(at(100)), part.down_to(at(7))), (None, None), "all of it");
    }

    #[test]
    fn what_is_read_beside_the_part_stands_for_itself() {
        let part = Part::of((at(100), at(200)), Share::Part(0.25));
        assert_eq!(Read::of(30, 10, part), Read { records: 30, stands_for: 60.0 });
        assert_eq!((Read::of(30, 10, part).rate(), Read::of(5, 5, None).rate(), Read::default().rate()), (0.5, 1.0, 1.0));
    }
}
