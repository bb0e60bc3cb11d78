//! Invariants of what is stored, each with what it was checked on.
//!
//! | invariant | checked |
//! |---|---|
//! | nothing lost | see `ranges` |
//! | nothing twice | after FINAL a brand has each mention once; versions that differ in their time of creation do not fold, and are found here |
//! | figures are those of the mentions | each brand-hour of the rollup equals the base table, or is marked to be rebuilt |

use std::time::Duration;

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Covered, Mismatch, Store, StoreError, Verified, client::millis, error::Doing, ranges::Ranges};

/// Cases that are named of each invariant.
pub(crate) const EXAMPLES: usize = 5;
/// Rows that are compared at once, about: bounds the memory of one question.
const SLICE: u64 = 2_000_000;
/// A batch that is being written is in the base table a moment before it is in the rollup.
const SETTLED: Duration = Duration::from_secs(1);

/// What an audit found. `violations` of each has to be 0, but that of `overlaps`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Offsets between stored ranges that no range covers, and records of a range that were neither stored nor dead
    /// letters, of all offsets that were judged.
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
    /// Checks the invariants of what is stored: rows and rollups of the span, and the ranges that were written since its
    /// start. May run beside writers. A mention is found doubled where both of its rows lie in the span.
    ///
    /// # Errors
    /// An empty span.
    pub async fn audit(&self, from: Timestamp, to: Timestamp) -> Result<Audit, StoreError> {
        let (wrong, verified) = self.settled_mismatches(from, to).await?;
        let Ranges { lost, overlaps, covered } = self.ranges(from).await?;
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

impl std::fmt::Display for Doubled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { brand, mention, times, created } = self;
        write!(f, "mention {mention} of {brand} is there {times} times, created {created}")
    }
}
