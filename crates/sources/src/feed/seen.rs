use std::collections::{HashMap, HashSet};

use grapevine_model::{EngagementSnapshot, Event, Mention};
use serde::{Deserialize, Serialize};

/// How many entries are remembered beyond those that stand in the feed.
const REMEMBERED: usize = 1000;

/// Which entries were given, and as what: the longest unseen first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seen(Vec<Print>);

/// Digests of an entry: of its id, of what it says, and of its counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Print(String, String, String);

/// What a reading brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct News {
    pub(super) events: Vec<Event>,
    /// Some of the feed was known before.
    pub(super) overlaps: bool,
}

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in the entries of one reading, and gives those that are new or other than before.
    pub(super) fn take(&mut self, mentions: Vec<Mention>) -> News {
        let known: HashMap<String, Print> = self.0.iter().map(|print| (print.0.clone(), print.clone())).collect();
        let (mut news, mut current, mut ids) = (News::default(), Vec::new(), HashSet::new());
        for mention in mentions {
            let print = Print::of(&mention);
            if !ids.insert(print.0.clone()) {
                continue;
            }
            let before = known.get(&print.0);
            news.overlaps |= before.is_some();
            news.events.extend(event(mention, before, &print));
            current.push(print);
        }
        self.0.retain(|print| !ids.contains(&print.0));
        self.0.drain(..self.0.len().saturating_sub(REMEMBERED));
        self.0.extend(current);
        news
    }
}

fn event(mention: Mention, before: Option<&Print>, print: &Print) -> Option<Event> {
    match before {
        Some(before) if before == print => None,
        Some(before) if before.1 == print.1 => Some(Event::EngagementSnapshot(EngagementSnapshot {
            key: mention.key,
            observed_at: mention.observed_at,
            engagement: mention.engagement,
        })),
        _ => Some(Event::Upsert(Box::new(mention))),
    }
}

impl Print {
    fn of(mention: &Mention) -> Self {
        let media: Vec<&str> = mention.media.iter().map(|media| media.url.as_str()).collect();
        let said = [mention.text.as_str(), mention.url.as_deref().unwrap_or_default(), &media.join(" ")].join("\u{0}");
        let counters = format!("{:?}", mention.engagement);
        Self(digest(&mention.key.to_string(), 20), digest(&said, 10), digest(&counters, 6))
    }
}

/// So many hexadecimal digits of the digest. Twenty tell a thousand ids apart for longer than feeds will exist.
fn digest(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, MentionKey};

    fn entry(id: &str, text: &str, likes: u64) -> Mention {
        let author = Author { native_id: "a".into(), ..Author::default() };
        let mut mention = Mention::new(MentionKey::new("feed", "x", id), author, jiff::Timestamp::UNIX_EPOCH, text);
        mention.engagement.likes = Some(likes);
        mention
    }

    #[test]
    fn an_entry_is_given_once_and_again_when_it_changes() {
        let mut seen = Seen::default();
        let first = seen.take(vec![entry("1", "a", 0), entry("1", "twin", 0), entry("2", "b", 0)]);
        assert_eq!((first.events.len(), first.overlaps), (2, false));
        let second = seen.take(vec![entry("1", "a", 0), entry("2", "c", 0), entry("3", "d", 0)]);
        let names: Vec<&str> = second.events.iter().map(Event::name).collect();
        assert_eq!((names, second.overlaps), (vec!["upsert", "upsert"], true));
        let third = seen.take(vec![entry("1", "a", 7)]);
        assert!(
            matches!(&third.events[..], [Event::EngagementSnapshot(snapshot)] if snapshot.engagement.likes == Some(7))
        );
    }

    #[test]
    fn memory_is_bounded_by_what_was_seen_last() {
        let mut seen = Seen::default();
        for id in 0..2 * REMEMBERED {
            seen.take(vec![entry(&id.to_string(), "x", 0)]);
        }
        assert_eq!(seen.0.len(), REMEMBERED + 1);
        assert!(seen.take(vec![entry("1999", "x", 0)]).overlaps);
        assert!(!seen.take(vec![entry("3", "x", 0)]).overlaps);
    }
}
