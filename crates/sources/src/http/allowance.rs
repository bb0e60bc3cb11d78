//! What is kept of a [`Quota`] over a restart, and what is shown of it.

use std::collections::{BTreeMap, HashMap};

use grapevine_model::{QuotaUse, Usage};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Limit, Quota, Window, budget, limit::Piece, quota::Bucket};

/// Counters by what they count, so that those of a limit that was changed are not taken for another's.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, Vec<Piece>>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    buckets: HashMap<String, Bucket>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    names: HashMap<String, String>,
    /// How far the platform's clock is ahead: its days end by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    skew: Option<SignedDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spend: Option<budget::Saved>,
}

impl Quota {
    /// `None` where nothing was asked yet.
    pub fn allowance(&self) -> Option<Value> {
        let pieces = self.usages.iter().map(|usage| (words(&usage.limit), usage.kept()));
        let saved = Saved {
            limits: pieces.filter(|(_, pieces)| !pieces.is_empty()).collect(),
            buckets: self.buckets.clone(),
            names: self.names.clone(),
            skew: self.skew,
            spend: self.budget.as_ref().and_then(budget::Budget::saved),
        };
        serde_json::to_value(&saved).ok().filter(|saved| saved.as_object().is_some_and(|saved| !saved.is_empty()))
    }

    /// Goes on from what [`Quota::allowance`] gave. What is not of this policy, or of another program, is left out.
    pub fn resume(&mut self, saved: &Value) {
        let Ok(saved) = Saved::deserialize(saved) else {
            tracing::warn!("what was used of a quota before the restart can not be read: it is counted from 0");
            return;
        };
        for usage in &mut self.usages {
            if let Some(pieces) = saved.limits.get(&words(&usage.limit)) {
                usage.restore(pieces);
            }
        }
        self.buckets.extend(saved.buckets);
        self.names.extend(saved.names);
        self.skew = self.skew.or(saved.skew);
        if let (Some(budget), Some(spent)) = (&mut self.budget, saved.spend) {
            budget.resume(spent);
        }
    }

    pub fn usage(&self, now: Timestamp) -> Usage {
        let used = self.usages.iter().map(|usage| QuotaUse {
            what: words(&usage.limit),
            used: usage.used(now),
            allowed: usage.limit.amount,
        });
        let spend = self.budget.as_ref().map(|budget| budget.usage(now));
        Usage { requests: self.requests, quota: used.collect(), spend }
    }
}

/// Such as `search per day (America/Los_Angeles)`.
fn words(limit: &Limit) -> String {
    let of = limit.only.as_deref().unwrap_or("requests");
    let zone = |zone: &jiff::tz::TimeZone| zone.iana_name().unwrap_or("UTC").to_owned();
    match &limit.window {
        Window::Rolling(span) => format!("{of} per {span:#}"),
        Window::Day(of_zone) => format!("{of} per day ({})", zone(of_zone)),
        Window::Month(of_zone) => format!("{of} per month ({})", zone(of_zone)),
    }
}
