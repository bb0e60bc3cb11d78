//! What was given lately, so that reading it again gives only what changed.

use std::collections::BTreeMap;

use grapevine_model::{Engagement, EngagementSnapshot, Event, Mention, MentionKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Fingerprints by a hash of the mention's key; those of records that could not be mapped by a hash of all they hold, after
/// a `!`. Forgetting one costs a second copy, which folds in the store; never a loss.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recent(BTreeMap<String, Print>);

/// When the listing places it, in seconds; what it says; its counters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Print(i64, u32, u32);

impl Recent {
    /// The event, if it says something new. Counters alone become a snapshot.
    pub(crate) fn sift(&mut self, event: Event, position: Option<Timestamp>) -> Option<Event> {
        let seconds = position.map_or(i64::MAX, Timestamp::as_second);
        let (key, print) = match &event {
            Event::Upsert(mention) => (&mention.key, Print(seconds, content(mention), counters(&mention.engagement))),
            Event::Delete(deletion) => (&deletion.key, Print(seconds, 0, 0)),
            Event::EngagementSnapshot(snapshot) => (&snapshot.key, Print(seconds, 0, counters(&snapshot.engagement))),
            _ => return Some(event),
        };
        let known = self.0.insert(name(key), print);
        match (known, event) {
            (Some(known), _) if (known.1, known.2) == (print.1, print.2) => None,
            (Some(known), Event::Upsert(mention)) if known.1 == print.1 => {
                let Mention { key, observed_at, engagement, .. } = *mention;
                Some(Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement }))
            }
            (_, event) => Some(event),
        }
    }

    /// Whether a record that can not be mapped was not parked yet, as it is.
    pub(crate) fn is_new(&mut self, raw: &[u8], position: Timestamp) -> bool {
        let name = format!("!{}", &blake3::hash(raw).to_hex()[..16]);
        self.0.insert(name, Print(position.as_second(), 0, 0)).is_none()
    }

    pub(crate) fn forget_before(&mut self, floor: Timestamp) {
        self.0.retain(|_, print| print.0 >= floor.as_second());
    }

    /// Keeps the newest.
    pub(crate) fn keep(&mut self, most: usize) {
        if self.0.len() > most {
            let mut times: Vec<i64> = self.0.values().map(|print| print.0).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            let (oldest, mut room) = (times[most], most);
            self.0.retain(|_, print| {
                let stays = print.0 >= oldest && room > 0;
                room -= usize::from(stays);
                stays
            });
        }
    }
}

fn name(key: &MentionKey) -> String {
    format!("{:016x}", (key.id().0 >> 64) as u64)
}

/// Of all that the author wrote; not of when it was read, nor of counters.
fn content(mention: &Mention) -> u32 {
    let mut bare = mention.clone();
    (bare.engagement, bare.observed_at, bare.raw) = (Engagement::default(), bare.created_at, None);
    // Followers change all the time, and are no part of what was written.
    bare.author.followers = None;
    // 0 is a deletion's.
    short(&serde_json::to_vec(&bare).unwrap_or_default()).max(1)
}

fn counters(engagement: &Engagement) -> u32 {
    short(&serde_json::to_vec(engagement).unwrap_or_default())
}

fn short(bytes: &[u8]) -> u32 {
    let hash = blake3::hash(bytes);
    u32::from_le_bytes(hash.as_bytes()[..4].try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, Deletion};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn mention(id: &str, text: &str, likes: u64) -> Event {
        let key = MentionKey::new("p", "", id);
        let mut mention = Mention::new(key, Author::default(), at(5), text);
        mention.engagement.likes = Some(likes);
        Event::Upsert(Box::new(mention))
    }

    #[test]
    fn only_what_changed_is_given_again() {
        let mut recent = Recent::default();
        assert!(recent.sift(mention("1", "a", 0), Some(at(5))).is_some());
        assert_eq!(recent.sift(mention("1", "a", 0), Some(at(5))), None);
        let liked = recent.sift(mention("1", "a", 3), Some(at(5)));
        assert!(matches!(liked, Some(Event::EngagementSnapshot(snapshot)) if snapshot.engagement.likes == Some(3)));
        assert!(matches!(recent.sift(mention("1", "edited", 3), Some(at(5))), Some(Event::Upsert(_))));
        let gone = Event::Delete(Deletion { key: MentionKey::new("p", "", "1"), observed_at: at(9) });
        assert_eq!(recent.sift(gone.clone(), None), Some(gone.clone()));
        assert_eq!(recent.sift(gone, None), None);
        assert!(matches!(recent.sift(mention("1", "back", 3), Some(at(5))), Some(Event::Upsert(_))));
    }

    #[test]
    fn the_newest_are_kept_within_bounds() {
        let mut recent = Recent::default();
        for second in 0..10 {
            recent.sift(mention(&second.to_string(), "a", 0), Some(at(second / 2)));
        }
        recent.keep(3);
        assert_eq!(recent.0.len(), 3);
        assert!(recent.0.values().all(|print| print.0 >= 3));
        recent.forget_before(at(4));
        assert_eq!(recent.0.len(), 2);
    }
}
