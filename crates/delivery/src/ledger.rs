use std::collections::BTreeMap;

use crate::OffsetRange;

/// What of one partition was taken up, and what of that is finished.
///
/// Ranges are charged in rising order, as they are read; holes between and inside them are fine, as compaction and
/// transactions leave them. They are completed in any order. The frontier is the last offset with nothing unfinished at
/// or before it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Charged and not behind the frontier, by first offset.
    open: BTreeMap<u64, Open>,
    /// Of all that was ever charged.
    first: Option<u64>,
    newest: Option<u64>,
    frontier: Option<u64>,
}

#[derive(Debug)]
struct Open {
    last: u64,
    finished: bool,
}

/// A misuse: going on would commit what is not finished, or commit nothing for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("offsets {range} were charged after offset {newest}: charge offsets in rising order, each once")]
    OutOfOrder { range: OffsetRange, newest: u64 },
    #[error("offsets {0} were completed, but never charged")]
    NeverCharged(OffsetRange),
    #[error("offsets {0} were completed twice")]
    CompletedTwice(OffsetRange),
    #[error("offsets of partition {0} were charged, which this member does not hold")]
    NotHeld(u32),
    #[error("a commit of partition {partition} to offset {next} would pass over what is not finished")]
    BeyondFrontier { partition: u32, next: u64 },
}

impl LedgerError {
    /// For metrics: stable between releases.
    pub fn label(&self) -> &'static str {
        match self {
            LedgerError::OutOfOrder { .. } => "out_of_order",
            LedgerError::NeverCharged(_) => "never_charged",
            LedgerError::CompletedTwice(_) => "completed_twice",
            LedgerError::NotHeld(_) => "not_held",
            LedgerError::BeyondFrontier { .. } => "beyond_frontier",
        }
    }

    /// A misuse stays one.
    pub fn is_transient(&self) -> bool {
        false
    }
}

impl Ledger {
    /// Takes up a range.
    pub fn charge(&mut self, range: OffsetRange) -> Result<(), LedgerError> {
        if let Some(newest) = self.newest.filter(|newest| range.first <= *newest) {
            return Err(LedgerError::OutOfOrder { range, newest });
        }
        self.first.get_or_insert(range.first);
        self.newest = Some(range.last);
        self.open.insert(range.first, Open { last: range.last, finished: false });
        Ok(())
    }

    /// Finishes a range that was charged. Gives the new frontier where it moved.
    pub fn complete(&mut self, range: OffsetRange) -> Result<Option<u64>, LedgerError> {
        match self.open.get_mut(&range.first) {
            Some(open) if open.last != range.last => return Err(LedgerError::NeverCharged(range)),
            Some(open) if open.finished => return Err(LedgerError::CompletedTwice(range)),
            Some(open) => open.finished = true,
            // Behind the frontier the single ranges are forgotten; most often this is a second completion.
            None if self.frontier.is_some_and(|frontier| range.last <= frontier) => {
                return Err(LedgerError::CompletedTwice(range));
            }
            None => return Err(LedgerError::NeverCharged(range)),
        }
        let mut moved = None;
        while let Some(first) = self.open.first_entry().filter(|first| first.get().finished) {
            moved = Some(first.remove().last);
        }
        self.frontier = moved.or(self.frontier);
        Ok(moved)
    }

    /// Nothing before this range is unfinished.
    pub fn is_oldest(&self, range: OffsetRange) -> bool {
        self.open.first_key_value().is_some_and(|(first, _)| *first == range.first)
    }

    /// Where to read on, so that everything unfinished is read again; `None` where nothing was charged.
    pub fn resume(&self) -> Option<u64> {
        self.frontier.map(|frontier| frontier + 1).or(self.first)
    }

    /// Whether everything before `next` is finished.
    pub fn allows(&self, next: u64) -> bool {
        match self.open.first_key_value() {
            Some((oldest, _)) => next <= *oldest,
            None => self.newest.is_some_and(|newest| next <= newest + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(first: u64, last: u64) -> OffsetRange {
        OffsetRange::new(first, last).unwrap()
    }

    fn charged(ranges: &[(u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (first, last) in ranges {
            ledger.charge(range(*first, *last)).unwrap();
        }
        ledger
    }

    #[test]
    fn the_frontier_waits_for_the_oldest_unfinished_range() {
        let mut ledger = charged(&[(3, 5), (6, 6), (9, 12)]);
        assert_eq!((ledger.complete(range(6, 6)), ledger.resume()), (Ok(None), Some(3)));
        assert!(ledger.allows(3) && !ledger.allows(4));
        assert_eq!((ledger.complete(range(3, 5)), ledger.resume()), (Ok(Some(6)), Some(7)));
        assert!(ledger.allows(9) && !ledger.allows(10), "a hole may be passed over, what is open may not");
        assert_eq!(ledger.complete(range(9, 12)), Ok(Some(12)));
        assert!(ledger.allows(13) && !ledger.allows(14));
    }

    #[test]
    fn misuse_is_an_error_with_a_stable_label() {
        let mut ledger = charged(&[(5, 5), (6, 8)]);
        assert_eq!(ledger.charge(range(8, 9)), Err(LedgerError::OutOfOrder { range: range(8, 9), newest: 8 }));
        assert_eq!(ledger.charge(range(1, 1)).unwrap_err().label(), "out_of_order");
        assert_eq!(ledger.complete(range(9, 9)), Err(LedgerError::NeverCharged(range(9, 9))));
        assert_eq!(ledger.complete(range(6, 7)).unwrap_err().label(), "never_charged");
        ledger.complete(range(6, 8)).unwrap();
        assert_eq!(ledger.complete(range(6, 8)), Err(LedgerError::CompletedTwice(range(6, 8))));
        ledger.complete(range(5, 5)).unwrap();
        assert_eq!(ledger.complete(range(5, 5)).unwrap_err().label(), "completed_twice");
        assert_eq!(ledger.resume(), Some(9));
    }

    #[test]
    fn with_nothing_charged_nothing_may_be_committed() {
        assert!(!Ledger::default().allows(0));
        assert_eq!(Ledger::default().resume(), None);
    }

    proptest! {
        /// Any order of completion, with charges between, against the definition.
        #[test]
        fn the_frontier_is_the_end_of_the_finished_beginning(
            shapes in prop::collection::vec((1_u64..4, 0_u64..5), 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut at = 0;
            let ranges: Vec<OffsetRange> = shapes.iter().map(|(gap, length)| {
                let first = at + gap;
                at = first + length;
                range(first, at)
            }).collect();
            let (mut ledger, mut count, mut finished) = (Ledger::default(), 0, Vec::new());
            for pick in picks {
                if count < ranges.len() && pick.index(2) == 0 {
                    ledger.charge(ranges[count]).unwrap();
                    count += 1;
                } else if count > 0 {
                    let range = ranges[pick.index(count)];
                    let again = finished.contains(&range);
                    prop_assert_eq!(ledger.complete(range) == Err(LedgerError::CompletedTwice(range)), again);
                    finished.push(range);
                }
                let beginning = ranges[..count].iter().take_while(|range| finished.contains(range)).last();
                let expected = beginning.map(|range| range.last + 1).or((count > 0).then(|| ranges[0].first));
                prop_assert_eq!(ledger.resume(), expected);
            }
        }
    }
}
