//! The outbox: what is to be delivered, what was, and what could not be.
//!
//! Pure: it decides, the caller stores and sends. Every change comes back as a [`Record`] for the compacted topic, and the
//! caller stores it **before** it goes on: after [`enqueue`](Outbox::enqueue) before the first send, after
//! [`settle`](Outbox::settle) before the next. Killed at any point, a restored outbox sends whatever is not known to have
//! arrived, again with the same key: at least once.
//!
//! | state | meaning |
//! |---|---|
//! | pending | to be sent at `next_at`; attempts so far |
//! | sent | the receiver has it |
//! | dead | refused for good, or 24 hours have passed; shown to people, with its reason |

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Notification;
use crate::webhook::Outcome;

/// For how long delivery is tried.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
const FIRST_WAIT_MS: i64 = 2_000;
const LONGEST_WAIT_MS: i64 = 30 * 60 * 1_000;

/// What became of one notification so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    Pending {
        attempts: u32,
        next_at: Timestamp,
        /// Why the last attempt failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Sent {
        attempts: u32,
        at: Timestamp,
    },
    Dead {
        attempts: u32,
        at: Timestamp,
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub notification: Notification,
    #[serde(flatten)]
    pub status: Status,
}

/// A change to store: the key in the compacted topic, and its new value. No value removes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the outbox's record {key} cannot be read: {source}")]
pub struct RestoreError {
    pub key: String,
    source: serde_json::Error,
}

impl RestoreError {
    /// A record that cannot be read stays so.
    pub fn is_transient(&self) -> bool {
        false
    }
}

#[derive(Debug, Default)]
pub struct Outbox {
    entries: BTreeMap<String, Entry>,
    /// Handed out by `due` and not settled yet. Not stored: after a restart they are due again.
    in_flight: HashSet<String>,
}

impl Outbox {
    pub fn new() -> Self {
        Self::default()
    }

    /// The outbox as its compacted topic holds it, and what in it cannot be read.
    pub fn restore(table: impl IntoIterator<Item = (String, Vec<u8>)>) -> (Self, Vec<RestoreError>) {
        let (mut outbox, mut unreadable) = (Self::new(), Vec::new());
        for (key, value) in table {
            match serde_json::from_slice(&value) {
                Ok(entry) => {
                    outbox.entries.insert(key, entry);
                }
                Err(source) => unreadable.push(RestoreError { key, source }),
            }
        }
        (outbox, unreadable)
    }

    /// Takes a notification, unless one with its key is there already: a rebuild that finds an old episode again tells
    /// nobody twice. Store the record before sending.
    pub fn enqueue(&mut self, notification: Notification, now: Timestamp) -> Option<Record> {
        let key = notification.key.clone();
        if self.entries.contains_key(&key) {
            return None;
        }
        let status = Status::Pending { attempts: 0, next_at: now, reason: None };
        self.entries.insert(key.clone(), Entry { notification, status });
        self.record(&key)
    }

    /// What is to be sent now. Each must be settled; until then it is not given out again.
    ///
    /// A receiver hears of one episode in order: the end of an alert waits until its start has arrived, or is dead.
    pub fn due(&mut self, now: Timestamp) -> Vec<Notification> {
        let in_flight = &self.in_flight;
        let first = self.oldest_pending();
        let due: Vec<Notification> = self
            .entries
            .values()
            .filter(|entry| matches!(entry.status, Status::Pending { next_at, .. } if next_at <= now))
            .filter(|entry| first.get(&line(&entry.notification)) == Some(&entry.notification.created_at))
            .filter(|entry| !in_flight.contains(&entry.notification.key))
            .map(|entry| entry.notification.clone())
            .collect();
        self.in_flight.extend(due.iter().map(|notification| notification.key.clone()));
        due
    }

    /// When the oldest that is not settled was made, for each receiver and episode.
    fn oldest_pending(&self) -> BTreeMap<(String, String), Timestamp> {
        let mut oldest = BTreeMap::new();
        for entry in self.entries.values().filter(|entry| matches!(entry.status, Status::Pending { .. })) {
            let created_at = entry.notification.created_at;
            let first = oldest.entry(line(&entry.notification)).or_insert(created_at);
            *first = created_at.min(*first);
        }
        oldest
    }

    /// When the next one is due, of those that nobody is sending.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.entries.iter().filter(|(key, _)| !self.in_flight.contains(*key));
        let times = waiting.filter_map(|(_, entry)| match entry.status {
            Status::Pending { next_at, .. } => Some(next_at),
            _ => None,
        });
        times.min()
    }

    /// What came of an attempt. `None` where the key is not pending.
    pub fn settle(&mut self, key: &str, outcome: Outcome, now: Timestamp) -> Option<Record> {
        self.in_flight.remove(key);
        let entry = self.entries.get_mut(key)?;
        let Status::Pending { attempts, .. } = entry.status else { return None };
        let attempts = attempts.saturating_add(1);
        entry.status = match outcome {
            Outcome::Delivered => Status::Sent { attempts, at: now },
            Outcome::Refused { reason } => Status::Dead { attempts, at: now, reason },
            Outcome::Retry { after, reason } => retry(&entry.notification, (attempts, after), reason, now),
        };
        self.record(key)
    }

    /// Forgets what was sent before this time; the dead stay until a person has seen them. Keep at least as much as a
    /// rebuild replays, or an old episode is notified once more.
    pub fn forget_sent_before(&mut self, time: Timestamp) -> Vec<Record> {
        let old = |entry: &Entry| matches!(entry.status, Status::Sent { at, .. } if at < time);
        let keys: Vec<String> =
            self.entries.iter().filter(|(_, entry)| old(entry)).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| drop(self.entries.remove(key)));
        keys.into_iter().map(|key| Record { key, value: None }).collect()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    fn record(&self, key: &str) -> Option<Record> {
        // A map with string keys and plain values always becomes JSON.
        let value = serde_json::to_vec(self.entries.get(key)?).ok()?;
        Some(Record { key: key.to_owned(), value: Some(value) })
    }
}

/// Receiver and episode: within one, order is kept.
fn line(notification: &Notification) -> (String, String) {
    let episode = notification.body["episode"]["id"].as_str().unwrap_or_default();
    (notification.receiver.clone(), episode.to_owned())
}

/// Later, and not before the receiver allows it; never more than 24 hours after the notification was made.
fn retry(about: &Notification, tried: (u32, Option<SignedDuration>), reason: String, now: Timestamp) -> Status {
    let (attempts, after) = tried;
    let deadline = about.created_at.saturating_add(GIVE_UP_AFTER).unwrap_or(Timestamp::MAX);
    let asked = now.saturating_add(after.unwrap_or_default()).unwrap_or(Timestamp::MAX);
    if now >= deadline || asked > deadline {
        let reason = format!("not delivered within 24 hours; last: {reason}");
        return Status::Dead { attempts, at: now, reason };
    }
    let own = now + backoff(&about.key, attempts);
    Status::Pending { attempts, next_at: own.max(asked).min(deadline), reason: Some(reason) }
}

/// Doubles from two seconds to half an hour; by up to a quarter more or less, so that many do not come at once. The
/// jitter comes from the key, so that a replay waits as long.
fn backoff(key: &str, attempts: u32) -> SignedDuration {
    let doubled = FIRST_WAIT_MS.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let wait = doubled.min(LONGEST_WAIT_MS);
    let hash = Sha256::digest(format!("{key}/{attempts}"));
    let jitter = i64::from(hash[0]) - 128;
    SignedDuration::from_millis(wait + wait / 4 * jitter / 128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::Background;
    use crate::notification::tests::{episode, time};
    use crate::{Episode, EpisodeState};

    const START: &str = "2026-11-03T08:15:00Z";

    fn notification(receiver: &str) -> Notification {
        Notification::new(&episode(), receiver, &Background::default(), time(START))
    }

    fn busy(after: Option<i64>) -> Outcome {
        Outcome::Retry { after: after.map(SignedDuration::from_secs), reason: "status 503".to_owned() }
    }

    #[test]
    fn the_end_of_an_alert_waits_for_its_start() {
        let mut outbox = Outbox::new();
        let start = notification("ops");
        let resolved = Episode { state: EpisodeState::Resolved, ..episode() };
        let later = time(START) + SignedDuration::from_secs(1);
        let end = Notification::new(&resolved, "ops", &Background::default(), later);
        outbox.enqueue(start.clone(), time(START)).expect("it is new");
        outbox.enqueue(end.clone(), later).expect("it is new");
        assert_eq!(outbox.due(later), std::slice::from_ref(&start));
        outbox.settle(&start.key, busy(None), later).expect("a record to store");
        assert!(outbox.due(later).is_empty(), "the start is tried again first");
        let retried = outbox.next_due().expect("both are waiting") + SignedDuration::from_mins(1);
        assert_eq!(outbox.due(retried), std::slice::from_ref(&start));
        outbox.settle(&start.key, Outcome::Delivered, retried).expect("a record to store");
        assert_eq!(outbox.due(retried), [end]);
    }

    #[test]
    fn retries_for_a_day_and_then_it_is_dead() {
        let mut outbox = Outbox::new();
        let one = notification("ops");
        outbox.enqueue(one.clone(), time(START)).expect("it is new");
        let (mut now, mut waits) = (time(START), Vec::new());
        while let Some(next) = outbox.next_due() {
            waits.push((next.as_millisecond() - now.as_millisecond()) as f64 / 1000.0);
            now = next;
            assert_eq!(outbox.due(now), std::slice::from_ref(&one));
            assert!(outbox.due(now).is_empty(), "in flight: not given out twice");
            outbox.settle(&one.key, busy(None), now).expect("a record to store");
        }
        assert_eq!(waits[0], 0.0);
        for (number, wait) in waits[1..waits.len() - 1].iter().enumerate() {
            let plain = (2.0 * 2_f64.powi(number as i32)).min(1800.0);
            assert!((0.75 * plain..=1.25 * plain).contains(wait), "{wait} s as wait number {number}");
        }
        assert_eq!(now, time("2026-11-04T08:15:00Z"), "the last attempt is at the end of the day");
        let Some(Status::Dead { reason, attempts, .. }) = outbox.get(&one.key).map(|entry| &entry.status) else {
            panic!("{:?}", outbox.get(&one.key));
        };
        assert_eq!(reason, "not delivered within 24 hours; last: status 503");
        assert!((50..70).contains(attempts), "{attempts} attempts");
    }

    #[test]
    fn honours_what_the_receiver_asks() {
        let mut outbox = Outbox::new();
        let one = notification("ops");
        outbox.enqueue(one.clone(), time(START));
        outbox.due(time(START));
        outbox.settle(&one.key, busy(Some(600)), time(START));
        assert_eq!(outbox.next_due(), Some(time("2026-11-03T08:25:00Z")));
        assert!(outbox.due(time("2026-11-03T08:24:59Z")).is_empty());
        assert_eq!(outbox.due(time("2026-11-03T08:25:00Z")).len(), 1);
        let never = busy(Some(100 * 3600));
        outbox.settle(&one.key, never, time("2026-11-03T08:25:01Z"));
        assert!(matches!(outbox.get(&one.key).map(|entry| &entry.status), Some(Status::Dead { .. })));
    }

    #[test]
    fn a_refusal_is_final_and_a_delivery_too() {
        let mut outbox = Outbox::new();
        let (one, other) = (notification("ops"), notification("press"));
        outbox.enqueue(one.clone(), time(START));
        outbox.enqueue(other.clone(), time(START));
        assert_eq!(outbox.due(time(START)).len(), 2);
        outbox.settle(&one.key, Outcome::Refused { reason: "status 410".to_owned() }, time(START));
        outbox.settle(&other.key, Outcome::Delivered, time(START));
        assert_eq!(outbox.next_due(), None);
        assert_eq!(outbox.settle(&other.key, busy(None), time(START)), None, "nothing changes what was sent");
        assert_eq!(outbox.enqueue(other.clone(), time(START)), None, "nor is it taken again");
        let forgotten = outbox.forget_sent_before(time("2026-11-05T00:00:00Z"));
        assert_eq!(forgotten, [Record { key: other.key, value: None }]);
        assert!(outbox.get(&one.key).is_some(), "the dead stay");
    }

    /// The compacted topic: what is stored survives, all else is lost in the kill.
    #[derive(Default)]
    struct Disk(BTreeMap<String, Vec<u8>>);

    impl Disk {
        fn store(&mut self, record: Option<Record>) {
            if let Some(Record { key, value: Some(value) }) = record {
                self.0.insert(key, value);
            }
        }

        fn restart(&self) -> Outbox {
            let (outbox, unreadable) = Outbox::restore(self.0.clone());
            assert!(unreadable.is_empty());
            outbox
        }
    }

    /// Killed after `steps` steps of: enqueue, store, take, send, settle (fails), store, take, send, settle, store.
    fn run_until_killed(disk: &mut Disk, arrived: &mut Vec<String>, steps: usize) {
        let mut outbox = disk.restart();
        let (mut now, mut left) = (time(START), steps);
        let mut alive = || {
            left = left.saturating_sub(1);
            left > 0
        };
        let record = outbox.enqueue(notification("ops"), now);
        if !alive() {
            return;
        }
        disk.store(record);
        for outcome in [busy(None), Outcome::Delivered] {
            now = outbox.next_due().unwrap_or(now).max(now);
            let Some(sending) = outbox.due(now).pop() else { return };
            if !alive() {
                return;
            }
            arrived.push(sending.key.clone());
            if !alive() {
                return;
            }
            let record = outbox.settle(&sending.key, outcome, now);
            if !alive() {
                return;
            }
            disk.store(record);
        }
    }

    #[test]
    fn killed_at_any_point_it_is_sent_at_least_once_under_the_same_key() {
        for steps in 1..=9 {
            let (mut disk, mut arrived) = (Disk::default(), Vec::new());
            run_until_killed(&mut disk, &mut arrived, steps);
            // The rebuild after the start finds the same episode and enqueues the same notification.
            run_until_killed(&mut disk, &mut arrived, usize::MAX);
            assert!(!arrived.is_empty(), "killed after step {steps}");
            assert!(arrived.iter().all(|key| *key == notification("ops").key));
            let mut outbox = disk.restart();
            assert!(outbox.due(time("2027-01-01T00:00:00Z")).is_empty(), "killed after step {steps}: all is settled");
        }
    }

    #[test]
    fn says_which_record_it_cannot_read() {
        let (outbox, unreadable) = Outbox::restore([("k1".to_owned(), b"{".to_vec())]);
        assert_eq!(outbox.entries().count(), 0);
        assert!(unreadable[0].to_string().starts_with("the outbox's record k1 cannot be read"), "{}", unreadable[0]);
    }
}
