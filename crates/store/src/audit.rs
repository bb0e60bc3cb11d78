//! Invariants of what is stored, each with what it was checked on.
//!
//! | invariant | checked |
//! |---|---|
//! | nothing lost | `batches` has every range that was stored, each written after its rows: offsets between the ranges of a partition that none covers are lost |
//! | nothing twice | after FINAL a brand has each mention once; versions that differ in their time of creation do not fold, and are found here |
//! | figures are those of the mentions | each brand-hour of the rollup equals the base table, or is marked to be rebuilt |
//!
//! Ranges are kept for 90 days, and judged for 80, so that none is missed whose neighbour has just gone.

use std::time::Duration;

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Mismatch, Store, StoreError, Verified, client::millis, error::Doing};

/// Cases that are named of each invariant.
const EXAMPLES: usize = 5;
/// Rows that are compared at once, about: bounds the memory of one question.
const SLICE: u64 = 2_000_000;
/// A batch that is being written is in the base table a moment before it is in the rollup.
const SETTLED: Duration = Duration::from_secs(1);

/// What an audit found. `violations` of each has to be 0, but that of `overlaps`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Offsets between stored ranges that no range covers, of those from the first stored range to the last.
    pub lost: Finding,
    /// Rows of a brand's mention beyond its first after FINAL, of all rows.
    pub doubled: Finding,
    /// Brand-hours whose rollup disagrees with the base table and that are not marked to be rebuilt, of all.
    pub rollup_mismatch: Finding,
    /// Stored ranges that overlap another, of all. Harmless: what comes twice is stored once.
    pub overlaps: Finding,
    /// Brand-hours of the span that disagree and are marked to be rebuilt.
    pub dirty_hours: u64,
    /// By log, topic and partition, what was stored of it.
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Row)]
pub struct Covered {
    pub log: String,
    pub topic: String,
    pub partition: u32,
    /// First offset of the first range.
    pub first_offset: u64,
    /// One past the last offset of the last range.
    pub next_offset: u64,
    pub ranges: u64,
    /// Events that were stored. An event of two ranges that overlap counts twice.
    pub events: u64,
    /// Records that became dead letters.
    pub unreadable: u64,
    /// Offsets in between that no range covers.
    pub lost: u64,
    /// Ranges that begin before an earlier one ends.
    pub overlaps: u64,
}

/// Where a range does not begin at the end of those before it.
#[derive(Row, Deserialize)]
struct Break {
    log: String,
    topic: String,
    partition: u32,
    first_offset: u64,
    last_offset: u64,
    /// One past the highest offset of the ranges before it.
    reached: u64,
}

/// Ranges in order, each with how far those before it reach; 0 for the first.
const RANGES: &str = "SELECT log, topic, partition, first_offset, last_offset, events, unreadable,
        row_number() OVER of AS place, max(last_offset + 1) OVER before AS reached
    FROM batches FINAL WHERE written_at > now64(3) - INTERVAL 80 DAY
    WINDOW of AS (PARTITION BY log, topic, partition ORDER BY first_offset, last_offset),
        before AS (PARTITION BY log, topic, partition ORDER BY first_offset, last_offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)";

const DOUBLED: &str = "SELECT brand, leftPad(lower(hex(id)), 32, '0') AS mention, count() AS times,
        toString(groupUniqArray(4)(created_at)) AS created
    FROM mentions FINAL WHERE created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC') AND id % {slices:UInt64} = {slice:UInt64}
    GROUP BY brand, id HAVING times > 1 ORDER BY brand, id";

#[derive(Row, Deserialize)]
struct Doubled {
    brand: String,
    mention: String,
    times: u64,
    created: String,
}

impl Audit {
    /// Violations of what has to hold.
    pub fn violations(&self) -> u64 {
        self.lost.violations + self.doubled.violations + self.rollup_mismatch.violations
    }
}

impl Store {
    /// Checks the invariants of what is stored: offsets over all ranges that are kept, rows and rollups of the span.
    /// May run beside writers. A mention is found doubled where both of its rows lie in the span.
    ///
    /// # Errors
    /// An empty span.
    pub async fn audit(&self, from: Timestamp, to: Timestamp) -> Result<Audit, StoreError> {
        let (wrong, verified) = self.settled_mismatches(from, to).await?;
        let covered = self.covered().await?;
        let sum = |of: fn(&Covered) -> u64| covered.iter().map(of).sum();
        let lost = Finding {
            violations: sum(|covered| covered.lost),
            checked: sum(|covered| covered.next_offset - covered.first_offset),
            examples: self.breaks("first_offset > reached").await?,
        };
        let overlaps = Finding {
            violations: sum(|covered| covered.overlaps),
            checked: sum(|covered| covered.ranges),
            examples: self.breaks("first_offset < reached").await?,
        };
        let rollup_mismatch = Finding {
            violations: wrong.len() as u64,
            checked: verified.hours,
            examples: wrong.iter().take(EXAMPLES).map(Mismatch::to_string).collect(),
        };
        let dirty_hours = verified.mismatches.iter().filter(|hour| hour.dirty).count() as u64;
        let doubled = self.doubled(from, to).await?;
        Ok(Audit { lost, doubled, rollup_mismatch, overlaps, dirty_hours, covered })
    }

    /// Hours that are wrong, not marked, and the same a moment later: not merely being written.
    async fn settled_mismatches(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(Vec<Mismatch>, Verified), StoreError> {
        let unmarked = |verified: &Verified| -> Vec<Mismatch> {
            verified.mismatches.iter().filter(|hour| !hour.dirty).cloned().collect()
        };
        let verified = self.verify(from, to).await?;
        let suspects = unmarked(&verified);
        if suspects.is_empty() {
            return Ok((suspects, verified));
        }
        tokio::time::sleep(SETTLED).await;
        let again = self.verify(from, to).await?;
        Ok((unmarked(&again).into_iter().filter(|hour| suspects.contains(hour)).collect(), again))
    }

    async fn covered(&self) -> Result<Vec<Covered>, StoreError> {
        let sql = format!(
            "SELECT log, topic, partition, min(first_offset) AS first_offset, max(last_offset) + 1 AS next_offset,
                count() AS ranges, sum(r.events) AS events, sum(r.unreadable) AS unreadable,
                toUInt64(sum(if(r.place > 1 AND r.first_offset > r.reached, r.first_offset - r.reached, 0))) AS lost,
                countIf(r.place > 1 AND r.first_offset < r.reached) AS overlaps
            FROM ({RANGES}) AS r GROUP BY log, topic, partition ORDER BY log, topic, partition"
        );
        self.read(&sql).fetch_all().await.doing("reading the stored ranges")
    }

    async fn breaks(&self, which: &str) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT log, topic, partition, first_offset, last_offset, reached FROM ({RANGES})
            WHERE place > 1 AND {which} ORDER BY log, topic, partition, first_offset LIMIT {EXAMPLES}"
        );
        let breaks: Vec<Break> = self.read(&sql).fetch_all().await.doing("looking for lost offsets")?;
        Ok(breaks.iter().map(Break::to_string).collect())
    }

    async fn doubled(&self, from: Timestamp, to: Timestamp) -> Result<Finding, StoreError> {
        let doing = "looking for doubled mentions";
        let span = |sql: &str| self.read(sql).param("from", millis(from)).param("to", millis(to));
        let count =
            "SELECT count() FROM mentions FINAL WHERE created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
            AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')";
        let mut finding = Finding { checked: span(count).fetch_one().await.doing(doing)?, ..Finding::default() };
        let slices = finding.checked.div_ceil(SLICE).max(1);
        for slice in 0..slices {
            let query = span(DOUBLED).param("slices", slices).param("slice", slice);
            for doubled in query.fetch_all::<Doubled>().await.doing(doing)? {
                finding.violations += doubled.times - 1;
                if finding.examples.len() < EXAMPLES {
                    finding.examples.push(doubled.to_string());
                }
            }
        }
        Ok(finding)
    }
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, topic, partition, first_offset, last_offset, reached } = self;
        write!(
            f,
            "{topic} partition {partition} of log {log}: range {first_offset} to {last_offset} does not begin at {reached}"
        )
    }
}

impl std::fmt::Display for Doubled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { brand, mention, times, created } = self;
        write!(f, "mention {mention} of {brand} is there {times} times, created {created}")
    }
}
