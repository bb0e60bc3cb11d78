use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    map::{Mapped, time_of},
    settings::SEARCHED,
};
use crate::recheck::Recheck;

pub(super) const VERSION: u16 = 1;
/// What is asked of the search begins so much later than it can at most.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// X may list a post so much later than it was written, where its time is all that a search goes by.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// X answers nothing about what is newer.
const NEWEST: SignedDuration = SignedDuration::from_secs(15);
/// Pages without a post that lead to another page; then that is the end.
const EMPTY_PAGES: u8 = 5;
const WHOLE: f64 = 10_000.0;
const A_DAY: f64 = 86_400.0;

/// How far the queries were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// By the digest of the query.
    pub(super) reached: BTreeMap<String, Reached>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<Round>,
    pub(super) complete: Option<Timestamp>,
    /// When followers were counted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counted_at: Option<Timestamp>,
    /// Posts by the id of their first version, and behind a stroke that of their last.
    #[serde(default, skip_serializing_if = "Recheck::is_empty")]
    pub(super) watched: Recheck,
    /// Posts a day that were there in the last rounds; 0 where none is known.
    #[serde(default)]
    density: u64,
}

/// How far one query was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reached {
    /// The newest post that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<u64>,
    /// All that was there by then is read.
    pub(super) read_to: Timestamp,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) began: Timestamp,
    /// Digests of queries that are not read yet; the last is the one at hand.
    pub(super) left: Vec<String>,
    /// Of the first page of the query at hand.
    newest: Option<u64>,
    pub(super) token: Option<String>,
    /// Of the last page.
    oldest: Option<u64>,
    #[serde(default)]
    empty: u8,
    /// The share of each span that is read, in ten-thousandths: a fraction would not come back from JSON as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<u32>,
    /// Where the longest span begins.
    pub(super) from: Timestamp,
    /// Posts that were read.
    #[serde(default)]
    read: u64,
}

impl Round {
    /// The share of each span that is read; nothing where that is all of it.
    pub(super) fn rate(&self) -> Option<f64> {
        self.share.map(|share| f64::from(share) / WHOLE)
    }
}

/// Where a search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Behind this post.
    Post(u64),
    Time(Timestamp),
}

impl Since {
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Since::Post(id) => time_of(id),
            Since::Time(time) => Some(time),
        }
    }
}

impl Position {
    /// Whether it lies in the future. A post may, by a little: that is the platform's clock.
    pub(super) fn is_ahead(&self, now: Timestamp) -> bool {
        let latest = now.saturating_add(SignedDuration::from_mins(5)).unwrap_or(now);
        self.reached.values().any(|reached| reached.read_to > latest) || self.round.as_ref().is_some_and(|round| round.began > latest)
    }

    /// A new round over these queries. What has never been read begins where the others stand, or at `first`. Gives the
    /// span that can no longer be read.
    pub(super) fn begin(
        &mut self,
        queries: &[String],
        now: Timestamp,
        first: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let start = self.reached.values().map(|reached| reached.read_to).min().unwrap_or(first);
        self.reached.retain(|digest, _| queries.contains(digest));
        let oldest = now - SEARCHED + MARGIN;
        let mut missed = None;
        for digest in queries {
            let reached = self.reached.entry(digest.clone()).or_insert(Reached { newest: None, read_to: start });
            if reached.read_to < oldest {
                missed = Some(missed.map_or(reached.read_to, |missed: Timestamp| missed.min(reached.read_to)));
                *reached = Reached { newest: None, read_to: oldest };
            }
        }
        let left = queries.iter().rev().cloned().collect();
        let from = self.reached.values().map(|reached| reached.read_to).min().unwrap_or(now);
        self.round = Some(Round {
            began: now,
            left,
            newest: None,
            token: None,
            oldest: None,
            empty: 0,
            share: None,
            from,
            read: 0,
        });
        // The first start may ask for all of the seven days.
        missed.map(|from| (from, oldest)).filter(|(from, to)| to.duration_since(*from) > MARGIN)
    }

    /// How much of the round that begins can be read: as large a share as `share`, of no more posts than `affordable`, by what
    /// was there in the last rounds.
    pub(super) fn take_part(&mut self, share: f64, affordable: u64) {
        let Some(round) = &mut self.round else { return };
        let expected = self.density as f64 / A_DAY * round.began.duration_since(round.from).as_secs_f64();
        let bearable = if expected > 0.0 { affordable as f64 / expected } else { 1.0 };
        let share = (share.min(bearable) * WHOLE).max(1.0);
        round.share = (share < WHOLE && round.from < round.began).then_some(share as u32);
    }

    /// The query at hand is read again from its first page.
    pub(super) fn again(&mut self) {
        if let Some(round) = &mut self.round {
            (round.newest, round.token, round.oldest, round.empty) = (None, None, None, 0);
        }
    }

    /// The round is over; what was there is remembered.
    pub(super) fn end(&mut self) -> Option<Timestamp> {
        let round = self.round.take()?;
        let seconds = round.began.duration_since(round.from).as_secs_f64() * round.rate().unwrap_or(1.0);
        if seconds >= 1.0 {
            let seen = (round.read as f64 * A_DAY / seconds) as u64;
            self.density = if self.density > 0 { self.density.midpoint(seen) } else { seen };
        }
        Some(round.began)
    }

    /// Where the query at hand begins; the same for each of its pages.
    pub(super) fn since(&self, digest: &str) -> Option<Since> {
        let (round, reached) = (self.round.as_ref()?, self.reached.get(digest)?);
        let latest = round.began - NEWEST;
        let oldest = round.began - SEARCHED + MARGIN;
        let span = oldest..round.began + MARGIN;
        let newest = reached.newest.filter(|id| time_of(*id).is_some_and(|time| span.contains(&time)));
        match (round.rate(), newest) {
            (Some(rate), _) => Some(Since::Time(part_of(reached.read_to, round.began, rate).min(latest))),
            (None, Some(newest)) => Some(Since::Post(newest)),
            (None, None) => Some(Since::Time((reached.read_to.min(latest) - LATE).max(oldest))),
        }
    }

    /// Takes note of a page of the query at hand. Where X says that more follows and leads back to what was read, gives the
    /// id of the oldest post that was.
    pub(super) fn read(&mut self, page: &Mapped) -> Option<u64> {
        let round = self.round.as_mut()?;
        round.newest = round.newest.or(page.newest_id);
        round.read += page.records;
        let goes_on = match page.oldest_id {
            Some(oldest) => round.oldest.is_none_or(|before| oldest < before),
            None => {
                round.empty += 1;
                round.empty < EMPTY_PAGES
            }
        };
        let token = page.next_token.clone().filter(|token| goes_on && round.token.as_ref() != Some(token));
        let oldest = page.oldest_id.into_iter().chain(round.oldest).min();
        match token {
            Some(token) => {
                (round.token, round.oldest) = (Some(token), page.oldest_id.or(round.oldest));
                None
            }
            None => {
                self.end_query(true);
                oldest.filter(|_| page.next_token.is_some() && page.oldest_id.is_some())
            }
        }
    }

    /// The query at hand is read, or cannot be.
    pub(super) fn end_query(&mut self, is_read: bool) {
        let Some(round) = &mut self.round else { return };
        let Some(digest) = round.left.pop() else { return };
        if let Some(reached) = self.reached.get_mut(&digest).filter(|_| is_read) {
            *reached = Reached { newest: round.newest.or(reached.newest), read_to: round.began };
        }
        self.again();
    }

    /// A stream has shown all that was written up to this time.
    pub(super) fn shown(&mut self, to: Timestamp) {
        for reached in self.reached.values_mut().filter(|reached| reached.read_to < to) {
            *reached = Reached { newest: None, read_to: to };
        }
    }
}

/// Where the newest part of a span begins.
fn part_of(from: Timestamp, to: Timestamp, rate: f64) -> Timestamp {
    let length = to.duration_since(from).as_secs_f64().max(0.0);
    SignedDuration::try_from_secs_f64(length * rate).ok().and_then(|part| to.checked_sub(part).ok()).unwrap_or(from)
}

/// A name for a query that does not show it.
pub(super) fn digest(query: &str) -> String {
    blake3::hash(query.as_bytes()).to_hex().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x::map::id_at;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_366_400 + 60 * minute).unwrap()
    }

    fn page(newest: Option<i64>, oldest: Option<i64>, token: Option<&str>) -> Mapped {
        let id = |minute: Option<i64>| minute.map(|minute| id_at(at(minute)));
        Mapped { newest_id: id(newest), oldest_id: id(oldest), next_token: token.map(str::to_owned), ..Mapped::default() }
    }

    fn begun() -> Position {
        let mut position = Position::default();
        assert_eq!(position.begin(&["a".into()], at(0), at(-60)), None);
        position
    }

    #[test]
    fn the_newest_post_of_the_first_page_is_where_the_next_round_begins() {
        let mut position = begun();
        assert_eq!(position.since("a"), Some(Since::Time(at(-61))));
        position.read(&page(Some(-1), Some(-5), Some("t")));
        assert_eq!(position.since("a"), Some(Since::Time(at(-61))), "the same for each page");
        position.read(&page(Some(-6), Some(-9), None));
        assert!(position.round.as_ref().unwrap().left.is_empty());
        position.begin(&["a".into()], at(5), at(0));
        assert_eq!(position.since("a"), Some(Since::Post(id_at(at(-1)))));
    }

    #[test]
    fn pages_that_lead_nowhere_come_to_an_end() {
        let mut position = begun();
        position.read(&page(Some(-1), Some(-5), Some("t")));
        let led_back_at = position.read(&page(Some(-1), Some(-5), Some("u")));
        assert_eq!(led_back_at, Some(id_at(at(-5))), "which is said");
        assert!(position.round.as_ref().unwrap().left.is_empty(), "the same page again");
        let mut position = begun();
        let pages = (0..20).take_while(|n| {
            position.read(&page(None, None, Some(&n.to_string())));
            !position.round.as_ref().unwrap().left.is_empty()
        });
        assert_eq!(pages.count(), 4, "empty pages");
    }

    #[test]
    fn what_the_search_no_longer_has_is_a_gap() {
        let mut position = begun();
        position.end_query(true);
        let (week, later) = (at(0) + SEARCHED, at(0) + SEARCHED + SignedDuration::from_mins(30));
        assert_eq!(position.clone().begin(&["a".into()], week - MARGIN, at(0)), None);
        let oldest = later - SEARCHED + MARGIN;
        assert_eq!(position.begin(&["a".into()], later, at(0)), Some((at(0), oldest)));
        assert_eq!(position.since("a"), Some(Since::Time(oldest)));
    }

    #[test]
    fn a_quiet_query_is_asked_by_time_when_its_newest_post_is_too_old() {
        let mut position = begun();
        position.read(&page(Some(-1), Some(-1), None));
        for hours in [100, 167, 169] {
            let now = at(0) + SignedDuration::from_hours(hours);
            assert_eq!(position.begin(&["a".into()], now, at(0)), None);
            let since = position.since("a").unwrap();
            assert_eq!(matches!(since, Since::Post(_)), hours < 168, "{since:?}");
            position.end_query(true);
        }
    }

    #[test]
    fn a_new_query_begins_where_the_others_stand_and_a_sample_is_the_newest_part() {
        let mut position = begun();
        position.end_query(true);
        position.end();
        position.begin(&["b".into()], at(10), at(0));
        position.take_part(0.25, 1000);
        assert_eq!(position.reached.keys().collect::<Vec<_>>(), ["b"]);
        let Some(Since::Time(start)) = position.since("b") else { panic!("a time") };
        assert_eq!(at(10).duration_since(start), SignedDuration::from_secs(150));
    }

    #[test]
    fn no_more_is_asked_for_than_can_be_paid() {
        let mut position = begun();
        position.read(&Mapped { records: 600, ..page(Some(-1), Some(-50), None) });
        assert_eq!(position.end(), Some(at(0)));
        position.begin(&["a".into()], at(60), at(0));
        position.take_part(1.0, 150);
        assert_eq!(position.round.as_ref().unwrap().rate(), Some(0.25));
        position.take_part(1.0, 601);
        assert_eq!(position.round.as_ref().unwrap().rate(), None);
    }

    #[test]
    fn what_lies_in_the_future_is_told() {
        let mut position = begun();
        assert!(!position.is_ahead(at(0)) && position.is_ahead(at(-10)));
        position.round = None;
        position.reached.insert("a".into(), Reached { newest: Some(id_at(at(60))), read_to: at(0) });
        assert!(!position.is_ahead(at(0)) && position.is_ahead(at(-10)));
        position.begin(&["a".into()], at(5), at(0));
        assert_eq!(position.since("a"), Some(Since::Time(at(-1))), "a post of the future is no place to begin at");
    }

    #[test]
    fn a_round_after_one_that_found_nothing_looks_back_for_what_is_listed_late() {
        let mut position = begun();
        position.read(&page(None, None, None));
        position.end();
        position.begin(&["a".into()], at(5), at(0));
        assert_eq!(position.since("a"), Some(Since::Time(at(-1))), "a minute before the round that found nothing");
        position.end_query(true);
        position.begin(&["a".into()], at(0) + SEARCHED - SignedDuration::from_secs(100), at(0));
        assert_eq!(position.since("a"), Some(Since::Time(at(4))));
        position.begin(&["a".into()], at(5) + SEARCHED - MARGIN, at(0));
        assert_eq!(position.since("a"), Some(Since::Time(at(5))), "never before what X still has");
    }

    #[test]
    fn a_page_of_long_ago_that_leads_nowhere_is_read_again_from_the_first() {
        let mut position = begun();
        position.read(&page(Some(-1), Some(-5), Some("t")));
        assert_eq!(position.round.as_ref().unwrap().token.as_deref(), Some("t"));
        position.again();
        let round = position.round.as_ref().unwrap();
        assert_eq!((round.token.as_deref(), round.left.len()), (None, 1), "the query is still at hand");
        assert_eq!(position.since("a"), Some(Since::Time(at(-61))), "and begins where it began");
        position.read(&page(Some(0), Some(-9), None));
        position.end();
        position.begin(&["a".into()], at(5), at(0));
        assert_eq!(position.since("a"), Some(Since::Post(id_at(at(0)))), "by what the first page has now");
    }
}
