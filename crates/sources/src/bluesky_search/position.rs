use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{EngagementSnapshot, Event, Mention};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::recheck::{Plan, Recheck};

pub(super) const VERSION: u16 = 1;
/// How many posts are remembered beside those that are read again.
const REMEMBERED: usize = 5000;

/// How far the searches were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// When the last round began that read a search to its end.
    pub(super) read_at: BTreeMap<String, Timestamp>,
    pub(super) round: Option<Round>,
    /// What was given, by URI.
    known: BTreeMap<String, Known>,
    /// Fingerprints of what was rejected, and when it was read last: the overlap brings it again.
    refused: BTreeMap<String, Timestamp>,
    pub(super) recheck: Recheck,
    /// What was missing when it was read again, and when: the next round asks for it once more.
    pub(super) missing: BTreeMap<String, Timestamp>,
    /// When followers were counted last.
    pub(super) counted_at: Option<Timestamp>,
    pub(super) complete: Option<Timestamp>,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) began: Timestamp,
    /// Searches that are not read yet; the last is the one at hand.
    pub(super) left: Vec<String>,
    /// Leads to the next page of the one at hand.
    pub(super) cursor: Option<String>,
    /// Digests of the cursors that were followed for it.
    pub(super) followed: BTreeSet<String>,
    /// The oldest post that was read of it.
    pub(super) oldest: Option<Timestamp>,
    /// How many searches were refused: what the round promises does not hold for them.
    pub(super) refused: usize,
}

/// When a post was written, in seconds since the Unix epoch, and digests of what it said and of its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known(i64, String, String);

impl Known {
    fn of(mention: &Mention) -> Self {
        let written = mention.created_at.as_second();
        Self(written, digest(&mention.text, 10), digest(&format!("{:?}", mention.engagement), 6))
    }
}

pub(super) fn digest(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(digits).collect()
}

impl Position {
    /// Takes in a post; gives what is new about it.
    pub(super) fn take(&mut self, plan: &Plan, mention: Mention) -> Option<Event> {
        let id = mention.key.native_id.clone();
        self.recheck.saw(plan, &id, mention.created_at, mention.observed_at);
        self.missing.remove(&id);
        let now = Known::of(&mention);
        let event = match self.known.get(&id) {
            Some(before) if *before == now => None,
            Some(before) if before.1 == now.1 => Some(Event::EngagementSnapshot(EngagementSnapshot {
                key: mention.key,
                observed_at: mention.observed_at,
                engagement: mention.engagement,
            })),
            _ => Some(Event::Upsert(Box::new(mention))),
        };
        self.known.insert(id, now);
        event
    }

    /// The post is there no more.
    pub(super) fn gone(&mut self, id: &str) {
        self.recheck.gone(id);
        self.missing.remove(id);
        self.known.remove(id);
    }

    /// Takes note of what can not be mapped, by its id or its bytes. False where it was rejected for the same reason
    /// before.
    pub(super) fn refuse(&mut self, what: &str, reason: &str, now: Timestamp) -> bool {
        self.refused.insert(digest(&[what, reason].join("\u{0}"), 16), now).is_none()
    }

    /// What is older will neither be found nor read again.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.known.retain(|_, known| known.0 >= before.as_second());
        self.refused.retain(|_, at| *at >= before);
        self.recheck.forget(before);
        self.keep_newest();
    }

    fn keep_newest(&mut self) {
        while self.known.len() > REMEMBERED {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.0).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.known.remove(&id));
        }
    }

    /// Searches that are no longer wanted leave no trace.
    pub(super) fn keep(&mut self, searches: &[String]) {
        self.read_at.retain(|search, _| searches.contains(search));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, MentionKey};
    use jiff::SignedDuration;

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn plan() -> Plan {
        Plan::new(&[SignedDuration::from_mins(15)], 100)
    }

    fn post(id: usize, text: &str, likes: u64) -> Mention {
        let written = noon() + SignedDuration::from_secs(id as i64);
        let mut post = Mention::new(MentionKey::new("bluesky", "", id.to_string()), Author::default(), written, text);
        post.engagement.likes = Some(likes);
        post
    }

    #[test]
    fn a_post_is_given_once_and_again_when_it_changes() {
        let mut position = Position::default();
        let mut name = |post| position.take(&plan(), post).map(|event| event.name());
        assert_eq!(name(post(1, "a", 0)), Some("upsert"));
        assert_eq!(name(post(1, "a", 0)), None);
        assert_eq!(name(post(1, "a", 3)), Some("engagement_snapshot"));
        assert_eq!(name(post(1, "b", 3)), Some("upsert"));
        position.gone("1");
        assert_eq!(name_of(&mut position, post(1, "b", 3)), Some("upsert"), "what came back is given again");
    }

    fn name_of(position: &mut Position, post: Mention) -> Option<&'static str> {
        position.take(&plan(), post).map(|event| event.name())
    }

    #[test]
    fn memory_is_bounded() {
        let mut position = Position::default();
        for id in 0..REMEMBERED + 10 {
            position.take(&plan(), post(id, "a", 0));
            position.refuse(&id.to_string(), "no reason", noon() + SignedDuration::from_secs(id as i64));
        }
        position.forget(noon() + SignedDuration::from_secs(5));
        assert_eq!((position.known.len(), position.refused.len()), (REMEMBERED, REMEMBERED + 5));
        assert!(position.known.contains_key("5009") && !position.known.contains_key("9"), "the newest are kept");
        position.forget(noon() + SignedDuration::from_secs(5005));
        assert_eq!((position.known.len(), position.refused.len()), (5, 5));
    }
}
