//! Takes what an answer shows into the state, and gives the events that say something new. Pure.

use std::collections::HashSet;

use grapevine_model::{Deletion, Event, Gap};
use jiff::{SignedDuration, Timestamp};

use super::{
    definition::{ForEach, Listing, Missing, Pace, RecheckRule},
    map::Origin,
    part::{Part, Read},
    partition::PartitionRef,
    reading::{Became, Shown, of_token, seen},
    state::{Partition, State},
};
use crate::Rejected;

/// A partition that is read for records of another one.
pub(crate) struct ReadFor<'a> {
    pub(crate) key: &'a str,
    pub(crate) rule: &'a ForEach,
    /// How much later than in the other listing a post may come into it.
    pub(crate) later: SignedDuration,
}

/// An answer while it is taken in.
pub(crate) struct Taking<'a> {
    /// The source's name.
    pub(crate) source: &'a str,
    pub(crate) listing: &'a Listing,
    pub(crate) partition: &'a PartitionRef,
    pub(crate) read_for: Vec<ReadFor<'a>>,
    pub(crate) now: Timestamp,
    /// Of the other partitions.
    pub(crate) state: State,
    pub(crate) known: Partition,
    pub(crate) events: Vec<Event>,
    pub(crate) rejected: Vec<Rejected>,
    /// What the answer showed, for the spend cap.
    pub(crate) read: Read,
    /// The run that read a part ended.
    pub(crate) sampled: Option<Part>,
}

impl Taking<'_> {
    /// A page of the listing.
    pub(crate) fn page(&mut self, shown: Vec<Shown<'_>>, next: Option<String>, pace: &Pace) {
        let seen = seen(&shown, next, self.listing.gives());
        self.known.take_whole(&seen);
        let (part, given, records) = (self.known.part(), self.events.len(), shown.len());
        let within: Vec<Shown<'_>> = shown.into_iter().filter(|one| is_wanted(part, one)).collect();
        self.read = Read::of(records, within.len(), part);
        within.into_iter().for_each(|one| self.take(one));
        if let Some(part) = part {
            part.weigh(&mut self.events[given..]);
        }
        let before = self.known.through;
        let missed = self.known.saw(&seen, self.now, pace, self.listing);
        self.sampled = part.filter(|_| self.known.part().is_none());
        if let Some(missed) = missed.filter(|missed| missed.from < missed.to) {
            let reason = format!("{}: the platform gives no page further back", self.partition.key);
            self.gap(missed.from, missed.to, reason);
        }
        match self.known.through {
            Some(through) if before != Some(through) => self.promise(through),
            _ => {}
        }
    }

    /// What else stands in the records: neither watched nor read for.
    pub(crate) fn also(&mut self, shown: Vec<Shown<'_>>) {
        let (part, given) = (self.known.part(), self.events.len());
        shown.into_iter().filter(|one| is_wanted(part, one)).for_each(|one| self.give(one));
        if let Some(part) = part {
            part.weigh(&mut self.events[given..]);
        }
    }

    /// What was asked for by these names.
    pub(crate) fn again(&mut self, tokens: &[String], shown: Vec<Shown<'_>>, origin: &Origin<'_>) {
        let Some(rule) = &self.listing.recheck else { return };
        self.read = Read::of(shown.len(), shown.len(), None);
        let there: HashSet<String> = shown.iter().filter_map(|one| one.asked.clone()).collect();
        let (found, missing): (Vec<_>, Vec<_>) = tokens.iter().partition(|token| there.contains(of_token(token).0));
        let is_believed = self.known.believes(found.len(), missing.len());
        shown.into_iter().for_each(|one| self.take(one));
        found.into_iter().for_each(|token| self.known.recheck.checked(&rule.plan, token, self.now));
        for token in missing {
            if rule.missing == Missing::Deleted && is_believed {
                self.delete(token, rule, origin);
            } else {
                self.known.recheck.checked(&rule.plan, token, self.now);
            }
        }
        self.known.rest_from_recheck(rule, self.now);
    }

    fn delete(&mut self, token: &str, rule: &RecheckRule, origin: &Origin<'_>) {
        let key = rule.map.key(of_token(token).1, origin);
        let position = self.known.recheck.created_at(token);
        let deletion = Event::Delete(Deletion { key, observed_at: origin.observed_at });
        self.events.extend(self.known.recent.sift(deletion, position));
        self.known.recheck.gone(token);
    }

    fn take(&mut self, shown: Shown<'_>) {
        self.offer(&shown);
        self.watch(&shown);
        self.give(shown);
    }

    fn give(&mut self, shown: Shown<'_>) {
        match shown.became {
            Became::Event(event) => self.events.extend(self.known.recent.sift(*event, shown.position)),
            Became::Rejected(rejected) => {
                let is_new = self.known.recent.is_new(&rejected.raw, shown.position.unwrap_or(self.now));
                self.rejected.extend(is_new.then_some(rejected));
            }
            Became::Noted | Became::Skipped => {}
        }
    }

    /// It will be read again, unless it is deleted.
    fn watch(&mut self, shown: &Shown<'_>) {
        let Some(rule) = &self.listing.recheck else { return };
        if let Some((token, created_at)) = shown.token() {
            self.known.recheck.saw(&rule.plan, &token, created_at, self.now);
        }
    }

    /// Other listings are read for it, if it is new to them or has grown.
    fn offer(&mut self, shown: &Shown<'_>) {
        let (mut full, position) = (Vec::new(), shown.position);
        for ReadFor { key, rule, .. } in &self.read_for {
            let Some(child) = shown.child(rule, &self.partition.names) else { continue };
            let state = self.state.partitions.entry((*key).to_owned()).or_default();
            if !state.children.offer(rule, child, self.now) {
                full.push((*key).to_owned());
            }
        }
        for key in full {
            let reason = format!("{key}: it can not be read, and too many records of {} wait for it", self.partition.key);
            self.gap(position.unwrap_or(self.now), self.now, reason);
        }
    }

    /// The listing was read to its end: what it showed is offered to those that are read for it.
    fn promise(&mut self, through: Timestamp) {
        for ReadFor { key, later, .. } in &self.read_for {
            let state = self.state.partitions.entry((*key).to_owned()).or_default();
            let through = through.saturating_sub(*later).unwrap_or(through);
            state.through = state.through.max(state.children.promise(through));
        }
    }

    fn gap(&mut self, from: Timestamp, to: Timestamp, reason: String) {
        self.events.push(Event::Gap(Gap { source: self.source.to_owned(), from, to, reason }));
    }
}

/// Where a part is read, what stands beside it is another run's.
fn is_wanted(part: Option<Part>, shown: &Shown<'_>) -> bool {
    part.is_none_or(|part| part.holds(shown.position))
}
