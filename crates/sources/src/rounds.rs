//! Lists that are read in rounds: each newest first, back to where the last round began and a bit further, as what is listed
//! late stands there. What was given is read again at certain ages. Pure: a source asks, and says here what it got.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{EngagementSnapshot, Event, Gap, Mention};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Cursor, Page, Progress, Rejected, SourceError, is_not_ahead,
    recheck::{Plan, Recheck},
};

const VERSION: u16 = 1;
/// More pages of one list are not turned in one round: no platform has more to give.
const MOST_PAGES: usize = 100;
/// How many posts are remembered beside those that are read again.
const REMEMBERED: usize = 5000;

/// How far the lists were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// When the last round began that read a list to its end.
    pub(crate) read_at: BTreeMap<String, Timestamp>,
    pub(crate) round: Option<Round>,
    /// What was given, by URI.
    known: BTreeMap<String, Known>,
    /// Fingerprints of what was rejected, and when it was read last: the overlap brings it again.
    refused: BTreeMap<String, Timestamp>,
    pub(crate) recheck: Recheck,
    /// What was missing when it was read again, and when: the next round asks for it once more.
    pub(crate) missing: BTreeMap<String, Timestamp>,
    /// When followers were counted last.
    #[serde(default)]
    pub(crate) counted_at: Option<Timestamp>,
    pub(crate) complete: Option<Timestamp>,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) began: Timestamp,
    /// Lists that are not read yet; the last is the one at hand.
    pub(crate) left: Vec<String>,
    /// Leads to the next page of the one at hand.
    pub(crate) cursor: Option<String>,
    /// Digests of the cursors that were followed for it.
    pub(crate) followed: BTreeSet<String>,
    /// The oldest post that was read of it.
    pub(crate) oldest: Option<Timestamp>,
    /// How many lists were refused: what the round promises does not hold for them.
    pub(crate) refused: usize,
}

/// How far a source looks back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) interval: SignedDuration,
    pub(crate) backfill: SignedDuration,
    /// So long after it was written a post may be listed first.
    pub(crate) lateness: SignedDuration,
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

fn digest(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(digits).collect()
}

/// What one poll gathers.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) events: Vec<Event>,
    pub(crate) rejected: Vec<Rejected>,
}

/// How one page of a list ended.
pub(crate) struct Turned {
    /// When the posts on it were listed.
    pub(crate) times: Vec<Timestamp>,
    /// Leads to the next page.
    pub(crate) next: Option<String>,
}

impl Round {
    /// A page of the list at hand was taken in, which is read back to `from`. Gives what can not be read of it, and why.
    pub(crate) fn turn(&mut self, position: &mut Position, from: Timestamp, page: Turned) -> Option<Gap> {
        let name = self.left.last()?.clone();
        let is_empty = page.times.is_empty();
        self.oldest = page.times.into_iter().chain(self.oldest).min();
        let has_more = !is_empty && self.oldest.is_none_or(|oldest| oldest >= from);
        let next = page.next.filter(|_| has_more);
        let is_new = next.as_ref().is_some_and(|next| self.followed.insert(digest(next, 12)));
        if is_new && self.followed.len() <= MOST_PAGES {
            self.cursor = next;
            return None;
        }
        let to = self.oldest.unwrap_or(from).max(from);
        let gap = next.map(|_| match is_new {
            true => format!("{name:?} finds more than the platform gives: narrow it"),
            false => format!("{name:?} says that more follows, and leads back to what was read"),
        });
        position.read_at.insert(name, self.began);
        self.next_list();
        gap.map(|reason| Gap { source: String::new(), from, to, reason })
    }

    /// The list at hand can not be read: the round promises less.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
        self.next_list();
    }

    fn next_list(&mut self) {
        (self.cursor, self.oldest) = (None, None);
        self.followed.clear();
        self.left.pop();
    }
}

impl Position {
    /// Out of a cursor; the beginning where there is none.
    ///
    /// # Errors
    /// Where it can not be read, or lies in the future.
    pub(crate) fn of(cursor: Option<&Cursor>, now: Timestamp) -> Result<Self, SourceError> {
        let position: Self = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        is_not_ahead(position.read_at.values().max().copied(), now)?;
        Ok(position)
    }

    pub(crate) fn page(&self, gathered: Gathered) -> Result<Page, SourceError> {
        let Gathered { events, rejected } = gathered;
        let state = if self.round.is_some() { Progress::Behind } else { Progress::CaughtUp };
        Ok(Page { events, rejected, cursor: Cursor::of(VERSION, self)?, complete_through: self.complete, state })
    }

    /// A round over these lists. Those that are no longer wanted leave no trace.
    pub(crate) fn begin(&mut self, lists: &[String], now: Timestamp) -> Round {
        self.read_at.retain(|list, _| lists.contains(list));
        let left = lists.iter().rev().cloned().collect();
        Round { began: now, left, cursor: None, followed: BTreeSet::new(), oldest: None, refused: 0 }
    }

    /// Up to when a list is read in this round: by then, all that was there is known.
    pub(crate) fn from(&self, list: &str, round: &Round, reach: &Reach) -> Timestamp {
        match self.read_at.get(list) {
            Some(read_at) => *read_at - reach.lateness,
            None => round.began - reach.backfill,
        }
    }

    /// The round is over.
    pub(crate) fn end(&mut self, round: &Round, plan: &Plan, reach: &Reach) {
        if round.refused == 0 {
            self.complete = self.complete.max(Some(round.began - reach.lateness));
        }
        // What the next round finds again has to be known then.
        let kept = plan.oldest().max(reach.lateness + reach.interval).max(reach.backfill);
        self.forget(round.began - kept);
    }

    /// Takes in a post; gives what is new about it.
    pub(crate) fn take(&mut self, plan: &Plan, mention: Mention) -> Option<Event> {
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
    pub(crate) fn gone(&mut self, id: &str) {
        self.recheck.gone(id);
        self.missing.remove(id);
        self.known.remove(id);
    }

    /// What can not be mapped is rejected once, however often it is read. It is known by its id, or by its bytes.
    pub(crate) fn reject(&mut self, id: Option<&str>, raw: String, reason: String, now: Timestamp) -> Option<Rejected> {
        let is_new = self.refuse(id.unwrap_or(&raw), &reason, now);
        let place = || format!("post {}", id.map_or_else(|| digest(&raw, 16), str::to_owned));
        is_new.then(|| Rejected { place: place(), reason, raw: raw.clone().into_bytes() })
    }

    /// False where it was rejected for the same reason before.
    fn refuse(&mut self, what: &str, reason: &str, now: Timestamp) -> bool {
        self.refused.insert(digest(&[what, reason].join("\u{0}"), 16), now).is_none()
    }

    /// What is older will neither be found nor read again.
    fn forget(&mut self, before: Timestamp) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, MentionKey};

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

    const REACH: Reach = Reach {
        interval: SignedDuration::from_mins(5),
        backfill: SignedDuration::from_hours(1),
        lateness: SignedDuration::from_mins(15),
    };

    fn turned(minutes: &[i64], next: Option<&str>) -> Turned {
        let times = minutes.iter().map(|minute| noon() + SignedDuration::from_mins(*minute)).collect();
        Turned { times, next: next.map(str::to_owned) }
    }

    #[test]
    fn a_list_is_read_back_to_the_last_round_and_what_may_be_listed_late() {
        let (mut position, lists) = (Position::default(), ["a".to_owned(), "b".to_owned()]);
        let mut round = position.begin(&lists, noon());
        let from = position.from("a", &round, &REACH);
        assert_eq!(from, noon() - REACH.backfill);
        assert_eq!(round.turn(&mut position, from, turned(&[-10, -20], Some("2"))), None);
        assert_eq!((round.cursor.as_deref(), round.left.len()), (Some("2"), 2), "more of it is newer than that");
        assert_eq!(round.turn(&mut position, from, turned(&[-50, -70], Some("3"))), None);
        assert_eq!(
            (round.cursor.as_deref(), round.left.as_slice()),
            (None, &["b".to_owned()][..]),
            "the rest is older"
        );
        round.refuse();
        position.end(&round, &plan(), &REACH);
        assert_eq!(position.complete, None, "what is refused is not complete");
        let round = position.begin(&lists, noon() + REACH.interval);
        assert_eq!(position.from("a", &round, &REACH), noon() - REACH.lateness);
        assert_eq!(position.from("b", &round, &REACH), round.began - REACH.backfill);
    }

    #[test]
    fn a_list_that_leads_back_or_never_ends_comes_to_an_end_and_says_so() {
        let mut position = Position::default();
        let mut round = position.begin(&["a".to_owned()], noon());
        let from = noon() - REACH.backfill;
        assert_eq!(round.turn(&mut position, from, turned(&[-1], Some("2"))), None);
        let gap = round.turn(&mut position, from, turned(&[-2], Some("2"))).unwrap();
        assert!(gap.reason.contains("leads back"), "{}", gap.reason);
        assert_eq!((gap.from, gap.to), (from, noon() - SignedDuration::from_mins(2)));
        let mut round = position.begin(&["a".to_owned()], noon());
        let told = (0..200).find_map(|n| round.turn(&mut position, from, turned(&[-1], Some(&n.to_string()))));
        assert!(told.unwrap().reason.contains("more than the platform gives"));
        assert!(round.left.is_empty());
    }

    #[test]
    fn what_can_not_be_mapped_is_rejected_once() {
        let mut position = Position::default();
        let rejected = position.reject(Some("9"), "{}".to_owned(), "no time".to_owned(), noon()).unwrap();
        assert_eq!((rejected.place.as_str(), rejected.raw.as_slice()), ("post 9", &b"{}"[..]));
        assert_eq!(position.reject(Some("9"), "{}".to_owned(), "no time".to_owned(), noon()), None);
        assert!(position.reject(None, "{}".to_owned(), "no time".to_owned(), noon()).is_some());
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
