//! What the runtime last knew of each source.

use std::collections::BTreeMap;

use clickhouse::Row;
use grapevine_model::{QuotaUse, SpendUse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, client::from_millis, error::Doing};

/// The newest report of a source; the counters are of the last 24 hours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    pub source: String,
    pub kind: String,
    /// `live`, `waiting`, `failed`, …
    pub state: String,
    pub since: Timestamp,
    /// What is wrong and what to do about it; empty where nothing is.
    pub message: String,
    pub observed_at: Timestamp,
    pub complete_through: Option<Timestamp>,
    /// When a page was last read and kept.
    pub last_success: Option<Timestamp>,
    pub requests: u64,
    pub records: u64,
    pub rejected: u64,
    /// Failed polls by class.
    pub errors: BTreeMap<String, u64>,
    pub quota: Vec<QuotaUse>,
    pub spend: Option<SpendUse>,
}

#[derive(Row, Deserialize)]
struct Newest {
    source: String,
    observed_ms: i64,
    kind: String,
    state: String,
    since_ms: i64,
    message: String,
    through_ms: i64,
    success_ms: i64,
    quota: Vec<String>,
    quota_used: Vec<u64>,
    quota_allowed: Vec<u64>,
    spent_records: u64,
    spent: f64,
    spend_cap: f64,
    share: f64,
}

#[derive(Row, Deserialize)]
struct Counted {
    source: String,
    requests: u64,
    records: u64,
    rejected: u64,
    classes: Vec<String>,
    counts: Vec<u64>,
}

const NEWEST: &str = "SELECT toString(source) AS source, toUnixTimestamp64Milli(toDateTime64(observed_at, 3, 'UTC')) AS
    observed_ms, toString(kind) AS kind, toString(state) AS state, toUnixTimestamp64Milli(since) AS since_ms, message,
    toUnixTimestamp64Milli(complete_through) AS through_ms, toUnixTimestamp64Milli(last_success) AS success_ms,
    quota, quota_used, quota_allowed, spent_records, spent, spend_cap, share
    FROM source_reports ORDER BY source, source_reports.observed_at DESC LIMIT 1 BY source";

const COUNTED: &str = "SELECT toString(source) AS source, sum(requests) AS requests, sum(records) AS records,
    sum(rejected) AS rejected, arrayMap(class -> toString(class), tupleElement(sumMap(error_classes, error_counts), 1))
    AS classes, tupleElement(sumMap(error_classes, error_counts), 2) AS counts
    FROM source_reports FINAL WHERE observed_at > now64(6) - INTERVAL 24 HOUR GROUP BY source_reports.source";

impl Store {
    /// By name: those of [`Store::with_sources`], else every one that ever reported.
    pub async fn source_reports(&self) -> Result<Vec<SourceReport>, StoreError> {
        let doing = "reading the reports of the sources";
        let newest: Vec<Newest> = self.read(NEWEST).fetch_all().await.doing(doing)?;
        let counted: Vec<Counted> = self.read(COUNTED).fetch_all().await.doing(doing)?;
        let counted: BTreeMap<String, Counted> = counted.into_iter().map(|row| (row.source.clone(), row)).collect();
        let configured = |row: &Newest| self.sources.is_empty() || self.sources.contains(&row.source);
        let of = |row: Newest| {
            let counts = counted.get(&row.source);
            row.report(counts)
        };
        Ok(newest.into_iter().filter(configured).map(of).collect())
    }
}

impl Newest {
    fn report(self, counted: Option<&Counted>) -> SourceReport {
        let known = |millis: i64| (millis > 0).then(|| from_millis(millis));
        let used = self.quota_used.into_iter().zip(self.quota_allowed);
        let quota = self.quota.into_iter().zip(used).map(|(what, (used, allowed))| QuotaUse { what, used, allowed });
        let (spent, cap, share) = (self.spent, self.spend_cap, self.share);
        let spend = SpendUse { records: self.spent_records, spent, cap, share };
        let errors = counted.map(|counted| counted.classes.iter().cloned().zip(counted.counts.iter().copied()));
        SourceReport {
            source: self.source,
            kind: self.kind,
            state: self.state,
            since: from_millis(self.since_ms),
            message: self.message,
            observed_at: from_millis(self.observed_ms),
            complete_through: known(self.through_ms),
            last_success: known(self.success_ms),
            requests: counted.map_or(0, |counted| counted.requests),
            records: counted.map_or(0, |counted| counted.records),
            rejected: counted.map_or(0, |counted| counted.rejected),
            errors: errors.into_iter().flatten().collect(),
            quota: quota.collect(),
            spend: (cap > 0.0).then_some(spend),
        }
    }
}
