use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::{Deserialize, Serialize};

/// Offsets of one partition from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OffsetRange {
    pub first: u64,
    pub last: u64,
}

impl OffsetRange {
    /// `None` where `last` is before `first`.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }
}

/// `17-42`.
impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// What of one partition was taken up, and what of that is finished.
///
/// Offsets are charged in rising order, as they are read; holes are allowed, as compaction and transactions leave them.
/// They are completed in any order. The frontier is the last one with nothing unfinished at or before it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Charged and not behind the frontier: `true` where it is finished.
    open: BTreeMap<u64, bool>,
    newest: Option<u64>,
    frontier: Option<u64>,
}

/// A misuse: going on would commit what is not finished, or commit nothing for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("offset {offset} was charged after offset {newest}: charge offsets in rising order, each once")]
    OutOfOrder { offset: u64, newest: u64 },
    #[error("offset {0} was completed, but never charged")]
    NeverCharged(u64),
    #[error("offset {0} was completed twice")]
    CompletedTwice(u64),
}

impl LedgerError {
    /// For metrics: stable between releases.
    pub fn label(&self) -> &'static str {
        match self {
            LedgerError::OutOfOrder { .. } => "out_of_order",
            LedgerError::NeverCharged(_) => "never_charged",
            LedgerError::CompletedTwice(_) => "completed_twice",
        }
    }

    /// A misuse stays one.
    pub fn is_transient(&self) -> bool {
        false
    }
}

impl Ledger {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up an offset.
    pub fn charge(&mut self, offset: u64) -> Result<(), LedgerError> {
        match self.newest {
            Some(newest) if offset <= newest => Err(LedgerError::OutOfOrder { offset, newest }),
            _ => {
                self.newest = Some(offset);
                self.open.insert(offset, false);
                Ok(())
            }
        }
    }

    /// Finishes an offset. Gives the new frontier where it moved.
    pub fn complete(&mut self, offset: u64) -> Result<Option<u64>, LedgerError> {
        match self.open.entry(offset) {
            Entry::Occupied(mut finished) if !*finished.get() => finished.insert(true),
            Entry::Occupied(_) => return Err(LedgerError::CompletedTwice(offset)),
            // Behind the frontier the single offsets are forgotten; most often this is a second completion.
            Entry::Vacant(_) if self.frontier.is_some_and(|frontier| offset <= frontier) => {
                return Err(LedgerError::CompletedTwice(offset));
            }
            Entry::Vacant(_) => return Err(LedgerError::NeverCharged(offset)),
        };
        let mut moved = None;
        while let Some(first) = self.open.first_entry().filter(|first| *first.get()) {
            moved = Some(first.remove_entry().0);
        }
        self.frontier = moved.or(self.frontier);
        Ok(moved)
    }

    /// The highest finished offset with nothing unfinished before it. What a consumer commits is this plus one.
    pub fn frontier(&self) -> Option<u64> {
        self.frontier
    }

    /// How many are charged and not finished.
    pub fn outstanding(&self) -> usize {
        self.open.values().filter(|finished| !**finished).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_frontier_waits_for_the_oldest_unfinished_offset() {
        let mut ledger = Ledger::new();
        for offset in [3, 4, 9] {
            ledger.charge(offset).unwrap();
        }
        assert_eq!((ledger.complete(4), ledger.frontier(), ledger.outstanding()), (Ok(None), None, 2));
        assert_eq!((ledger.complete(3), ledger.frontier()), (Ok(Some(4)), Some(4)));
        assert_eq!((ledger.complete(9), ledger.outstanding()), (Ok(Some(9)), 0));
    }

    #[test]
    fn misuse_is_an_error_with_a_stable_label() {
        let mut ledger = Ledger::new();
        ledger.charge(5).unwrap();
        ledger.charge(6).unwrap();
        assert_eq!(ledger.charge(6), Err(LedgerError::OutOfOrder { offset: 6, newest: 6 }));
        assert_eq!(ledger.charge(1).unwrap_err().label(), "out_of_order");
        assert_eq!(ledger.complete(7), Err(LedgerError::NeverCharged(7)));
        ledger.complete(6).unwrap();
        assert_eq!(ledger.complete(6), Err(LedgerError::CompletedTwice(6)));
        ledger.complete(5).unwrap();
        assert_eq!(ledger.complete(5).unwrap_err().label(), "completed_twice");
        assert_eq!(ledger.frontier(), Some(6));
    }

    #[test]
    fn a_range_is_written_as_tokens_have_it() {
        assert_eq!(OffsetRange::new(17, 42).map(|range| range.to_string()).as_deref(), Some("17-42"));
        assert_eq!(OffsetRange::new(2, 1), None);
    }

    proptest! {
        /// Any order of completion, with charges between, against the definition.
        #[test]
        fn the_frontier_is_the_end_of_the_finished_beginning(
            gaps in prop::collection::vec(1_u64..4, 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let offsets: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let (mut ledger, mut charged, mut finished) = (Ledger::new(), 0, Vec::new());
            for pick in picks {
                if charged < offsets.len() && pick.index(2) == 0 {
                    ledger.charge(offsets[charged]).unwrap();
                    charged += 1;
                } else if charged > 0 {
                    let offset = offsets[pick.index(charged)];
                    let again = finished.contains(&offset);
                    let outcome = ledger.complete(offset);
                    prop_assert_eq!(outcome == Err(LedgerError::CompletedTwice(offset)), again);
                    finished.push(offset);
                }
                let expected = offsets[..charged].iter().take_while(|offset| finished.contains(offset)).last();
                prop_assert_eq!(ledger.frontier(), expected.copied());
                let unfinished = offsets[..charged].iter().filter(|offset| !finished.contains(offset)).count();
                prop_assert_eq!(ledger.outstanding(), unfinished);
            }
        }
    }
}
