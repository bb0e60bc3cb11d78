//! How far messages were read. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{gateway::Session, map::{id_at, time_of}};
use crate::{SourceError, is_not_ahead};

pub(super) const VERSION: u16 = 1;
/// How much of a channel is read again after a session was lost: ids of different servers of Discord are not in order.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);
/// How long reactions are left to gather before they are counted.
const GATHER: SignedDuration = SignedDuration::from_secs(30);
/// How many messages wait to be read again, at most.
const MOST_STALE: usize = 1000;
/// How many channels are remembered, at most: threads come and go.
const MOST_CHANNELS: usize = 5000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<Session>,
    /// From this id on channels are read that were never read before.
    pub(super) since: u64,
    /// The last message of each channel that was read.
    pub(super) read: BTreeMap<String, u64>,
    /// Channels whose history is to be read; the last is the one at hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<String>,
    /// Where the page at hand begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u64>,
    /// Messages that are to be read again, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stale: BTreeMap<String, Stale>,
}

/// A message of which something is known to be other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stale {
    pub(super) channel: String,
    pub(super) due: Timestamp,
    /// What it says; else only its counters.
    pub(super) is_edited: bool,
}

impl Position {
    pub(super) fn begin(since: Timestamp) -> Self {
        Self { since: id_at(since), ..Self::default() }
    }

    /// A checkpoint from the future would wait for messages that never come.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), SourceError> {
        let newest = self.read.values().copied().chain([self.since]).max().unwrap_or(0);
        is_not_ahead(time_of(&newest.to_string()), now)
    }

    /// A message of a channel was read. Ids of live ones need not be in order. One that is heard before the channel's
    /// history is read says nothing of how far that is: what was written before it is still to be read.
    pub(super) fn took(&mut self, channel: &str, id: &str, is_listed: bool) {
        let is_ahead = !is_listed && self.history.iter().any(|waiting| waiting == channel);
        if let Some(id) = id.parse::<u64>().ok().filter(|_| !is_ahead) {
            let read = self.read.entry(channel.to_owned()).or_default();
            *read = id.max(*read);
        }
    }

    /// After which id the history of the channel at hand is read on.
    pub(super) fn next(&self) -> Option<(String, u64)> {
        let channel = self.history.last()?;
        let overlapping = |read: &u64| {
            let read_at = time_of(&read.to_string())?;
            Some(id_at(read_at.checked_sub(OVERLAP).ok()?))
        };
        let from = self.read.get(channel).and_then(overlapping).unwrap_or(self.since).max(self.since);
        Some((channel.clone(), self.after.unwrap_or(from)))
    }

    /// A page of it was read up to this id; `None` where it is the last.
    pub(super) fn turn(&mut self, after: Option<u64>) {
        self.after = after;
        if after.is_none() {
            self.history.pop();
        }
    }

    /// Something about a message is other.
    pub(super) fn spoil(&mut self, id: &str, channel: &str, is_edited: bool, now: Timestamp) {
        let due = if is_edited { now } else { now + GATHER };
        let known = self.stale.get(id);
        let is_edited = is_edited || known.is_some_and(|known| known.is_edited);
        let due = known.map_or(due, |known| known.due.min(due));
        if known.is_some() || self.stale.len() < MOST_STALE {
            self.stale.insert(id.to_owned(), Stale { channel: channel.to_owned(), due, is_edited });
        }
    }

    /// It is gone, or was read again.
    pub(super) fn mend(&mut self, id: &str) {
        self.stale.remove(id);
    }

    /// One that is to be read again now.
    pub(super) fn due(&self, now: Timestamp) -> Option<(String, Stale)> {
        let due = self.stale.iter().filter(|(_, stale)| stale.due <= now).min_by_key(|(_, stale)| stale.due);
        due.map(|(id, stale)| (id.clone(), stale.clone()))
    }

    /// Forgets the channels in which nothing was written for longest.
    pub(super) fn forget(&mut self) {
        while self.read.len() > MOST_CHANNELS {
            let Some(oldest) = self.read.iter().min_by_key(|(_, read)| **read).map(|(id, _)| id.clone()) else { return };
            self.read.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_366_400 + second).unwrap()
    }

    #[test]
    fn a_channel_is_read_from_shortly_before_its_last_message() {
        let mut position = Position::begin(at(0));
        position.history = vec!["1".into(), "2".into()];
        assert_eq!(position.next(), Some(("2".into(), id_at(at(0)))));
        position.took("2", &(id_at(at(100)) + 5).to_string(), true);
        assert_eq!(position.next(), Some(("2".into(), id_at(at(70)))));
        position.turn(Some(77));
        assert_eq!(position.next(), Some(("2".into(), 77)));
        position.turn(None);
        assert_eq!(position.next(), Some(("1".into(), id_at(at(0)))));
    }

    #[test]
    fn what_is_heard_before_the_history_is_read_does_not_stand_for_it() {
        let mut position = Position::begin(at(0));
        position.history = vec!["2".into()];
        let live = (id_at(at(100)) + 5).to_string();
        position.took("2", &live, false);
        assert_eq!(position.next(), Some(("2".into(), id_at(at(0)))), "all that was before it is still to be read");
        position.turn(None);
        position.took("2", &live, false);
        position.history = vec!["2".into()];
        assert_eq!(position.next(), Some(("2".into(), id_at(at(70)))));
    }

    #[test]
    fn reactions_gather_and_an_edit_does_not_wait() {
        let mut position = Position::default();
        position.spoil("5", "1", false, at(0));
        position.spoil("5", "1", false, at(20));
        assert_eq!(position.due(at(29)), None);
        assert!(!position.due(at(30)).unwrap().1.is_edited);
        position.spoil("5", "1", true, at(21));
        assert!(position.due(at(21)).unwrap().1.is_edited);
        position.mend("5");
        assert_eq!(position.due(at(99)), None);
    }
}
