//! Whose turn it is: every partition is read page by page, and what it gave is read again. Fair, as one follows the other.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    definition::{Definition, Listing},
    partition::PartitionRef,
    state::State,
};
use crate::SourceError;

/// How long a partition rests after it failed, when others can be read meanwhile; it doubles with each further time.
const REST: SignedDuration = SignedDuration::from_secs(15);
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(15);
/// The same for a failure that does not pass by itself, such as a repository that was deleted: a person may have to act.
const LASTING_REST: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_LASTING_REST: SignedDuration = SignedDuration::from_hours(24);

/// Something to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The partition's, with a word for what is read again.
    pub(crate) key: String,
    /// Index among the partitions.
    pub(crate) partition: usize,
    pub(crate) task: Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// The next page.
    Page,
    /// What was given before and is of an age to be read again.
    Recheck,
}

/// The turns of a source, and those that rest because they failed.
pub(crate) struct Turns {
    turns: Vec<Turn>,
    /// Of each partition, those that are read for its records.
    children: Vec<Vec<usize>>,
    resting: HashMap<String, Rest>,
}

/// Why a turn is left out for a while.
pub(crate) struct Rest {
    pub(crate) until: Timestamp,
    /// How often in a row it failed before for as long.
    times: u32,
    pub(crate) error: SourceError,
}

/// What decides about turns: what is read, how often, and how far it is.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) partitions: &'a [PartitionRef],
    pub(crate) state: &'a State,
    /// How long each listing rests.
    pub(crate) every: &'a dyn Fn(&Listing) -> SignedDuration,
    pub(crate) now: Timestamp,
}

impl<'a> Known<'a> {
    fn listing(&self, partition: usize) -> &'a Listing {
        &self.definition.listings[self.partitions[partition].listing]
    }
}

impl Turns {
    pub(crate) fn new(definition: &Definition, partitions: &[PartitionRef]) -> Self {
        let mut turns = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            turns.push(Turn { key: partition.key.clone(), partition: index, task: Task::Page });
            if definition.listings[partition.listing].recheck.is_some() {
                turns.push(Turn { key: format!("{} again", partition.key), partition: index, task: Task::Recheck });
            }
        }
        turns.sort_by(|a, b| a.key.cmp(&b.key));
        let is_read_for = |child: &PartitionRef, parent: &PartitionRef| {
            let rule = definition.listings[child.listing].for_each.as_ref();
            rule.is_some_and(|rule| rule.listing == parent.listing) && child.each == parent.each
        };
        let of = |parent: &PartitionRef| {
            (0..partitions.len()).filter(|child| is_read_for(&partitions[*child], parent)).collect()
        };
        Self { turns, children: partitions.iter().map(of).collect(), resting: HashMap::new() }
    }

    /// The partitions that are read for records of this one.
    pub(crate) fn children(&self, partition: usize) -> &[usize] {
        &self.children[partition]
    }

    /// The next one after the last that is due and does not rest.
    pub(crate) fn next(&self, known: Known<'_>) -> Option<Turn> {
        let (before, after): (Vec<_>, Vec<_>) = self.turns.iter().partition(|turn| turn.key <= known.state.last);
        after.into_iter().chain(before).find(|turn| self.is_wanted(turn, known)).cloned()
    }

    fn is_wanted(&self, turn: &Turn, known: Known<'_>) -> bool {
        if self.rests(&turn.key, known.now) {
            return false;
        }
        let listing = known.listing(turn.partition);
        let partition = known.state.partitions.get(&known.partitions[turn.partition].key);
        let due = match (turn.task, partition) {
            (Task::Page, Some(partition)) => partition.due((known.every)(listing), listing),
            (Task::Page, None) if listing.for_each.is_some() => Timestamp::MAX,
            (Task::Page, None) => Timestamp::MIN,
            (Task::Recheck, partition) => {
                let rule = listing.recheck.as_ref();
                partition.zip(rule).and_then(|(partition, rule)| partition.recheck_due(rule)).unwrap_or(Timestamp::MAX)
            }
        };
        due <= known.now && (turn.task == Task::Recheck || !self.is_blocked(turn.partition, known))
    }

    /// So many records wait to be read for that more would be too many. One that can not be read blocks nothing.
    fn is_blocked(&self, partition: usize, known: Known<'_>) -> bool {
        self.children[partition].iter().any(|child| {
            let key = &known.partitions[*child].key;
            let rule = known.listing(*child).for_each.as_ref();
            let waiting = known.state.partitions.get(key).zip(rule);
            waiting.is_some_and(|(child, rule)| child.children.is_full(rule)) && !self.rests(key, known.now)
        })
    }

    fn rests(&self, key: &str, now: Timestamp) -> bool {
        self.resting.get(key).is_some_and(|rest| rest.until > now)
    }

    /// It could be read.
    pub(crate) fn works(&mut self, turn: &Turn) {
        self.resting.remove(&turn.key);
    }

    /// Leaves out what failed: for long where that does not pass by itself.
    pub(crate) fn rest(&mut self, turn: &Turn, error: SourceError, now: Timestamp) -> &Rest {
        let error = match error {
            SourceError::Gone(message) => SourceError::Gone(format!("{}: {message}", turn.key)),
            other => other,
        };
        let before = self.resting.get(&turn.key);
        let before = before.filter(|rest| rest.error.is_transient() == error.is_transient());
        let times = before.map_or(0, |rest| rest.times + 1);
        let (first, longest) =
            if error.is_transient() { (REST, LONGEST_REST) } else { (LASTING_REST, LONGEST_LASTING_REST) };
        let own = first.saturating_mul(2_i32.saturating_pow(times.min(10))).min(longest);
        let until = match &error {
            SourceError::RateLimited { until, .. } => *until,
            _ => now.saturating_add(own).unwrap_or(now),
        };
        let rest = Rest { until, times, error };
        self.resting.entry(turn.key.clone()).insert_entry(rest).into_mut()
    }

    /// Those that rest because they failed.
    pub(crate) fn failing(&self, now: Timestamp) -> impl Iterator<Item = (&Turn, &Rest)> {
        let rests = self.turns.iter().filter_map(|turn| Some((turn, self.resting.get(&turn.key)?)));
        rests.filter(move |(_, rest)| rest.until > now)
    }

    /// The error of a source of which every listing failed that is read by itself: the one that is over first, and one that
    /// does not pass by itself only where none does.
    pub(crate) fn failure(&self, known: Known<'_>) -> Option<SourceError> {
        let is_first = |turn: &&Turn| turn.task == Task::Page && known.listing(turn.partition).for_each.is_none();
        let failing = || self.failing(known.now).filter(|(turn, _)| is_first(turn));
        if failing().count() < self.turns.iter().filter(is_first).count() {
            return None;
        }
        let first = failing().min_by_key(|(_, rest)| (!rest.error.is_transient(), rest.until));
        first.map(|(_, rest)| rest.error.clone())
    }
}
