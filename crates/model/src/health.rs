use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the runtime knows of one source. Counters are since the report before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceHealth {
    pub source: String,
    /// Such as `mastodon`.
    pub kind: String,
    pub observed_at: Timestamp,
    /// `live`, `waiting`, `failed`, …
    pub state: String,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// What is wrong and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Everything created before is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_through: Option<Timestamp>,
    /// When a page was last read and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    pub requests: u64,
    /// Mentions and other events that it gave.
    pub records: u64,
    /// Pieces that could not be mapped.
    pub rejected: u64,
    /// Failed polls by class: `transient`, `limited`, `auth`, `config`, `gone`, `cursor_lost`, `log`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    #[serde(default)]
    pub usage: Usage,
}

/// How much a source asked of its platform, and what is left of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Since the source was started.
    pub requests: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<QuotaUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<SpendUse>,
}

/// A limit and what was used of the window that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaUse {
    /// Such as `requests per 15m`.
    pub what: String,
    pub used: u64,
    pub allowed: u64,
}

/// A spend cap and what was spent of it in the month that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpendUse {
    pub records: u64,
    /// USD.
    pub spent: f64,
    /// USD a month.
    pub cap: f64,
    /// Share of what is there that is read, 0 to 1.
    pub share: f64,
}
