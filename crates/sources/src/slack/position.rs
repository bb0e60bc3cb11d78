//! How far the channels were read, and what was given of them. Pure.

use std::collections::{BTreeMap, VecDeque};

use grapevine_model::{Deletion, Engagement, EngagementSnapshot, Event, Mention, MentionKey};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::map::{PLATFORM, time};
use crate::{SourceError, is_not_ahead};

pub(super) const VERSION: u16 = 1;
/// How many messages are remembered, at most: the oldest are forgotten first.
const REMEMBERED: usize = 3000;
/// How many deliveries are remembered, so that one that is sent twice counts once.
const DELIVERIES: usize = 500;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// For each channel, from when on it is read, and when the last round began that read it to its end.
    pub(super) read_at: BTreeMap<String, (Timestamp, Timestamp)>,
    pub(super) round: Option<Round>,
    /// When the last whole round began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began: Option<Timestamp>,
    /// Slack held events back: a round has to find them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) owes_round: bool,
    /// What was given, by native id.
    pub(super) known: BTreeMap<String, Known>,
    /// Ids of the events that were delivered last.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    delivered: VecDeque<String>,
    pub(super) complete: Option<Timestamp>,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) began: Timestamp,
    /// What is not read yet; the last is the one at hand.
    pub(super) left: Vec<Part>,
    /// Where the next page of it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<String>,
    /// Times of the messages that its pages had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) seen: Vec<String>,
    /// How many channels were read to their end.
    pub(super) read: usize,
}

/// What is read from its first page to its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// A channel, from this time on.
    Channel { channel: String, oldest: Timestamp },
    /// The answers to one message.
    Thread { channel: String, ts: String },
    /// A message that was missing: it is asked for alone.
    Missing { channel: String, ts: String },
}

impl Part {
    pub(super) fn channel(&self) -> &str {
        match self {
            Part::Channel { channel, .. } | Part::Thread { channel, .. } | Part::Missing { channel, .. } => channel,
        }
    }
}

/// A digest of what a message said, its counters, and where it belongs. Of one that is gone, the digest is empty: its
/// thread may go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(rename = "d")]
    said: String,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    likes: Option<u64>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    replies: Option<u64>,
    /// What it answers: the message that began the thread.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// When it was edited last.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    edited: Option<Timestamp>,
    /// It was given without the names in it, which could not be asked for.
    #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
    is_unnamed: bool,
    /// What its thread looked like when it was read last, and when that was.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    thread: Option<(String, Timestamp)>,
}

/// One version of a message, as it was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    /// A digest of what it says. No name is in it.
    said: String,
    edited: Option<Timestamp>,
    /// It stands in a list; else an event brought it, which may come late.
    is_listed: bool,
    /// The names in it are known.
    pub(super) is_named: bool,
}

impl Version {
    /// Of a mention that was mapped without names.
    pub(super) fn of(plain: &Mention, edited: Option<Timestamp>, is_listed: bool) -> Self {
        Self { said: digest(plain), edited, is_listed, is_named: true }
    }
}

impl Known {
    fn is_there(&self) -> bool {
        !self.said.is_empty()
    }

    pub(super) fn has_thread(&self) -> bool {
        self.thread.is_some()
    }
}

impl Position {
    /// A checkpoint from the future would wait for messages that never come.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), SourceError> {
        let times = self.read_at.values().map(|(_, read_at)| *read_at);
        is_not_ahead(times.chain(self.complete).chain(self.began).max(), now)
    }

    /// Whether a message says something that is to be given.
    pub(super) fn is_news(&self, id: &str, version: &Version) -> bool {
        let is_other = |before: &Known| before.said != version.said || before.is_unnamed;
        !self.is_late(id, version) && self.known.get(id).is_none_or(is_other)
    }

    /// An event may come late: one that is gone comes back only where it is listed, and what it said before an edit is
    /// passed over.
    fn is_late(&self, id: &str, version: &Version) -> bool {
        let is_behind = |before: &Known| !before.is_there() || before.edited > version.edited;
        !version.is_listed && self.known.get(id).is_some_and(is_behind)
    }

    /// Takes in a message; gives what is new about it.
    pub(super) fn take(&mut self, mention: Mention, version: Version) -> Option<Event> {
        let id = mention.key.native_id.clone();
        if self.is_late(&id, &version) {
            return None;
        }
        let before = self.known.get(&id);
        let engagement = mention.engagement;
        let is_same = before.is_some_and(|before| before.said == version.said);
        let now = Known {
            said: version.said,
            // An event does not say them.
            likes: engagement.likes.or(before.and_then(|before| before.likes)),
            replies: engagement.replies.or(before.and_then(|before| before.replies)),
            root: mention.root.clone(),
            edited: version.edited,
            is_unnamed: !(version.is_named || is_same && before.is_some_and(|before| !before.is_unnamed)),
            thread: before.and_then(|before| before.thread.clone()),
        };
        let event = match before {
            Some(before) if *before == now => None,
            Some(before) if is_same && before.is_unnamed == now.is_unnamed => {
                Some(snapshot(mention.key, &now, mention.observed_at))
            }
            _ => Some(Event::Upsert(Box::new(Mention {
                engagement: Engagement { likes: now.likes, replies: now.replies, ..engagement },
                ..mention
            }))),
        };
        self.known.insert(id, now);
        event
    }

    /// A reaction came or went. What it is about may be unknown: then a round counts it, if it looks so far back.
    pub(super) fn react(&mut self, key: MentionKey, is_added: bool, at: Timestamp) -> Option<Event> {
        let known = self.known.get_mut(&key.native_id).filter(|known| known.is_there())?;
        let likes = known.likes.unwrap_or(0);
        known.likes = Some(if is_added { likes.saturating_add(1) } else { likes.saturating_sub(1) });
        Some(snapshot(key, known, at))
    }

    /// Slack says that a message is gone, which may never have been given.
    pub(super) fn delete_unheard(&mut self, key: MentionKey, observed_at: Timestamp) -> Option<Event> {
        let is_unheard = !self.known.contains_key(&key.native_id);
        if is_unheard {
            self.known.insert(key.native_id.clone(), Known::default());
            return Some(Event::Delete(Deletion { key, observed_at }));
        }
        self.delete(key, observed_at)
    }

    /// A message is gone. Nothing where it was never given, or its deletion was.
    pub(super) fn delete(&mut self, key: MentionKey, observed_at: Timestamp) -> Option<Event> {
        let known = self.known.get_mut(&key.native_id).filter(|known| known.is_there())?;
        known.said.clear();
        Some(Event::Delete(Deletion { key, observed_at }))
    }

    /// Whether this delivery was taken in before.
    pub(super) fn has(&self, delivery: &str) -> bool {
        self.delivered.iter().any(|known| known == delivery)
    }

    pub(super) fn deliver(&mut self, id: &str) {
        self.delivered.push_back(id.to_owned());
        if self.delivered.len() > DELIVERIES {
            self.delivered.pop_front();
        }
    }

    /// Whether a thread is to be read: it looks other than last time, or that is long ago. Takes note of it.
    pub(super) fn wants_thread(&mut self, id: &str, looks: &str, now: Timestamp, again: SignedDuration) -> bool {
        let known = self.known.entry(id.to_owned()).or_default();
        let is_as_before = known
            .thread
            .as_ref()
            .is_some_and(|(looked, read_at)| looked == looks && now.duration_since(*read_at) < again);
        if !is_as_before {
            known.thread = Some((looks.to_owned(), now));
        }
        !is_as_before
    }

    /// Messages of a channel or thread that should have been among those that were seen.
    pub(super) fn missing(&self, part: &Part, seen: &[String]) -> Vec<String> {
        let prefix = format!("{}/", part.channel());
        let of_part = |id: &&String, known: &&Known| match part {
            Part::Channel { oldest, .. } => {
                known.root.is_none() && ts(id).and_then(time).is_some_and(|written| written >= *oldest)
            }
            Part::Thread { ts, .. } => known.root.as_ref().is_some_and(|root| *root == format!("{prefix}{ts}")),
            Part::Missing { .. } => false,
        };
        let of_channel = self.known.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
        let missing = of_channel.filter(|(id, known)| known.is_there() && of_part(id, known));
        let missing = missing.filter_map(|(id, _)| ts(id)).filter(|ts| !seen.iter().any(|seen| seen == ts));
        missing.map(str::to_owned).collect()
    }

    /// What no round reads again is forgotten, and what is too many.
    pub(super) fn forget(&mut self, before: Timestamp) {
        let written = |id: &str| ts(id).and_then(time);
        self.known.retain(|id, _| written(id).is_some_and(|written| written >= before));
        if self.known.len() > REMEMBERED {
            let mut times: Vec<_> = self.known.keys().filter_map(|id| written(id)).collect();
            times.sort_unstable();
            let oldest = times[times.len().saturating_sub(REMEMBERED).min(times.len() - 1)];
            self.known.retain(|id, _| written(id).is_some_and(|written| written >= oldest));
        }
    }
}

/// A message's time out of its native id.
fn ts(id: &str) -> Option<&str> {
    id.split_once('/').map(|(_, ts)| ts)
}

pub(super) fn key(team: &str, native_id: String) -> MentionKey {
    MentionKey::new(PLATFORM, team, native_id)
}

fn snapshot(key: MentionKey, known: &Known, observed_at: Timestamp) -> Event {
    let engagement = Engagement { likes: known.likes, replies: known.replies, ..Engagement::default() };
    Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement })
}

fn digest(mention: &Mention) -> String {
    let media: Vec<&str> = mention.media.iter().map(|media| media.url.as_str()).collect();
    let said = [mention.text.as_str(), &media.join(" "), &mention.links.join(" ")].join("\u{0}");
    blake3::hash(said.as_bytes()).to_hex().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::Author;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn mention(ts: &str, text: &str, likes: Option<u64>) -> Mention {
        let mut mention = Mention::new(key("T1", format!("C1/{ts}")), Author::default(), at(5), text);
        mention.engagement.likes = likes;
        mention
    }

    /// Takes in what a list says, or an event.
    fn take(position: &mut Position, mention: Mention, edited: Option<Timestamp>, is_listed: bool) -> Option<Event> {
        let version = Version::of(&mention, edited, is_listed);
        position.take(mention, version)
    }

    #[test]
    fn only_what_changed_is_given_again() {
        let mut position = Position::default();
        assert!(matches!(take(&mut position, mention("5.0", "a", Some(1)), None, true), Some(Event::Upsert(_))));
        assert_eq!(take(&mut position, mention("5.0", "a", Some(1)), None, true), None);
        assert_eq!(take(&mut position, mention("5.0", "a", None), None, false), None, "an event says nothing of likes");
        let Some(Event::EngagementSnapshot(liked)) = position.react(key("T1", "C1/5.0".into()), true, at(6)) else { panic!() };
        assert_eq!(liked.engagement.likes, Some(2));
        assert_eq!(position.react(key("T1", "C1/9.0".into()), true, at(6)), None);
        let Some(Event::Upsert(edited)) = take(&mut position, mention("5.0", "b", None), Some(at(7)), true) else { panic!() };
        assert_eq!(edited.engagement.likes, Some(2), "an edit does not forget them");
        assert_eq!(take(&mut position, mention("5.0", "a", None), None, false), None, "what was sent before the edit comes behind it");
        assert!(take(&mut position, mention("5.0", "c", None), Some(at(8)), false).is_some());
    }

    #[test]
    fn what_is_gone_comes_back_only_where_it_is_listed() {
        let mut position = Position::default();
        assert!(position.delete_unheard(key("T1", "C1/5.0".into()), at(6)).is_some());
        assert_eq!(position.delete_unheard(key("T1", "C1/5.0".into()), at(6)), None);
        assert_eq!(take(&mut position, mention("5.0", "a", None), None, false), None, "an event that came late");
        assert!(take(&mut position, mention("5.0", "a", None), None, true).is_some());
    }

    #[test]
    fn what_was_given_without_names_is_given_again_with_them() {
        let mut position = Position::default();
        let unnamed = |mention: &Mention| Version { is_named: false, ..Version::of(mention, None, false) };
        let hello = mention("5.0", "a", None);
        let version = unnamed(&hello);
        assert!(position.is_news("C1/5.0", &version));
        assert!(position.take(hello.clone(), version.clone()).is_some());
        assert!(position.is_news("C1/5.0", &version), "names are asked for again");
        assert_eq!(position.take(hello.clone(), version), None, "they are not known yet");
        let named = Version::of(&hello, None, true);
        assert!(matches!(position.take(hello.clone(), named.clone()), Some(Event::Upsert(_))));
        assert!(!position.is_news("C1/5.0", &named));
        assert_eq!(position.take(hello.clone(), unnamed(&hello)), None, "what is known stays known");
    }

    #[test]
    fn a_delivery_is_remembered_for_a_while() {
        let mut position = Position::default();
        (0..=DELIVERIES).for_each(|n| position.deliver(&format!("Ev{n}")));
        assert!(position.has("Ev1") && !position.has("Ev0") && !position.has("Ev9999"));
    }

    #[test]
    fn what_is_not_among_its_like_is_missing() {
        let mut position = Position::default();
        for ts in ["5.0", "8.0"] {
            take(&mut position, mention(ts, "a", None), None, true);
        }
        let answer = Mention { root: Some("C1/5.0".into()), ..mention("6.0", "a", None) };
        take(&mut position, answer, None, true);
        let channel = |second| Part::Channel { channel: "C1".into(), oldest: at(second) };
        assert_eq!(position.missing(&channel(0), &["8.0".into()]), ["5.0"]);
        assert_eq!(position.missing(&channel(6), &["8.0".into()]), Vec::<String>::new());
        assert!(position.delete(key("T1", "C1/8.0".into()), at(9)).is_some());
        assert_eq!(position.delete(key("T1", "C1/8.0".into()), at(9)), None, "it is told once");
        assert_eq!(position.missing(&channel(6), &[]), Vec::<String>::new());
        let thread = Part::Thread { channel: "C1".into(), ts: "5.0".into() };
        assert_eq!(position.missing(&thread, &["5.0".into()]), ["6.0"]);
        position.forget(at(8));
        assert_eq!(position.known.len(), 1);
    }

    #[test]
    fn a_thread_is_read_when_it_looks_other_or_after_a_while() {
        let mut position = Position::default();
        take(&mut position, mention("5.0", "a", None), None, true);
        let hour = SignedDuration::from_hours(1);
        assert!(position.wants_thread("C1/5.0", "1 6.0", at(10), hour));
        assert!(!position.wants_thread("C1/5.0", "1 6.0", at(20), hour));
        assert!(position.wants_thread("C1/5.0", "2 7.0", at(30), hour));
        assert!(position.wants_thread("C1/5.0", "2 7.0", at(30 + 3600), hour));
    }
}
