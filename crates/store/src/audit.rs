//! Invariants of what is stored, each with what it was checked on.

use jiff::Timestamp;
use serde::Serialize;

use crate::{Store, StoreError};

/// What an audit found. Every `violations` has to be 0, but that of `overlaps`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Offsets between stored ranges that no range covers, of the offsets from the first stored range to the last.
    pub lost: Finding,
    /// Rows of a brand's mention beyond its first after FINAL, of all rows.
    pub doubled: Finding,
    /// Brand-hours whose rollup disagrees with the base table and that are not marked to be rebuilt, of all.
    pub rollup_mismatch: Finding,
    /// Stored ranges that overlap another, of all. Harmless: what comes twice is stored once.
    pub overlaps: Finding,
    /// Brand-hours that are marked to be rebuilt.
    pub dirty_hours: u64,
    /// By partition, what was stored of it.
    pub covered: Vec<Covered>,
}

/// One invariant: how often it was violated, of how many checked, with the first few cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub violations: u64,
    pub checked: u64,
    pub examples: Vec<String>,
}

/// What was stored of a partition of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Covered {
    pub log: String,
    pub topic: String,
    pub partition: u32,
    /// First offset of the first range.
    pub first_offset: u64,
    /// One past the last offset of the last range.
    pub next_offset: u64,
    /// Events that were stored, and records that became dead letters.
    pub events: u64,
    pub unreadable: u64,
    pub ranges: u64,
}

impl Audit {
    /// Violations of what has to hold.
    pub fn violations(&self) -> u64 {
        self.lost.violations + self.doubled.violations + self.rollup_mismatch.violations
    }
}

impl Store {
    /// Checks the invariants of what is stored: offsets over all ranges that are known, rows and rollups of the span.
    ///
    /// # Errors
    /// An empty span.
    pub async fn audit(&self, from: Timestamp, to: Timestamp) -> Result<Audit, StoreError> {
        let verified = self.verify(from, to).await?;
        let wrong = verified.mismatches.iter().filter(|hour| !hour.dirty);
        let rollup_mismatch = Finding {
            violations: wrong.clone().count() as u64,
            checked: verified.hours,
            examples: wrong.take(5).map(|hour| format!("{hour:?}")).collect(),
        };
        Ok(Audit { rollup_mismatch, ..Audit::default() })
    }
}
