use std::collections::BTreeSet;

use grapevine_model::Gap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(super) const VERSION: u16 = 1;
/// How many absent items are asked for again, at most: the oldest are given up first.
const MOST_ABSENT: usize = 500;
/// How many changes wait, at most. The API lists about a hundred at a time.
const MOST_CHANGED: usize = 1000;
/// How many of the items that are given up are named in one gap.
const MOST_NAMED: usize = 20;
/// How far the platform's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);

/// How far the items were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Where reading began.
    pub(super) first: u64,
    /// The first id that was not asked for.
    pub(super) next: u64,
    /// The newest time of an item below it.
    pub(super) reached: Option<Timestamp>,
    /// Items that were null.
    pub(super) absent: Vec<Absent>,
    /// Items that changed since they were read.
    pub(super) changed: BTreeSet<u64>,
}

/// An id that is given, and whose item was not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Absent {
    pub(super) id: u64,
    /// When it was missed first.
    pub(super) since: Timestamp,
    /// It is not older than this.
    pub(super) after: Option<Timestamp>,
}

/// The time in which what was given up may have been written, and what it was. `None` where nothing was.
pub(super) fn gap(source: &str, given_up: &[Absent]) -> Option<Gap> {
    let to = given_up.iter().map(|absent| absent.since).max()?;
    let from = given_up.iter().map(|absent| absent.after.unwrap_or(absent.since)).min()?.min(to);
    let mut ids: Vec<String> = given_up.iter().take(MOST_NAMED).map(|absent| absent.id.to_string()).collect();
    if given_up.len() > MOST_NAMED {
        ids.push(format!("{} others", given_up.len() - MOST_NAMED));
    }
    let reason = format!("{} items were not there and are given up: {}", given_up.len(), ids.join(", "));
    Some(Gap { source: source.to_owned(), from, to, reason })
}

impl Position {
    pub(super) fn starting_at(next: u64) -> Self {
        Self { first: next, next, reached: None, absent: Vec::new(), changed: BTreeSet::new() }
    }

    /// What was not there when it was asked for in its turn. Gives what is given up for it.
    pub(super) fn missed(&mut self, id: u64, now: Timestamp) -> Vec<Absent> {
        self.absent.push(Absent { id, since: now, after: self.reached });
        let surplus = self.absent.len().saturating_sub(MOST_ABSENT);
        self.absent.drain(..surplus).collect()
    }

    /// What stays away for longer than the look-back will not come: gives it.
    pub(super) fn give_up(&mut self, now: Timestamp, lookback: SignedDuration) -> Vec<Absent> {
        self.absent.extract_if(.., |absent| now.duration_since(absent.since) >= lookback).collect()
    }

    /// They were asked for again: the others have their turn before them.
    pub(super) fn asked_again(&mut self, ids: &[u64]) {
        self.absent.sort_by_key(|absent| ids.contains(&absent.id));
    }

    /// An item of this time was read. Times from the future say nothing.
    pub(super) fn reach(&mut self, created_at: Timestamp, now: Timestamp) {
        if created_at <= now.saturating_add(AHEAD).unwrap_or(now) {
            self.reached = self.reached.max(Some(created_at));
        }
    }

    pub(super) fn came(&mut self, id: u64) {
        self.absent.retain(|absent| absent.id != id);
    }

    /// Only items that were read can be read again. Gives how many are too many to wait.
    pub(super) fn changes(&mut self, ids: impl IntoIterator<Item = u64>) -> usize {
        let known = ids.into_iter().filter(|id| (self.first..self.next).contains(id));
        self.changed.extend(known);
        let surplus = self.changed.len().saturating_sub(MOST_CHANGED);
        for _ in 0..surplus {
            self.changed.pop_first();
        }
        surplus
    }

    /// Every item older than this is known, if `now` is when the newest id was asked for and read to; else as far as it
    /// was read.
    pub(super) fn complete(&self, caught_up_at: Option<Timestamp>) -> Option<Timestamp> {
        let of_absent = self.absent.iter().map(|absent| absent.after).min();
        let through = caught_up_at.or(self.reached);
        of_absent.map_or(through, |after| after.min(through))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn nothing_is_complete_beyond_what_is_absent() {
        let mut position = Position { reached: Some(at(50)), ..Position::starting_at(9) };
        assert_eq!(position.complete(None), Some(at(50)));
        position.missed(9, at(60));
        position.reached = Some(at(70));
        assert_eq!((position.complete(Some(at(90))), position.complete(None)), (Some(at(50)), Some(at(50))));
        position.came(9);
        assert_eq!(position.complete(Some(at(90))), Some(at(90)));
        position.missed(10, at(90));
        let hour = SignedDuration::from_hours(1);
        assert_eq!(position.give_up(at(90 + 3599), hour), []);
        let given_up = position.give_up(at(90 + 3600), hour);
        assert!(position.absent.is_empty());
        let gap = gap("hn", &given_up).unwrap();
        assert_eq!((gap.from, gap.to), (at(70), at(90)));
        assert_eq!(gap.reason, "1 items were not there and are given up: 10");
    }

    #[test]
    fn an_item_from_the_future_completes_nothing() {
        let mut position = Position::starting_at(9);
        position.reach(at(50), at(60));
        position.reach(at(9_999_999), at(60));
        assert_eq!(position.complete(None), Some(at(50)));
    }

    #[test]
    fn each_absent_item_gets_its_turn() {
        let mut position = Position::starting_at(9);
        (0..5).for_each(|id| assert_eq!(position.missed(id, at(0)), []));
        position.asked_again(&[0, 1]);
        assert_eq!(position.absent.iter().map(|absent| absent.id).collect::<Vec<_>>(), [2, 3, 4, 0, 1]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut position = Position { first: 100, ..Position::starting_at(5000) };
        let given_up: Vec<Absent> = (0..5000).flat_map(|id| position.missed(id, at(0))).collect();
        assert_eq!(given_up.len(), 5000 - MOST_ABSENT, "nothing is dropped without a word");
        assert!(gap("hn", &given_up).unwrap().reason.ends_with("18, 19, 4480 others"));
        assert_eq!(position.changes((0..9000).rev()), 4900 - MOST_CHANGED);
        assert_eq!((position.absent.len(), position.changed.len()), (MOST_ABSENT, MOST_CHANGED));
        assert_eq!(position.changed.last(), Some(&4999));
        position.changed.clear();
        position.changes([99, 100, 4999, 5000]);
        assert_eq!(position.changed, BTreeSet::from([100, 4999]), "what was never read does not change");
    }
}
