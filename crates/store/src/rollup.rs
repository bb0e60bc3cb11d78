//! Rollups computed anew from the base table, and their comparison with it.

use std::collections::BTreeMap;

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

const HOUR: i64 = 3600;
/// Brand-hours of one rebuild: each chunk rewrites the parts that it touches.
const HOURS: usize = 2000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Brand-hours that were computed anew.
    pub hours: u64,
}

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

#[derive(Debug, Clone, Row, Deserialize)]
struct Dirty {
    brand: String,
    /// Seconds since the Unix epoch.
    hour_s: u32,
    marks: i64,
}

/// `$hours` names the brand-hours; the conditions before it let the primary key skip the rest.
const DELETE: &str = "ALTER TABLE rollup_5m DELETE WHERE brand IN {brands:Array(String)}
    AND bucket >= toDateTime({from:UInt32}, 'UTC') AND bucket < toDateTime({to:UInt32}, 'UTC')
    AND has(arrayZip({brands:Array(String)}, {hours:Array(UInt32)}),
        (toString(brand), toUInt32(intDiv(toUnixTimestamp(bucket), 3600) * 3600)))";

/// Deduplication is off: the same hour may be rebuilt to the same content twice.
const INSERT: &str = "INSERT INTO rollup_5m SELECT
    brand, toStartOfFiveMinutes(created_at) AS bucket, platform, count(), countIf(kind = 'repost'),
    countIf(polarity = 'negative'), countIf(polarity = 'neutral'), countIf(polarity = 'positive'),
    countIf(polarity = 'unscored'), countIf(intent = 'question'), countIf(intent = 'complaint'), countIf(team),
    uniqCombined64State(14)(author_key), uniqCombined64StateIf(14)(author_key, polarity = 'negative')
    FROM mentions FINAL WHERE brand IN {brands:Array(String)}
    AND created_at >= toDateTime({from:UInt32}, 'UTC') AND created_at < toDateTime({to:UInt32}, 'UTC')
    AND has(arrayZip({brands:Array(String)}, {hours:Array(UInt32)}),
        (toString(brand), toUInt32(intDiv(toUnixTimestamp(created_at), 3600) * 3600)))
    GROUP BY brand, bucket, platform";

/// Marks are taken away without a token and never tried again: at worst an hour is rebuilt twice.
const TAKE: &str = "INSERT INTO dirty_hours SELECT mark.1, toDateTime(mark.2, 'UTC'), -mark.3 FROM (SELECT
    arrayJoin(arrayZip({brands:Array(String)}, {hours:Array(UInt32)}, {marks:Array(Int64)})) AS mark)";

impl Store {
    /// Computes the rollups of a brand anew from the base table, for every hour that touches the span.
    ///
    /// For the process that writes: an insert by another process meanwhile may be counted twice, until the hour is
    /// rebuilt
    /// again; [`Store::verify`] shows such an hour.
    pub async fn rebuild(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Rebuilt, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let seconds = |time: Timestamp| time.as_second().clamp(0, i64::from(u32::MAX) - HOUR);
        let first = seconds(from) / HOUR * HOUR;
        let hours = (first..=seconds(to)).step_by(HOUR as usize).filter(|hour| *hour * 1000 < millis(to).max(1));
        let dirty = |hour: i64| Dirty { brand: brand.to_owned(), hour_s: u32::try_from(hour).unwrap_or(0), marks: 0 };
        let all: Vec<Dirty> = hours.map(dirty).collect();
        let _writing = self.writing.lock().await;
        for chunk in all.chunks(HOURS) {
            // Marked meanwhile: a reader can hold back, and after a crash halfway the next rebuild mends the hours.
            self.take_marks(chunk, |_| -1).await?;
            self.rebuild_hours(chunk).await?;
            self.take_marks(chunk, |_| 1).await?;
        }
        Ok(Rebuilt { hours: all.len() as u64 })
    }

    /// Rebuilds the hours that edits, deletions and late versions have touched. For the sink, when it is idle.
    ///
    /// Several writers at once may take the same marks twice. An hour with fewer than no marks is dirty too: it is
    /// rebuilt, and what it lacks is given back, so that it does not swallow the next mark.
    pub async fn rebuild_dirty(&self) -> Result<Rebuilt, StoreError> {
        let _writing = self.writing.lock().await;
        let sql = "SELECT brand, toUnixTimestamp(hour) AS hour_s, sum(marks) AS marks FROM dirty_hours \
            GROUP BY brand, hour HAVING sum(dirty_hours.marks) != 0 ORDER BY brand, hour";
        let dirty: Vec<Dirty> = self.read(sql).fetch_all().await.doing("reading the dirty hours")?;
        for chunk in dirty.chunks(HOURS) {
            self.rebuild_hours(chunk).await?;
            self.take_marks(chunk, |dirty| dirty.marks).await?;
        }
        Ok(Rebuilt { hours: dirty.len() as u64 })
    }

    /// Start of the brand's oldest hour whose rollup is to be rebuilt, or is being rebuilt; `None` where there is none.
    ///
    /// A rebuild deletes an hour and then inserts it, and a reader may see it half done: whoever reads a bucket only
    /// once holds back to this. Ask before reading the buckets and again after: the marks outlast the rebuild.
    pub async fn oldest_dirty(&self, brand: &str) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT toInt64(toUnixTimestamp(min(hour))) FROM (SELECT hour FROM dirty_hours \
            WHERE brand = {brand:String} GROUP BY hour HAVING sum(marks) != 0) HAVING count() > 0";
        let oldest: Option<i64> =
            self.read(sql).param("brand", brand).fetch_optional().await.doing("reading the oldest dirty hour")?;
        Ok(oldest.map(|seconds| from_millis(seconds * 1000)))
    }

    async fn take_marks(&self, hours: &[Dirty], marks: impl Fn(&Dirty) -> i64) -> Result<(), StoreError> {
        self.bind(TAKE, hours)
            .param("marks", hours.iter().map(marks).collect::<Vec<_>>())
            .with_setting("insert_deduplicate", "0")
            .execute()
            .await
            .doing("marking hours and taking marks away")
    }

    async fn rebuild_hours(&self, hours: &[Dirty]) -> Result<(), StoreError> {
        let doing = "rebuilding rollups";
        let first = hours.iter().map(|dirty| dirty.hour_s).min().unwrap_or(0);
        let last = hours.iter().map(|dirty| dirty.hour_s).max().unwrap_or(0);
        for sql in [DELETE, INSERT] {
            self.bind(sql, hours)
                .param("from", first)
                .param("to", last + 3600)
                .with_setting("insert_deduplicate", "0")
                .with_setting("do_not_merge_across_partitions_select_final", "1")
                .execute()
                .await
                .doing(doing)?;
        }
        Ok(())
    }

    fn bind(&self, sql: &str, hours: &[Dirty]) -> clickhouse::query::Query {
        self.writer()
            .query(sql)
            .param("brands", hours.iter().map(|dirty| dirty.brand.as_str()).collect::<Vec<_>>())
            .param("hours", hours.iter().map(|dirty| dirty.hour_s).collect::<Vec<_>>())
    }

    /// Compares base and rollups, hour by hour, for every hour that touches the span.
    pub async fn verify(&self, from: Timestamp, to: Timestamp) -> Result<Verified, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let rows: Vec<Compared> = self
            .read(VERIFY)
            .param("from", millis(from))
            .param("to", millis(to))
            .fetch_all()
            .await
            .doing("comparing base and rollups")?;
        let mut hours: BTreeMap<(String, u32), Mismatch> = BTreeMap::new();
        for row in rows {
            let at = (row.brand.clone(), row.hour_s);
            hours.entry(at).or_insert_with(|| row.hour()).add(&row);
        }
        Ok(Verified {
            hours: hours.len() as u64,
            mentions: hours.values().map(|hour| hour.base.mentions).sum(),
            mismatches: hours.into_values().filter(|hour| hour.base != hour.rollup).collect(),
        })
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
FROM rollup_5m WHERE toStartOfHour(bucket) BETWEEN first AND last GROUP BY brand, hour_s
UNION ALL
SELECT toUInt8(2), brand, toUnixTimestamp(hour) AS hour_s, toUInt64(1), toUInt64(0), toUInt64(0), toUInt64(0),
toUInt64(0),
    toUInt64(0)
FROM dirty_hours WHERE hour BETWEEN first AND last GROUP BY brand, hour HAVING sum(marks) != 0";
