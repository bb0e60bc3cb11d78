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
            (state.month, state.used) = (start, 0);
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
