//! A cap on what records cost in a month, and how to make it last. Pure: times come in, shares go out.
//!
//! What is left is spread evenly over what is left of the month. What one day allows may be spent at once, so that a busy
//! hour is read wholly; beyond that, a share of what is there is read, as large as the cap bears at the rate that was seen.
//!
//! | what is there | what is read |
//! |---|---|
//! | less than the cap bears | all of it |
//! | more, for a while | all of it, until what a day allows is used up; then a share |
//! | more, always | as much a second as the cap bears: a share, and the mentions weigh its inverse |
//! | more in one page than is left | nothing until the month ends |

use grapevine_model::SpendUse;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Window, limit::time_zone};
use crate::{SourceError, registry::KeyDoc};

/// What may be spent on records in a month.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Spend {
    /// Of one record, in USD. With a price of 1 the cap is a number of records.
    pub price: f64,
    /// USD a month.
    pub cap: f64,
    /// Whose months they are.
    pub zone: TimeZone,
}

/// For the tables of kinds that can be held to a cap.
pub const SPEND_KEY: KeyDoc = KeyDoc {
    key: "spend",
    value_type: "table",
    default: "none",
    doc: "What may be spent on records in a month: `{ price = 0.005, cap = 100.0, zone = \"UTC\" }`, in USD, or \
          `{ cap = 100000 }` for so many records. Where more is there, a share of it is read, spread evenly over the month; \
          figures say that they are partial, and which share was read.",
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "one")]
    price: f64,
    cap: f64,
    zone: Option<String>,
}

fn one() -> f64 {
    1.0
}

impl TryFrom<Raw> for Spend {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { price, cap, zone } = raw;
        if !(price.is_finite() && price > 0.0) {
            return Err(format!("a spend's `price` is {price}: write what one record costs, such as 0.005"));
        }
        if !(cap.is_finite() && cap >= price) {
            return Err(format!("a spend's `cap` is {cap}, which does not pay for one record at {price}"));
        }
        Ok(Spend { price, cap, zone: time_zone(zone.as_deref().unwrap_or("UTC"))? })
    }
}

impl Spend {
    /// Why something is not read, in words.
    pub(super) fn reason(&self) -> String {
        match self.price == 1.0 {
            true => format!("a cap of {} records a month", self.cap),
            false => format!("a spend cap of {} USD a month at {} USD a record", self.cap, self.price),
        }
    }

    /// A cent's error in the sum of floats does not take a record away.
    fn records(&self) -> u64 {
        (self.cap / self.price + 1e-6) as u64
    }
}

/// How much of what is there can be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    All,
    /// Above 0 and below 1. What is skipped is said as [`Sampled`](grapevine_model::Sampled).
    Part(f64),
    Nothing {
        until: Timestamp,
    },
}

impl Share {
    /// 0 to 1.
    pub fn rate(self) -> f64 {
        match self {
            Share::All => 1.0,
            Share::Part(rate) => rate,
            Share::Nothing { .. } => 0.0,
        }
    }

    /// The share itself; an error that says when to come again where nothing can be read.
    pub fn some(self) -> Result<Self, SourceError> {
        let Share::Nothing { until } = self else { return Ok(self) };
        Err(SourceError::RateLimited { until, message: "the spend cap has to last".to_owned() })
    }

    /// Whether one of many is read, by its id: always the same ones, and evenly over all ids.
    pub fn picks(self, id: &[u8]) -> bool {
        let hash = blake3::hash(id);
        let drawn = hash.as_bytes().iter().take(4).fold(0_u32, |drawn, byte| drawn << 8 | u32::from(*byte));
        f64::from(drawn) < self.rate() * (f64::from(u32::MAX) + 1.0)
    }

    /// How many mentions each one that is read stands for.
    pub fn weight(self) -> f32 {
        match self {
            Share::Part(rate) if rate > 0.0 => (1.0 / rate) as f32,
            _ => 1.0,
        }
    }
}

/// What is there is judged by about so much of the past.
const MEMORY: f64 = 3600.0;
/// What was saved up is spent within about so much.
const SPREAD: f64 = 3600.0;
/// So much of what the cap bears can be saved up.
const BURST: f64 = 86_400.0;
/// The first rate is of no shorter a time.
const SHORTEST: f64 = 300.0;
/// Who has to wait waits until there is as much as this time gives.
const PAUSE: f64 = 60.0;
/// Around the end of a month nothing is read: the platform's clock may say another month.
const GUARD: SignedDuration = SignedDuration::from_secs(60);
/// A share below this is none.
const LEAST: f64 = 1e-4;

/// A cap and what was spent of it.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    spend: Spend,
    state: Option<Saved>,
    /// That was given last.
    share: f64,
}

/// Counters that are kept over a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Start of the month.
    month: Timestamp,
    /// Records read in it.
    used: u64,
    /// The most that were read at once.
    most: u64,
    /// Records that can be read at once.
    level: f64,
    /// Records that were there, fading with time.
    there: f64,
    /// Since when that is counted.
    since: Timestamp,
    at: Timestamp,
}

impl Budget {
    pub(super) fn new(spend: Spend) -> Self {
        Self { spend, state: None, share: 1.0 }
    }

    pub(super) fn share(&mut self, now: Timestamp) -> Share {
        let (spend, cap) = (self.spend.clone(), self.spend.records());
        let Some((start, end)) = month(&spend, now) else { return Share::All };
        let state = self.advance(now, start, end);
        let share = state.share(now, end, cap);
        let guarded = if now < start + GUARD { Some(start + GUARD) } else { (now >= end - GUARD).then(|| end + GUARD) };
        let share = guarded.map_or(share, |until| Share::Nothing { until });
        self.share = share.rate();
        share
    }

    pub(super) fn affordable(&self) -> u64 {
        let cap = self.spend.records();
        self.state.as_ref().map_or(cap, |state| (state.level.max(0.0) as u64).min(cap.saturating_sub(state.used)))
    }

    pub(super) fn spent(&mut self, now: Timestamp, records: u64, rate: Option<f64>) {
        let rate = rate.unwrap_or(self.share);
        let rate = if rate.is_finite() { rate.clamp(LEAST, 1.0) } else { 1.0 };
        let spend = self.spend.clone();
        let Some((start, end)) = month(&spend, now) else { return };
        let state = self.advance(now, start, end);
        state.used = state.used.saturating_add(records);
        state.most = state.most.max(records);
        state.level -= records as f64;
        state.there += records as f64 / rate;
    }

    /// Brings the counters up to now.
    fn advance(&mut self, now: Timestamp, start: Timestamp, end: Timestamp) -> &mut Saved {
        let cap = self.spend.records();
        let fresh = || {
            let level = BURST * cap as f64 / seconds(start, end);
            Saved { month: start, used: 0, most: 0, level, there: 0.0, since: now, at: now }
        };
        let state = self.state.get_or_insert_with(fresh);
        if state.month < start {
            // What the last month has overdrawn is paid.
            (state.month, state.used, state.level) = (start, 0, state.level.max(1.0));
        }
        let passed = seconds(state.at, now);
        let pace = state.pace(now, end, cap);
        state.level = (state.level + pace * passed).min(BURST * pace);
        state.there *= (-passed / MEMORY).exp();
        state.at = state.at.max(now);
        state
    }

    pub(super) fn saved(&self) -> Option<Saved> {
        self.state.clone()
    }

    pub(super) fn resume(&mut self, saved: Saved) {
        let sound = [saved.level, saved.there].iter().all(|number| number.is_finite());
        self.state = Some(saved).filter(|_| sound).or(self.state.take());
    }

    pub(super) fn usage(&self, now: Timestamp) -> SpendUse {
        let of_now = |state: &&Saved| month(&self.spend, now).is_some_and(|(start, _)| state.month >= start);
        let records = self.state.as_ref().filter(of_now).map_or(0, |state| state.used);
        SpendUse { records, spent: records as f64 * self.spend.price, cap: self.spend.cap, share: self.share }
    }
}

impl Saved {
    fn left(&self, cap: u64) -> u64 {
        cap.saturating_sub(self.used)
    }

    /// Records a second that the cap bears from now on.
    fn pace(&self, now: Timestamp, end: Timestamp, cap: u64) -> f64 {
        self.left(cap) as f64 / seconds(now, end).max(1.0)
    }

    fn share(&self, now: Timestamp, end: Timestamp, cap: u64) -> Share {
        let pace = self.pace(now, end, cap);
        if self.left(cap) < self.most.max(1) {
            return Share::Nothing { until: end + GUARD };
        }
        if self.level < 1.0 {
            let wait = (1.0_f64.max(PAUSE * pace) - self.level) / pace;
            let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or(SignedDuration::from_hours(1));
            let until = now.saturating_add(wait).unwrap_or(end).min(end + GUARD);
            return Share::Nothing { until };
        }
        let age = seconds(self.since, now).max(SHORTEST);
        let rate = self.there / (MEMORY * (1.0 - (-age / MEMORY).exp()));
        let share = (pace + self.level / SPREAD) / rate;
        if share < 1.0 { Share::Part(share.max(LEAST)) } else { Share::All }
    }
}

fn month(spend: &Spend, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    Window::Month(spend.zone.clone()).around(now)
}

/// From one time to a later one; 0 where it is not later.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spend(toml: &str) -> Result<Spend, String> {
        toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    /// Polls once a minute; so many records a minute are there, and pages are of `page`.
    struct Platform {
        budget: Budget,
        page: u64,
        unread: f64,
        read: u64,
        there: f64,
    }

    impl Platform {
        fn new(cap: f64, page: u64) -> Self {
            let spend = Spend { price: 1.0, cap, zone: TimeZone::UTC };
            Self { budget: Budget::new(spend), page, unread: 0.0, read: 0, there: 0.0 }
        }

        fn minute(&mut self, now: Timestamp, rate: f64) {
            self.unread += rate;
            self.there += rate;
            // What can not be read now waits.
            let share = match self.budget.share(now) {
                Share::Nothing { until } => return assert!(until > now, "time goes on"),
                share => share.rate(),
            };
            let wanted = (self.unread * share).ceil() as u64;
            let records = wanted.max(self.page.min(self.unread as u64)).min(self.budget.affordable().max(self.page));
            self.budget.spent(now, records, Some((records as f64 / self.unread).min(1.0)));
            (self.read, self.unread) = (self.read + records, 0.0);
        }
    }

    /// A month of a platform.
    fn month_of(cap: f64, page: u64, rate: impl Fn(i64) -> f64) -> Platform {
        let mut platform = Platform::new(cap, page);
        let start = time("2026-03-01T00:00:00Z");
        for minute in 0..31 * 24 * 60 {
            platform.minute(start + MINUTE * i32::try_from(minute).unwrap(), rate(minute));
        }
        platform
    }

    #[test]
    fn a_spend_is_read_from_settings() {
        assert_eq!(spend("price = 0.005\ncap = 100.0").unwrap().records(), 20_000);
        assert_eq!(spend("price = 0.1\ncap = 0.3").unwrap().records(), 3, "the sum of floats takes none away");
        assert_eq!(spend("cap = 5000").unwrap().records(), 5000);
        for (wrong, start) in [
            ("price = 0.0\ncap = 1.0", "a spend's `price` is 0"),
            ("price = 0.5\ncap = 0.1", "a spend's `cap` is 0.1, which does not pay for one record"),
            ("cap = 5\nzone = \"Mars/Base\"", "there is no time zone"),
        ] {
            let error = spend(wrong).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn what_the_cap_bears_is_read_wholly() {
        let platform = month_of(100_000.0, 10, |_| 2.0);
        let share = platform.read as f64 / platform.there;
        assert!(share > 0.999, "{share}");
    }

    #[test]
    fn a_busy_day_is_read_wholly_where_the_month_bears_it() {
        let day = 24 * 60;
        let platform = month_of(100_000.0, 10, |minute| if minute / day == 10 { 8.0 } else { 0.5 });
        let share = platform.read as f64 / platform.there;
        assert!(share > 0.95, "{share}");
    }

    #[test]
    fn where_more_is_there_nearly_all_that_is_allowed_is_used_and_it_lasts() {
        for (times, page) in [(1.5, 1), (3.0, 10), (20.0, 40), (200.0, 100)] {
            let cap = 50_000.0;
            let rate = times * cap / (31.0 * 24.0 * 60.0);
            // By day twice as much as by night.
            let platform = month_of(cap, page, |minute| rate * if minute % 1440 < 720 { 4.0 / 3.0 } else { 2.0 / 3.0 });
            let used = platform.read as f64 / cap;
            assert!((0.95..=1.0).contains(&used), "{times} times the cap: {used} of it used");
        }
    }

    #[test]
    fn it_is_spread_over_the_month() {
        let mut platform = Platform::new(31_000.0, 10);
        let start = time("2026-03-01T00:00:00Z");
        let mut by_day = vec![0; 31];
        for minute in 0..31 * 24 * 60_i32 {
            let before = platform.read;
            platform.minute(start + MINUTE * minute, 5.0);
            by_day[usize::try_from(minute / 1440).unwrap()] += platform.read - before;
        }
        assert!(by_day[1..].iter().all(|day| (800..=1200).contains(day)), "{by_day:?}");
        assert!(by_day[0] <= 2200, "the first day spends what a day can save up: {by_day:?}");
    }

    #[test]
    fn a_restart_forgets_nothing() {
        let (mut one, mut other) = (Platform::new(5_000.0, 10), Platform::new(5_000.0, 10));
        let start = time("2026-03-01T00:00:00Z");
        for minute in 0..10_000 {
            let now = start + MINUTE * minute;
            one.minute(now, 3.0);
            other.minute(now, 3.0);
            if minute % 7 == 0 {
                let saved = serde_json::to_string(&other.budget.saved()).unwrap();
                other.budget = Budget::new(other.budget.spend.clone());
                other.budget.resume(serde_json::from_str(&saved).unwrap());
            }
        }
        assert!(one.read.abs_diff(other.read) <= 20, "{} and {}", one.read, other.read);
    }

    #[test]
    fn a_new_month_begins_anew() {
        let mut budget = Budget::new(spend("cap = 100").unwrap());
        budget.spent(time("2026-03-31T12:00:00Z"), 100, None);
        let Share::Nothing { until } = budget.share(time("2026-03-31T12:00:00Z")) else { panic!("all is spent") };
        assert_eq!(until, time("2026-04-01T00:01:00Z"));
        assert_eq!(budget.share(time("2026-04-01T00:00:30Z")), Share::Nothing { until }, "by whose clock?");
        assert!(budget.share(until).rate() > 0.0);
        assert_eq!(budget.usage(until).records, 0);
    }

    #[test]
    fn as_many_are_picked_as_the_share_says_and_always_the_same() {
        let picked = (0..20_000_u64).filter(|id| Share::Part(0.3).picks(&id.to_le_bytes())).count();
        assert!((5_700..6_300).contains(&picked), "{picked}");
        let all = |share: Share| (0..1000_u64).all(|id| share.picks(&id.to_le_bytes()));
        assert!(all(Share::All));
        assert!(!(0..1000_u64).any(|id| Share::Nothing { until: Timestamp::MAX }.picks(&id.to_le_bytes())));
        let narrower =
            |id: u64| !Share::Part(0.1).picks(&id.to_le_bytes()) || Share::Part(0.3).picks(&id.to_le_bytes());
        assert!((0..10_000).all(narrower), "a smaller share is part of a larger one");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_cap_is_never_passed_whatever_is_there(
            cap in 50_u64..5_000,
            page in 1_u64..50,
            steps in proptest::collection::vec((1_i64..200_000, 0.0_f64..5_000.0, any::<bool>()), 1..300),
        ) {
            let mut platform = Platform::new(cap as f64, page);
            let mut now = time("2026-01-30T22:00:00Z");
            let mut month = (now, 0_u64);
            for (seconds, there, restarted) in steps {
                now += SignedDuration::from_secs(seconds);
                let start = self::month(&platform.budget.spend, now).unwrap().0;
                if start > month.0 {
                    month = (start, platform.read);
                }
                platform.minute(now, there);
                prop_assert!(platform.read - month.1 <= cap + page, "{} of {cap}", platform.read - month.1);
                if restarted && let Some(saved) = platform.budget.saved() {
                    platform.budget = Budget::new(platform.budget.spend.clone());
                    platform.budget.resume(saved);
                }
            }
        }
    }
}
