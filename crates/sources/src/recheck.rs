//! Reads again what was given before, for platforms that do not tell of edits and deletions. Pure.
//!
//! A post is asked for again when it reaches certain ages, from its creation on: often while it is young, seldom later, and
//! after the last age no more. What a listing shows again by itself counts as read then, and is not asked for twice.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// At which ages posts are read again, and how many are watched at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Seconds, ascending.
    ages: Vec<i64>,
    most: usize,
}

impl Plan {
    /// Where more than `most` would be watched, the oldest are not.
    pub fn new(ages: &[SignedDuration], most: usize) -> Self {
        let mut ages: Vec<i64> = ages.iter().map(SignedDuration::as_secs).filter(|age| *age > 0).collect();
        ages.sort_unstable();
        ages.dedup();
        Self { ages, most }
    }

    /// For people: `15m, 1h and 24h`.
    pub fn words(&self) -> String {
        let ages: Vec<String> = self.ages.iter().map(|age| format!("{:#}", SignedDuration::from_secs(*age))).collect();
        match ages.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
            _ => ages.concat(),
        }
    }

    /// How old a post is when it is read for the last time.
    pub fn oldest(&self) -> SignedDuration {
        SignedDuration::from_secs(self.ages.last().copied().unwrap_or_default())
    }
}

/// The posts that will be read again. It is part of a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recheck(BTreeMap<String, Watched>);

/// When it was created, in seconds since 1970, and how old it was when it was read last, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watched(i64, i64);

impl Watched {
    fn due(&self, plan: &Plan) -> Option<i64> {
        let next = plan.ages.iter().find(|age| **age > self.1)?;
        self.0.checked_add(*next)
    }
}

impl Recheck {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A listing showed this post, for the first time or again.
    pub fn saw(&mut self, plan: &Plan, id: &str, created_at: Timestamp, now: Timestamp) {
        let created = created_at.as_second();
        let watched = Watched(created, now.as_second().saturating_sub(created).max(0));
        if watched.due(plan).is_none() {
            self.0.remove(id);
            return;
        }
        self.0.insert(id.to_owned(), watched);
        if self.0.len() > plan.most {
            let oldest = self.0.iter().min_by_key(|(_, watched)| watched.0).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.0.remove(&id));
        }
    }

    /// The posts that are to be read again by now, at most so many; those that wait longest come first.
    pub fn due(&self, plan: &Plan, now: Timestamp, most: usize) -> Vec<String> {
        let now = now.as_second();
        let due = self.0.iter().filter_map(|(id, watched)| Some((watched.due(plan).filter(|due| *due <= now)?, id)));
        let mut due: Vec<(i64, &String)> = due.collect();
        due.sort_unstable();
        due.into_iter().take(most).map(|(_, id)| id.clone()).collect()
    }

    /// When a post that is watched was created.
    pub fn created_at(&self, id: &str) -> Option<Timestamp> {
        Timestamp::from_second(self.0.get(id)?.0).ok()
    }

    /// When the next post is due.
    pub fn next_due(&self, plan: &Plan) -> Option<Timestamp> {
        let first = self.0.values().filter_map(|watched| watched.due(plan)).min()?;
        Timestamp::from_second(first).ok()
    }

    /// It was read again now, or could not be, and waits for its next age.
    pub fn checked(&mut self, plan: &Plan, id: &str, now: Timestamp) {
        let Some(watched) = self.0.get_mut(id) else { return };
        watched.1 = now.as_second().saturating_sub(watched.0).max(watched.1);
        if watched.due(plan).is_none() {
            self.0.remove(id);
        }
    }

    /// It is there no more.
    pub fn gone(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Those that were created earlier are not watched any more.
    pub fn forget(&mut self, before: Timestamp) {
        self.0.retain(|_, watched| watched.0 >= before.as_second());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_366_400 + 60 * minute).unwrap()
    }

    fn plan(most: usize) -> Plan {
        Plan::new(&[60, 15, 360].map(SignedDuration::from_mins), most)
    }

    #[test]
    fn a_post_is_due_at_each_age_and_then_no_more() {
        let (plan, mut recheck) = (plan(9), Recheck::default());
        recheck.saw(&plan, "a", at(0), at(1));
        assert!(recheck.due(&plan, at(14), 9).is_empty());
        assert_eq!(recheck.next_due(&plan), Some(at(15)));
        for (minute, next) in [(15, Some(at(60))), (61, Some(at(360))), (400, None)] {
            assert_eq!(recheck.due(&plan, at(minute), 9), ["a"]);
            recheck.checked(&plan, "a", at(minute));
            assert_eq!(recheck.next_due(&plan), next);
        }
        assert!(recheck.is_empty());
    }

    #[test]
    fn ages_that_passed_meanwhile_are_made_up_for_by_one_reading() {
        let (plan, mut recheck) = (plan(9), Recheck::default());
        recheck.saw(&plan, "a", at(0), at(1));
        recheck.checked(&plan, "a", at(100));
        assert_eq!(recheck.next_due(&plan), Some(at(360)));
        recheck.saw(&plan, "old", at(-1000), at(0));
        assert_eq!(recheck.len(), 1, "what is too old when it is first seen is not watched");
    }

    #[test]
    fn what_a_listing_shows_again_is_not_asked_for() {
        let (plan, mut recheck) = (plan(9), Recheck::default());
        recheck.saw(&plan, "a", at(0), at(1));
        recheck.saw(&plan, "a", at(0), at(20));
        assert_eq!(recheck.next_due(&plan), Some(at(60)));
        recheck.gone("a");
        assert_eq!(recheck.next_due(&plan), None);
    }

    #[test]
    fn the_newest_are_watched_within_bounds_and_the_longest_due_come_first() {
        let (plan, mut recheck) = (plan(3), Recheck::default());
        for minute in 0..5 {
            recheck.saw(&plan, &minute.to_string(), at(minute), at(5));
        }
        assert_eq!(recheck.due(&plan, at(100), 2), ["2", "3"]);
        recheck.forget(at(4));
        assert_eq!(recheck.len(), 1);
        let saved = serde_json::to_string(&recheck).unwrap();
        assert_eq!(saved, "{\"4\":[1772366640,60]}");
        assert_eq!(serde_json::from_str::<Recheck>(&saved).unwrap(), recheck);
    }

    proptest! {
        /// Whenever it is looked at: never more often than there are ages, and the last age is not left out.
        #[test]
        fn each_age_is_read_at_most_once_and_the_last_one_always(steps in prop::collection::vec(1_i64..50, 1..60)) {
            let (plan, mut recheck, mut minute) = (plan(9), Recheck::default(), 0);
            recheck.saw(&plan, "a", at(0), at(0));
            let mut read = Vec::new();
            for step in steps {
                minute += step;
                for id in recheck.due(&plan, at(minute), 9) {
                    recheck.checked(&plan, &id, at(minute));
                    read.push(minute);
                }
            }
            prop_assert!(read.len() <= 3);
            prop_assert_eq!(recheck.is_empty(), minute >= 360);
            prop_assert!(minute < 360 || read.iter().any(|minute| *minute >= 360));
        }
    }
}
