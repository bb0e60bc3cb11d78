use std::collections::BTreeMap;

use crate::{LedgerError, OffsetRange, ledger::Ledger};

/// What a member of a group has taken up of the partitions that it holds.
///
/// Each time a partition is given to the member it begins a generation. What was charged in an older one is void: its
/// completion is [`Completion::Stale`] and changes nothing, for another member may be at it, or this one reads it again.
#[derive(Debug, Default)]
pub struct Tracker {
    generation: u64,
    held: BTreeMap<u32, Held>,
}

#[derive(Debug, Default)]
struct Held {
    generation: u64,
    ledger: Ledger,
}

/// A range that was charged. It is given back once: completed or failed.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a range whose ticket is dropped holds the frontier back for ever"]
pub struct Ticket {
    partition: u32,
    generation: u64,
    range: OffsetRange,
}

impl Ticket {
    pub fn partition(&self) -> u32 {
        self.partition
    }

    pub fn range(&self) -> OffsetRange {
        self.range
    }
}

/// What a completion came to.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Everything before this offset is finished: it may be committed.
    Moved(u64),
    /// Something older is unfinished.
    Waiting,
    /// Of an older generation; discarded.
    Stale,
}

impl Tracker {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a generation of a partition: this member reads it from its commit on.
    pub fn assign(&mut self, partition: u32) {
        self.generation += 1;
        self.held.insert(partition, Held { generation: self.generation, ledger: Ledger::default() });
    }

    /// Another member reads it from now on.
    pub fn revoke(&mut self, partition: u32) {
        self.held.remove(&partition);
    }

    pub fn holds(&self, partition: u32) -> bool {
        self.held.contains_key(&partition)
    }

    /// In rising order.
    pub fn held(&self) -> impl Iterator<Item = u32> {
        self.held.keys().copied()
    }

    /// Takes up a range, behind all that was charged of the partition.
    pub fn charge(&mut self, partition: u32, range: OffsetRange) -> Result<Ticket, LedgerError> {
        let held = self.held.get_mut(&partition).ok_or(LedgerError::NotHeld(partition))?;
        held.ledger.charge(range)?;
        Ok(Ticket { partition, generation: held.generation, range })
    }

    /// The offset that completing this ticket would allow to be committed: for work that is written and committed in one
    /// step. `None` where something older is unfinished or the ticket is stale.
    pub fn next_after(&self, ticket: &Ticket) -> Option<u64> {
        let held = self.current(ticket)?;
        held.ledger.is_oldest(ticket.range).then_some(ticket.range.last + 1)
    }

    /// The ticket's partition has not gone meanwhile.
    pub fn is_current(&self, ticket: &Ticket) -> bool {
        self.current(ticket).is_some()
    }

    fn current(&self, ticket: &Ticket) -> Option<&Held> {
        self.held.get(&ticket.partition).filter(|held| held.generation == ticket.generation)
    }

    /// The range is finished: its effect is durable.
    pub fn complete(&mut self, ticket: Ticket) -> Result<Completion, LedgerError> {
        match self.held.get_mut(&ticket.partition) {
            Some(held) if held.generation == ticket.generation => {
                let moved = held.ledger.complete(ticket.range)?;
                Ok(moved.map_or(Completion::Waiting, |frontier| Completion::Moved(frontier + 1)))
            }
            _ => Ok(Completion::Stale),
        }
    }

    /// The range was not finished: its partition begins a new generation, and is to be read again from the offset that
    /// this gives. `None` where the ticket is stale: it is read again already.
    #[must_use = "what failed has to be read again"]
    pub fn failed(&mut self, ticket: Ticket) -> Option<u64> {
        let from = self.current(&ticket)?.ledger.resume();
        self.assign(ticket.partition);
        from
    }

    /// Has to hold of every commit before it is made.
    pub fn check(&self, partition: u32, next: u64) -> Result<(), LedgerError> {
        match self.held.get(&partition) {
            Some(held) if held.ledger.allows(next) => Ok(()),
            _ => Err(LedgerError::BeyondFrontier { partition, next }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> OffsetRange {
        OffsetRange::new(first, last).unwrap()
    }

    fn tracker() -> Tracker {
        let mut tracker = Tracker::new();
        tracker.assign(7);
        tracker
    }

    #[test]
    fn ranges_are_completed_in_any_order_and_committed_along_the_frontier() {
        let mut tracker = tracker();
        let (one, two) = (tracker.charge(7, range(0, 9)).unwrap(), tracker.charge(7, range(10, 19)).unwrap());
        assert_eq!((tracker.next_after(&one), tracker.next_after(&two)), (Some(10), None));
        assert_eq!(tracker.complete(two), Ok(Completion::Waiting));
        assert_eq!(tracker.check(7, 20).unwrap_err().label(), "beyond_frontier");
        assert_eq!(tracker.complete(one), Ok(Completion::Moved(20)));
        assert_eq!(tracker.check(7, 20), Ok(()));
    }

    #[test]
    fn a_completion_of_an_older_generation_is_discarded() {
        let mut tracker = tracker();
        let old = tracker.charge(7, range(0, 9)).unwrap();
        tracker.revoke(7);
        assert!(!tracker.is_current(&old));
        assert_eq!(tracker.charge(7, range(0, 9)).unwrap_err().label(), "not_held");
        tracker.assign(7);
        let new = tracker.charge(7, range(0, 4)).unwrap();
        assert_eq!((tracker.next_after(&old), tracker.complete(old)), (None, Ok(Completion::Stale)));
        assert!(tracker.check(7, 10).is_err(), "the old work moved nothing");
        assert_eq!(tracker.complete(new), Ok(Completion::Moved(5)));
    }

    #[test]
    fn what_failed_is_read_again_from_the_frontier() {
        let mut tracker = tracker();
        let (one, two) = (tracker.charge(7, range(3, 9)).unwrap(), tracker.charge(7, range(12, 19)).unwrap());
        let three = tracker.charge(7, range(20, 20)).unwrap();
        assert_eq!(tracker.complete(one), Ok(Completion::Moved(10)));
        assert_eq!(tracker.failed(two), Some(10));
        assert_eq!(tracker.failed(three), None, "it is read again with what failed before it");
        let again = tracker.charge(7, range(12, 15)).unwrap();
        assert_eq!(tracker.complete(again), Ok(Completion::Moved(16)));
    }
}
