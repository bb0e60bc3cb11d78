//! Base table and rollups compared.

use std::collections::BTreeMap;

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

/// A comparison of base and rollups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Brand-hours that were compared.
    pub hours: u64,
    /// Mentions of them in the base table.
    pub mentions: u64,
    pub mismatches: Vec<Mismatch>,
}

/// An hour of a brand whose rollup disagrees with the base table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub brand: String,
    pub hour: Timestamp,
    pub base: Counts,
    pub rollup: Counts,
    /// It is marked dirty, so that the next rebuild mends it.
    pub dirty: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub mentions: u64,
    pub negative: u64,
    pub neutral: u64,
    pub positive: u64,
    pub unscored: u64,
    /// Distinct authors, as the rollup's sketch counts them.
    pub authors: u64,
}

impl Store {
    /// Compares base and rollups, hour by hour, for every hour that touches the span. A week at a time, so that a
    /// question stays small however much is stored.
    ///
    /// # Errors
    /// An empty span.
    pub async fn verify(&self, from: Timestamp, to: Timestamp) -> Result<Verified, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let (from, to) = (millis(from), millis(to));
        let span = |sql, from: i64, to: i64| self.read(sql).param("from", from).param("to", to);
        let weeks: Vec<i64> = span(WEEKS, from, to).fetch_all().await.doing("listing the weeks to compare")?;
        let mut verified = Verified::default();
        for week in weeks {
            let (start, end) = ((week * WEEK).max(from), ((week + 1) * WEEK).min(to));
            verified.add(span(VERIFY, start, end).fetch_all().await.doing("comparing base and rollups")?);
        }
        verified.mismatches.sort_by(|a, b| (&a.brand, a.hour).cmp(&(&b.brand, b.hour)));
        Ok(verified)
    }
}

impl Verified {
    fn add(&mut self, rows: Vec<Compared>) {
        let mut hours: BTreeMap<(String, u32), Mismatch> = BTreeMap::new();
        for row in rows {
            let at = (row.brand.clone(), row.hour_s);
            hours.entry(at).or_insert_with(|| row.hour()).add(&row);
        }
        self.hours += hours.len() as u64;
        self.mentions += hours.values().map(|hour| hour.base.mentions).sum::<u64>();
        self.mismatches.extend(hours.into_values().filter(|hour| hour.base != hour.rollup));
    }
}

/// One side of an hour: `side` 0 is the base, 1 the rollup, 2 the marks (in `mentions`).
#[derive(Row, Deserialize)]
struct Compared {
    side: u8,
    brand: String,
    hour_s: u32,
    mentions: u64,
    negative: u64,
    neutral: u64,
    positive: u64,
    unscored: u64,
    authors: u64,
}

impl Compared {
    fn hour(&self) -> Mismatch {
        Mismatch {
            brand: self.brand.clone(),
            hour: from_millis(i64::from(self.hour_s) * 1000),
            base: Counts::default(),
            rollup: Counts::default(),
            dirty: false,
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { brand, hour, base, rollup, dirty } = self;
        let dirty = if *dirty { ", marked to be rebuilt" } else { "" };
        write!(f, "{brand} at {hour}: base {base:?}, rollup {rollup:?}{dirty}")
    }
}

impl Mismatch {
    fn add(&mut self, row: &Compared) {
        let counts = Counts {
            mentions: row.mentions,
            negative: row.negative,
            neutral: row.neutral,
            positive: row.positive,
            unscored: row.unscored,
            authors: row.authors,
        };
        match row.side {
            0 => self.base = counts,
            1 => self.rollup = counts,
            _ => self.dirty = true,
        }
    }
}

/// Milliseconds. Weeks are counted from the Unix epoch.
const WEEK: i64 = 7 * 86_400_000;

const WEEKS: &str = "
WITH toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AS first,
    toStartOfHour(fromUnixTimestamp64Milli({to:Int64} - 1, 'UTC')) AS last
SELECT DISTINCT toInt64(intDiv(toUnixTimestamp(hour), 604800)) AS week FROM (
    SELECT toStartOfHour(created_at) AS hour FROM mentions UNION ALL SELECT toStartOfHour(bucket) FROM rollup_epochs)
WHERE hour BETWEEN first AND last ORDER BY week";

const VERIFY: &str = "
WITH toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AS first,
    toStartOfHour(fromUnixTimestamp64Milli({to:Int64} - 1, 'UTC')) AS last
SELECT toUInt8(0) AS side, brand, toUnixTimestamp(toStartOfHour(created_at)) AS hour_s, count() AS mentions,
    countIf(polarity = 'negative') AS negative, countIf(polarity = 'neutral') AS neutral,
    countIf(polarity = 'positive') AS positive, countIf(polarity = 'unscored') AS unscored,
    uniqCombined64(14)(author_key) AS authors
FROM mentions FINAL WHERE toStartOfHour(created_at) BETWEEN first AND last GROUP BY brand, hour_s
UNION ALL
SELECT toUInt8(1), brand, toUnixTimestamp(toStartOfHour(bucket)) AS hour_s, sum(mentions), sum(negative), sum(neutral),
    sum(positive), sum(unscored), uniqCombined64Merge(14)(authors)
FROM rollup_epochs WHERE toStartOfHour(bucket) BETWEEN first AND last AND platform != ''
    AND (brand, toStartOfHour(bucket), epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE toStartOfHour(bucket) BETWEEN first AND last GROUP BY brand, toStartOfHour(bucket))
GROUP BY brand, hour_s
UNION ALL
SELECT toUInt8(2), brand, toUnixTimestamp(hour) AS hour_s, toUInt64(1), toUInt64(0), toUInt64(0), toUInt64(0),
    toUInt64(0), toUInt64(0)
FROM rollup_hours WHERE hour BETWEEN first AND last GROUP BY brand, hour HAVING sum(marks) > max(done).2";
