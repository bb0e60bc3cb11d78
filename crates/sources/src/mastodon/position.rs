use std::collections::{BTreeMap, HashSet};

use grapevine_model::{EngagementSnapshot, Event, Mention};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(super) const VERSION: u16 = 1;
/// How many posts are remembered, at most: the oldest are forgotten first.
const REMEMBERED: usize = 2000;
/// How old a post is when it is checked, in minutes.
const AGES: [i64; 4] = [15, 60, 360, 1440];

/// How far the hashtags were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// When the last round began that read a hashtag to its end.
    pub(super) read_at: BTreeMap<String, Timestamp>,
    /// Up to when posts were passed over, where a cap bears a share alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) passed: BTreeMap<String, Timestamp>,
    pub(super) round: Option<Round>,
    /// What was given, by id.
    pub(super) known: BTreeMap<u64, Known>,
    /// Fingerprints of what was rejected, and when it was read last: the overlap brings it again.
    #[serde(default)]
    refused: BTreeMap<String, Timestamp>,
    pub(super) complete: Option<Timestamp>,
    /// When followers were counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counted_at: Option<Timestamp>,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) began: Timestamp,
    /// Hashtags that are not read yet; the last is the one at hand.
    pub(super) left: Vec<String>,
    /// The newest id that was read of the one at hand.
    pub(super) min_id: Option<u64>,
    /// How many hashtags were refused: what the round promises does not hold for them.
    #[serde(default)]
    pub(super) refused: usize,
}

/// Digests of what a post said and of its counters, and how often it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known(String, String, usize);

/// Ids begin with the milliseconds of the time at which a post was written.
pub(super) fn id_at(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0) << 16
}

pub(super) fn time_of(id: u64) -> Timestamp {
    i64::try_from(id >> 16).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()).unwrap_or(Timestamp::MIN)
}

impl Known {
    fn of(mention: &Mention, checked: usize) -> Self {
        let media: Vec<&str> = mention.media.iter().map(|media| media.url.as_str()).collect();
        let said = [mention.text.as_str(), &media.join(" "), &mention.links.join(" ")].join("\u{0}");
        Self(digest(&said, 10), digest(&format!("{:?}", mention.engagement), 6), checked)
    }
}

pub(super) fn digest(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(digits).collect()
}

impl Position {
    /// Takes in a post; gives what is new about it.
    pub(super) fn take(&mut self, id: u64, mention: Mention) -> Option<Event> {
        let before = self.known.get(&id);
        let now = Known::of(&mention, before.map_or(0, |before| before.2));
        let event = match before {
            Some(before) if *before == now => None,
            Some(before) if before.0 == now.0 => Some(Event::EngagementSnapshot(EngagementSnapshot {
                key: mention.key,
                observed_at: mention.observed_at,
                engagement: mention.engagement,
            })),
            _ => Some(Event::Upsert(Box::new(mention))),
        };
        self.known.insert(id, now);
        event
    }

    /// Takes note of what can not be mapped, by its id or its bytes. False where it was rejected for the same reason
    /// before.
    pub(super) fn refuse(&mut self, what: &str, reason: &str, now: Timestamp) -> bool {
        let is_new = self.refused.insert(digest(&[what, reason].join("\u{0}"), 16), now).is_none();
        if self.refused.len() > REMEMBERED
            && let Some(oldest) = self.refused.iter().min_by_key(|(_, at)| **at).map(|(print, _)| print.clone())
        {
            self.refused.remove(&oldest);
        }
        is_new
    }

    /// The oldest posts that are to be checked; none that are older than `oldest`.
    pub(super) fn due(&self, now: Timestamp, oldest: SignedDuration, most: usize) -> Vec<u64> {
        let is_due = |(id, known): &(&u64, &Known)| {
            let age = AGES.get(known.2).map(|minutes| SignedDuration::from_mins(*minutes));
            age.is_some_and(|age| age <= oldest && now.duration_since(time_of(**id)) >= age)
        };
        self.known.iter().filter(is_due).map(|(id, _)| *id).take(most).collect()
    }

    /// They were checked: the next time is when they are older than now.
    pub(super) fn checked(&mut self, ids: &[u64], now: Timestamp) {
        for id in ids {
            if let Some(known) = self.known.get_mut(id) {
                let age = now.duration_since(time_of(*id));
                known.2 =
                    AGES.iter().filter(|minutes| SignedDuration::from_mins(**minutes) <= age).count().max(known.2 + 1);
            }
        }
    }

    /// What is older will neither be read nor be checked again.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.known = self.known.split_off(&id_at(before));
        self.refused.retain(|_, at| *at >= before);
        while self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
    }

    pub(super) fn passed_to(&self, tag: &str) -> Timestamp {
        self.passed.get(tag).copied().unwrap_or(Timestamp::MIN)
    }

    /// Hashtags that are no longer wanted leave no trace.
    pub(super) fn keep(&mut self, hashtags: &[String]) {
        let wanted: HashSet<&String> = hashtags.iter().collect();
        self.read_at.retain(|tag, _| wanted.contains(tag));
        self.passed.retain(|tag, _| wanted.contains(tag));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, MentionKey};

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn post(text: &str, likes: u64) -> Mention {
        let mut post = Mention::new(MentionKey::new("mastodon", "x", "1"), Author::default(), noon(), text);
        post.engagement.likes = Some(likes);
        post
    }

    #[test]
    fn a_post_is_given_once_and_again_when_it_changes() {
        let mut position = Position::default();
        let mut name = |post| position.take(1, post).map(|event| event.name());
        assert_eq!(name(post("a", 0)), Some("upsert"));
        assert_eq!(name(post("a", 0)), None);
        assert_eq!(name(post("a", 3)), Some("engagement_snapshot"));
        assert_eq!(name(post("b", 3)), Some("upsert"));
    }

    #[test]
    fn a_post_is_checked_as_it_gets_older() {
        let (mut position, id) = (Position::default(), id_at(noon()));
        position.take(id, post("a", 0));
        let mut checked_after = Vec::new();
        for minute in 0..2000 {
            let now = noon() + SignedDuration::from_mins(minute);
            if position.due(now, DAY, 9) == [id] {
                position.checked(&[id], now);
                checked_after.push(minute);
            }
        }
        assert_eq!(checked_after, AGES);
        position.take(id_at(noon() - SignedDuration::from_hours(7)), post("old", 0));
        let old = position.due(noon(), DAY, 9);
        position.checked(&old, noon());
        assert_eq!((old.len(), position.due(noon(), DAY, 9).len()), (1, 0), "what is old is not checked for each age");
        let minutes = SignedDuration::from_mins(14);
        assert_eq!(position.due(noon() + DAY, minutes, 9).len(), 0, "nothing is checked beyond what is wanted");
    }

    #[test]
    fn memory_is_bounded() {
        let mut position = Position::default();
        for second in 0..3000 {
            position.take(id_at(noon() + SignedDuration::from_secs(second)), post("a", 0));
        }
        position.forget(noon() + SignedDuration::from_secs(10));
        assert_eq!(position.known.len(), REMEMBERED);
        position.forget(noon() + SignedDuration::from_secs(2990));
        assert_eq!(position.known.len(), 10);
        for second in 0..2100 {
            position.refuse(&second.to_string(), "no number", noon() + SignedDuration::from_secs(second));
        }
        assert_eq!(position.refused.len(), REMEMBERED);
        assert!(!position.refuse("2099", "no number", noon()), "the newest are kept");
        assert!(position.refuse("2099", "another reason", noon()), "a new reason is told");
        position.forget(noon() + SignedDuration::from_secs(2095));
        assert_eq!(position.refused.len(), 4);
    }
}
