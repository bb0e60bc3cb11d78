//! Which records of one listing another one is read for. Pure, and part of a cursor.
//!
//! | a record is | it |
//! |---|---|
//! | new, or its counter is another one | waits to be read for |
//! | the same as when it was read for last | waits only if `again` has passed |
//! | asked for, and the platform knows it no more | counts as read |
//!
//! What was read for each is remembered, for as many as may wait: forgetting one costs a second reading, never a loss.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::definition::ForEach;

/// So many in a row that the platform does not know are no accident.
const MOST_GONE: u32 = 10;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Children {
    #[serde(skip_serializing_if = "VecDeque::is_empty")]
    waiting: VecDeque<Child>,
    /// What the run that goes on is for: one, or a batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    current: Vec<Child>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    known: BTreeMap<String, Known>,
    /// What was created before is complete once so many more were read for.
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<(Timestamp, usize)>,
    #[serde(skip_serializing_if = "is_zero")]
    gone_in_a_row: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a record fills holes with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Child {
    holes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grown: Option<String>,
}

impl Child {
    pub(crate) fn new(holes: BTreeMap<String, String>, grown: Option<String>) -> Self {
        Self { holes, grown }
    }

    fn name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (hole, value) in &self.holes {
            hasher.update(format!("{hole}={value}\n").as_bytes());
        }
        hasher.finalize().to_hex()[..12].to_owned()
    }

    fn print(&self) -> String {
        self.grown.as_ref().map(|grown| blake3::hash(grown.as_bytes()).to_hex()[..8].to_owned()).unwrap_or_default()
    }
}

/// Of what it showed when it was read for; when that was, in seconds; the newest that was read, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known(String, i64, Option<i64>);

impl Children {
    pub(crate) fn is_waiting(&self) -> bool {
        !self.current.is_empty() || !self.waiting.is_empty()
    }

    pub(crate) fn is_full(&self, rule: &ForEach) -> bool {
        self.waiting.len() >= rule.most
    }

    /// A record was shown. False where it would have to wait and there is no room.
    pub(crate) fn offer(&mut self, rule: &ForEach, child: Child, now: Timestamp) -> bool {
        let name = child.name();
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.holes == child.holes) {
            *waiting = child;
            return true;
        }
        if self.current.contains(&child) {
            return true;
        }
        let is_read = self.known.get(&name).is_some_and(|known| {
            let age = SignedDuration::from_secs(now.as_second().saturating_sub(known.1));
            known.0 == child.print() && rule.again.is_none_or(|again| age < again)
        });
        if is_read {
            return true;
        }
        // A page may bring more than there is room for; twice as many are no page.
        let has_room = self.waiting.len() < rule.most.saturating_mul(2);
        if has_room {
            self.waiting.push_back(child);
        }
        has_room
    }

    /// Takes the next ones, where none are being read for.
    pub(crate) fn begin(&mut self, rule: &ForEach) {
        if self.current.is_empty() {
            let count = rule.batch.min(self.waiting.len());
            self.current = self.waiting.drain(..count).collect();
        }
    }

    /// Up to when the one that is being read for was read before.
    pub(crate) fn mark(&self) -> Option<Timestamp> {
        let [child] = self.current.as_slice() else { return None };
        let seconds = self.known.get(&child.name())?.2?;
        Timestamp::from_second(seconds).ok()
    }

    /// What fills the holes now: one value each, or those of the batch.
    pub(crate) fn lists(&self) -> BTreeMap<String, Vec<String>> {
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (hole, value) in self.current.iter().flat_map(|child| &child.holes) {
            lists.entry(hole.clone()).or_default().push(value.clone());
        }
        lists
    }

    /// Their run has ended. Gives the time before which all is complete now, if that moved.
    pub(crate) fn finish(&mut self, rule: &ForEach, newest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let mark = self.mark().max(newest).map(Timestamp::as_second);
        let read = std::mem::take(&mut self.current);
        for child in &read {
            self.known.insert(child.name(), Known(child.print(), now.as_second(), mark));
        }
        self.forget(rule.most);
        self.gone_in_a_row = 0;
        let (through, left) = self.promise.as_mut()?;
        *left = left.saturating_sub(read.len());
        let is_kept = *left == 0;
        is_kept.then_some(*through).inspect(|_| self.promise = None)
    }

    /// The platform knows it no more. False where so many in a row are no accident.
    pub(crate) fn is_gone(&mut self, rule: &ForEach, now: Timestamp) -> (bool, Option<Timestamp>) {
        let in_a_row = self.gone_in_a_row + 1;
        let through = self.finish(rule, None, now);
        self.gone_in_a_row = in_a_row;
        (in_a_row < MOST_GONE, through)
    }

    /// All that the other listing shows before this time has been offered. Gives it back where none of that waits.
    pub(crate) fn promise(&mut self, through: Timestamp) -> Option<Timestamp> {
        let waiting = self.waiting.len() + self.current.len();
        if waiting == 0 {
            self.promise = None;
            return Some(through);
        }
        self.promise.get_or_insert((through, waiting));
        None
    }

    /// Keeps those that were read for last.
    fn forget(&mut self, most: usize) {
        if self.known.len() > most {
            let mut times: Vec<i64> = self.known.values().map(|known| known.1).collect();
            times.sort_unstable();
            let oldest = times[times.len() - most];
            self.known.retain(|_, known| known.1 >= oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(batch: usize, again: Option<SignedDuration>) -> ForEach {
        ForEach { listing: 0, holes: Vec::new(), grown: None, again, batch, most: 3 }
    }

    fn child(id: &str, count: &str) -> Child {
        Child::new([("post".to_owned(), id.to_owned())].into(), Some(count.to_owned()))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn read(children: &mut Children, rule: &ForEach, second: i64) -> Vec<String> {
        children.begin(rule);
        let ids = children.lists().remove("post").unwrap_or_default();
        children.finish(rule, Some(at(second)), at(second));
        ids
    }

    #[test]
    fn what_is_new_or_has_grown_is_read_for_once() {
        let (rule, mut children) = (rule(1, None), Children::default());
        children.offer(&rule, child("a", "1"), at(10));
        children.offer(&rule, child("b", "1"), at(10));
        children.offer(&rule, child("a", "2"), at(11));
        assert_eq!([read(&mut children, &rule, 12), read(&mut children, &rule, 13)], [["a"], ["b"]]);
        children.offer(&rule, child("a", "2"), at(14));
        assert!(!children.is_waiting());
        children.offer(&rule, child("b", "3"), at(14));
        children.begin(&rule);
        assert_eq!((children.lists()["post"].as_slice(), children.mark()), (&["b".to_owned()][..], Some(at(13))));
    }

    #[test]
    fn what_does_not_say_that_it_grew_is_read_for_again_after_a_while() {
        let (rule, mut children) = (rule(2, Some(SignedDuration::from_secs(60))), Children::default());
        for id in ["a", "b", "c"] {
            children.offer(&rule, child(id, ""), at(0));
        }
        assert_eq!(read(&mut children, &rule, 5), ["a", "b"]);
        assert_eq!(read(&mut children, &rule, 6), ["c"]);
        children.offer(&rule, child("a", ""), at(64));
        assert!(!children.is_waiting());
        children.offer(&rule, child("a", ""), at(65));
        assert!(children.is_waiting());
    }

    #[test]
    fn what_was_offered_before_a_time_completes_it_when_it_was_read_for() {
        let (rule, mut children) = (rule(1, None), Children::default());
        assert_eq!(children.promise(at(1)), Some(at(1)));
        children.offer(&rule, child("a", "1"), at(2));
        children.offer(&rule, child("b", "1"), at(2));
        assert_eq!(children.promise(at(3)), None);
        children.offer(&rule, child("c", "1"), at(4));
        children.begin(&rule);
        assert_eq!(children.finish(&rule, None, at(5)), None);
        children.begin(&rule);
        assert_eq!(children.is_gone(&rule, at(6)), (true, Some(at(3))), "c came after the promise");
        assert!(children.is_waiting());
    }

    #[test]
    fn bounds_hold_and_too_many_gone_are_told() {
        let (rule, mut children) = (rule(1, None), Children::default());
        let offered: Vec<bool> =
            (0..7).map(|id| children.offer(&rule, child(&id.to_string(), "1"), at(1))).collect();
        assert_eq!(offered, [true, true, true, true, true, true, false]);
        assert!(children.is_full(&rule));
        for second in 0..6 {
            read(&mut children, &rule, second);
        }
        assert_eq!(children.known.len(), 3);
        for id in 0..10 {
            children.offer(&rule, child(&format!("x{id}"), "1"), at(9));
            children.begin(&rule);
            assert_eq!(children.is_gone(&rule, at(9)).0, id < 9);
        }
    }
}
