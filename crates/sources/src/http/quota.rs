//! What a platform allows, and a state machine that keeps to it. Pure: times come in, times go out.
//!
//! Two things are known: the limits that the policy states, which hold from the first request on, and what the platform
//! says in its answers, which also knows what others used under the same key. Both hold.
//!
//! A request is counted from when it is sent, and again as late as its answer came: whenever in between the platform
//! counted it, it never sees more in a window than it allows. The platform's clock is read from its `Date` header.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    HeaderLimits, Limit, Response, Share, Spend,
    budget::Budget,
    errors::{Class, at},
    limit::{Moment, Usage},
    reset::{Told, after, retry_after, skew},
    usage,
};

/// What a platform allows, as data.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaPolicy {
    /// All of them hold at once.
    #[serde(rename = "limit")]
    pub limits: Vec<Limit>,
    /// The headers in which the platform says what is left.
    pub headers: Option<HeaderLimits>,
    /// Headers whose JSON says how much of what is allowed was used, in percent, as Meta's do: `x-app-usage`.
    pub usage: Vec<String>,
    /// Place in a JSON body that says how many seconds to wait: `backoff`, `parameters.retry_after`.
    pub body_wait: Option<String>,
    /// Statuses that mean "enough for now".
    pub limited: Vec<u16>,
    /// Statuses whose requests are not counted.
    pub free: Vec<u16>,
    /// What may be spent on records in a month.
    pub spend: Option<Spend>,
}

/// No limits of its own; keeps to `Retry-After`.
impl Default for QuotaPolicy {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            headers: None,
            usage: Vec::new(),
            body_wait: None,
            limited: vec![429],
            free: Vec::new(),
            spend: None,
        }
    }
}

/// What one request draws on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests of one bucket share what is left of it; the empty one is everybody's.
    pub bucket: String,
}

impl Cost {
    pub fn of(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into() }
    }
}

/// How long to wait at first where a platform limits and does not say until when; it doubles with each further time.
const FIRST_WAIT: f64 = 30.0;
/// Nothing that a platform says makes it wait longer, unless a window of the policy lasts longer.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// A policy and what was used of it.
#[derive(Debug, Clone)]
pub struct Quota {
    policy: QuotaPolicy,
    pub(super) usages: Vec<Usage>,
    pub(super) buckets: HashMap<String, Bucket>,
    /// The platform's name of a bucket, by ours.
    pub(super) names: HashMap<String, String>,
    pub(super) budget: Option<Budget>,
    /// Since this life began.
    pub(super) requests: u64,
    /// How far the platform's clock is ahead.
    pub(super) skew: Option<SignedDuration>,
    /// How many times it limited without a time, one after another.
    limited_in_a_row: i32,
}

/// What the platform said about one bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// Nothing before this time.
    closed_until: Option<Timestamp>,
    left: Option<(u64, Timestamp)>,
}

impl Bucket {
    pub(super) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        let spent = self.left.filter(|(left, _)| *left == 0).map(|(_, reset)| reset);
        self.closed_until.max(spent).filter(|until| *until > now)
    }
}

impl Quota {
    pub fn new(policy: QuotaPolicy) -> Self {
        let usages = policy.limits.iter().cloned().map(Usage::new).collect();
        let (buckets, names) = (HashMap::new(), HashMap::new());
        let budget = policy.spend.clone().map(Budget::new);
        Self { policy, usages, buckets, names, budget, requests: 0, skew: None, limited_in_a_row: 0 }
    }

    /// How much of what is there can be read so that the spend cap lasts.
    pub fn share(&mut self, now: Timestamp) -> Share {
        self.budget.as_mut().map_or(Share::All, |budget| budget.share(now))
    }

    pub(super) fn spend_reason(&self) -> String {
        self.policy.spend.as_ref().map(Spend::reason).unwrap_or_default()
    }

    /// How many records can be read at once.
    pub fn affordable(&self) -> u64 {
        self.budget.as_ref().map_or(u64::MAX, Budget::affordable)
    }

    /// So many records were read: `rate` of what was there, or the share that was given last.
    pub fn spent(&mut self, now: Timestamp, records: u64, rate: Option<f64>) {
        if let Some(budget) = &mut self.budget {
            budget.spent(now, records, rate);
        }
    }

    /// Takes what a request costs; `Err` says when to ask again, and nothing is taken.
    pub fn take(&mut self, now: Timestamp, cost: &Cost) -> Result<(), Timestamp> {
        let moment = self.moment(now);
        let of_limits = self.usages.iter_mut().filter_map(|usage| usage.free_at(moment, usage.amount_of(cost))).max();
        let names = [self.name(&cost.bucket), ""];
        let of_buckets = names.iter().filter_map(|name| self.buckets.get(*name)?.free_at(now)).max();
        match of_limits.max(of_buckets) {
            Some(until) => return Err(until.max(now + SignedDuration::from_millis(1))),
            None => self.usages.iter_mut().for_each(|usage| usage.charge(moment, usage.amount_of(cost))),
        }
        self.requests += 1;
        let name = self.name(&cost.bucket).to_owned();
        if let Some((left, _)) = self.buckets.get_mut(&name).and_then(|bucket| bucket.left.as_mut()) {
            *left = left.saturating_sub(1);
        }
        Ok(())
    }

    /// Learns from the answer to the request that was taken last. With `Some`, it was not answered: ask again then.
    /// `class` is what the platform's own error rules say of it.
    pub fn heard(&mut self, cost: &Cost, response: &Response, class: Class) -> Option<Timestamp> {
        self.skew = skew(response).or(self.skew);
        let now = self.moment(response.at);
        let is_free = self.policy.free.contains(&response.status);
        for usage in &mut self.usages {
            let amount = usage.amount_of(cost);
            if is_free { usage.refund(amount) } else { usage.arrived(now, amount) }
        }
        let told = self.policy.headers.as_ref().map(|headers| headers.told(response, self.skew));
        let told = told.unwrap_or(Told { remaining: None, reset: None });
        self.learn_name(cost, response);
        let asked = self.asked(response);
        let is_spent = told.remaining == Some(0) || asked.is_some();
        let is_limited = matches!(class, Class::Limited | Class::LimitedForNow)
            || self.policy.limited.contains(&response.status)
            || (response.status == 403 && is_spent)
            || (response.status == 503 && asked.is_some());
        // The end of a window of which something is left is not what is waited for.
        let reset = told.reset.filter(|_| told.remaining.is_none_or(|left| left == 0));
        let until = is_limited.then(|| self.until(cost, response.at, asked.max(reset), class));
        if !is_limited {
            self.limited_in_a_row = 0;
        }
        self.remember(cost, response, told, until.or(asked));
        until
    }

    fn remember(&mut self, cost: &Cost, response: &Response, told: Told, closed_until: Option<Timestamp>) {
        let longest = self.longest_wait();
        let bounded = |until: Timestamp| until.min(response.at.saturating_add(longest).unwrap_or(until));
        let is_everybodys = response.header("x-ratelimit-global").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let name = if is_everybodys { String::new() } else { self.name(&cost.bucket).to_owned() };
        let bucket = self.buckets.entry(name).or_default();
        bucket.closed_until = closed_until.map(bounded);
        bucket.left = match (told.remaining, told.reset) {
            (Some(left), Some(reset)) => Some((left, bounded(reset))),
            _ => bucket.left.filter(|(_, reset)| *reset > response.at),
        };
    }

    /// The wait that the answer asks for in so many words.
    fn asked(&self, response: &Response) -> Option<Timestamp> {
        let in_body = || {
            let body = response.json().ok()?;
            after(response.at, at(&body, self.policy.body_wait.as_ref()?)?.as_f64()?)
        };
        let in_body = self.policy.body_wait.as_ref().and_then(|_| in_body());
        let in_usage = usage::used_up(&self.policy.usage, response);
        retry_after(response, self.skew).max(in_body.filter(|until| *until > response.at)).max(in_usage)
    }

    /// Until when a limited request has to wait: as the platform says; to the end of the day or month where all of that is
    /// used; else longer each time.
    fn until(&mut self, cost: &Cost, now: Timestamp, said: Option<Timestamp>, class: Class) -> Timestamp {
        if let Some(said) = said.filter(|said| *said > now) {
            self.limited_in_a_row = 0;
            return said.min(now.saturating_add(self.longest_wait()).unwrap_or(said));
        }
        let moment = self.moment(now);
        let ends = self.usages.iter().filter(|usage| usage.amount_of(cost) > 0).filter_map(|usage| usage.end(moment));
        if let Some(end) = ends.min().filter(|_| class == Class::Limited) {
            return end;
        }
        let wait = FIRST_WAIT * 2_f64.powi(self.limited_in_a_row.min(10));
        self.limited_in_a_row += 1;
        after(now, wait.min(LONGEST_WAIT.as_secs_f64())).unwrap_or(now)
    }

    fn longest_wait(&self) -> SignedDuration {
        self.policy.limits.iter().map(|limit| limit.window.longest()).fold(LONGEST_WAIT, SignedDuration::max)
    }

    fn learn_name(&mut self, cost: &Cost, response: &Response) {
        let header = self.policy.headers.as_ref().and_then(|headers| headers.bucket.as_deref());
        if let Some(name) = header.and_then(|header| response.header(header)) {
            self.names.insert(cost.bucket.clone(), name.to_owned());
        }
    }

    fn name<'a>(&'a self, bucket: &'a str) -> &'a str {
        self.names.get(bucket).map_or(bucket, String::as_str)
    }

    fn moment(&self, here: Timestamp) -> Moment {
        Moment { here, there: here.saturating_add(self.skew.unwrap_or_default()).unwrap_or(here) }
    }
}
