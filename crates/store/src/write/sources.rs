//! Rows about sources: what they could not read, how far they are, how they fare.

use clickhouse::Row;
use grapevine_model::{Gap, Heartbeat, Sampled, SourceHealth};
use serde::Serialize;

use super::rows::{created, micros};

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct GapRecord {
    pub source: String,
    pub from_time: i64,
    pub to_time: i64,
    pub reason: String,
}

impl From<&Gap> for GapRecord {
    fn from(gap: &Gap) -> Self {
        Self {
            source: gap.source.clone(),
            from_time: created(gap.from),
            to_time: created(gap.to),
            reason: gap.reason.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct HealthRecord {
    pub source: String,
    pub partition: u16,
    pub complete_through: i64,
    pub observed_at: i64,
    pub caught_up_at: i64,
    pub closes_through: i64,
}

impl HealthRecord {
    pub(super) fn of(heartbeat: &Heartbeat, partition: u16) -> Self {
        let observed_at = micros(heartbeat.observed_at);
        Self {
            source: heartbeat.source.clone(),
            partition,
            complete_through: created(heartbeat.complete_through),
            observed_at,
            caught_up_at: if heartbeat.caught_up { observed_at } else { 0 },
            closes_through: heartbeat.closes.map_or(0, created),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct SampledRecord {
    pub source: String,
    pub from_time: i64,
    pub to_time: i64,
    pub rate: f32,
    pub reason: String,
}

impl From<&Sampled> for SampledRecord {
    fn from(sampled: &Sampled) -> Self {
        Self {
            source: sampled.source.clone(),
            from_time: created(sampled.from),
            to_time: created(sampled.to),
            rate: sampled.rate,
            reason: sampled.reason.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Row, Serialize)]
pub(super) struct ReportRecord {
    pub source: String,
    pub observed_at: i64,
    pub kind: String,
    pub state: String,
    pub since: i64,
    pub message: String,
    pub complete_through: i64,
    pub last_success: i64,
    pub requests: u64,
    pub records: u64,
    pub rejected: u64,
    pub error_classes: Vec<String>,
    pub error_counts: Vec<u64>,
    pub quota: Vec<String>,
    pub quota_used: Vec<u64>,
    pub quota_allowed: Vec<u64>,
    pub spent_records: u64,
    pub spent: f64,
    pub spend_cap: f64,
    pub share: f64,
}

impl From<&SourceHealth> for ReportRecord {
    fn from(health: &SourceHealth) -> Self {
        let (usage, spend) = (&health.usage, health.usage.spend.as_ref());
        Self {
            source: health.source.clone(),
            observed_at: micros(health.observed_at),
            kind: health.kind.clone(),
            state: health.state.clone(),
            since: created(health.since),
            message: health.message.clone().unwrap_or_default(),
            complete_through: health.complete_through.map_or(0, created),
            last_success: health.last_success.map_or(0, created),
            requests: health.requests,
            records: health.records,
            rejected: health.rejected,
            error_classes: health.errors.keys().cloned().collect(),
            error_counts: health.errors.values().copied().collect(),
            quota: usage.quota.iter().map(|quota| quota.what.clone()).collect(),
            quota_used: usage.quota.iter().map(|quota| quota.used).collect(),
            quota_allowed: usage.quota.iter().map(|quota| quota.allowed).collect(),
            spent_records: spend.map_or(0, |spend| spend.records),
            spent: spend.map_or(0.0, |spend| spend.spent),
            spend_cap: spend.map_or(0.0, |spend| spend.cap),
            share: spend.map_or(1.0, |spend| spend.share),
        }
    }
}
