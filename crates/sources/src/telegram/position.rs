//! How far the updates were read. Pure.

use std::collections::BTreeMap;

use grapevine_model::Gap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{SourceError, is_not_ahead};

pub(super) const VERSION: u16 = 1;
/// How long Telegram keeps updates that nobody fetched.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// After a week without updates their ids begin anew at random, maybe lower: then none is named, a day before.
const IDS_LAST: SignedDuration = SignedDuration::from_hours(24 * 6);
/// How exactly the time of the last answer is kept: each change of a cursor is saved.
const GRAIN: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The id behind the last update that was read: asking for it acknowledges those before.
    pub(super) next: Option<i64>,
    /// When the last update came.
    came_at: Option<Timestamp>,
    /// When Telegram was heard last.
    heard_at: Option<Timestamp>,
    /// Groups that became supergroups, by their id before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) moved: BTreeMap<i64, i64>,
    /// Chats that the bot is in no more, and what it is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) lost: BTreeMap<String, String>,
    /// When members were counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counted_at: Option<Timestamp>,
}

impl Position {
    /// A checkpoint from the future would wait for updates that never come.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), SourceError> {
        is_not_ahead(self.heard_at.max(self.came_at), now)
    }

    /// What is asked for; `None` where the ids that are known mean nothing any more.
    pub(super) fn offset(&self, now: Timestamp) -> Option<i64> {
        self.next.filter(|_| self.came_at.is_none_or(|came_at| now.duration_since(came_at) < IDS_LAST))
    }

    /// What was thrown away because nobody asked for it in time.
    pub(super) fn gap(&self, source: &str, now: Timestamp) -> Option<Gap> {
        let (from, to) = (self.heard_at?, now.checked_sub(KEPT).ok()?);
        let reason = "Telegram keeps updates for 24 h, and the source did not read for longer".to_owned();
        (from < to).then(|| Gap { source: source.to_owned(), from, to, reason })
    }

    /// An update is read. False where it was read before.
    pub(super) fn take(&mut self, id: i64, asked: Option<i64>, now: Timestamp) -> bool {
        if asked.is_some() && self.next.is_some_and(|next| id < next) {
            return false;
        }
        (self.next, self.came_at) = (id.checked_add(1), Some(now));
        true
    }

    pub(super) fn heard(&mut self, now: Timestamp) {
        if self.heard_at.is_none_or(|before| now.duration_since(before) >= GRAIN) {
            self.heard_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_772_366_400 + 3600 * hour).unwrap()
    }

    #[test]
    fn what_was_not_asked_for_within_a_day_is_a_gap() {
        let mut position = Position::default();
        assert_eq!(position.gap("t", at(0)), None, "a new source has missed nothing");
        position.heard(at(0));
        assert_eq!(position.gap("t", at(24)), None);
        let gap = position.gap("t", at(30)).unwrap();
        assert_eq!((gap.from, gap.to), (at(0), at(6)));
    }

    #[test]
    fn ids_that_may_have_begun_anew_are_not_asked_for() {
        let mut position = Position::default();
        assert!(position.take(900, None, at(0)));
        assert_eq!(position.offset(at(1)), Some(901));
        assert!(!position.take(900, Some(901), at(1)), "what comes again is passed over");
        assert_eq!(position.offset(at(24 * 6)), None);
        assert!(position.take(17, None, at(24 * 8)));
        assert_eq!(position.offset(at(24 * 8)), Some(18));
    }
}
