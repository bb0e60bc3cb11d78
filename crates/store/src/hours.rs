//! What is known of the brand-hours that were ever marked or rebuilt: the table `rollup_hours`.

use std::collections::{BTreeSet, HashMap};

use clickhouse::{Row, query::Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

/// A brand and the start of an hour, in seconds since the Unix epoch.
pub(crate) type Hour<'a> = (&'a str, u32);

/// An hour that is to be rebuilt, with the marks that were seen of it.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub(crate) struct Dirty {
    pub brand: String,
    pub hour_s: u32,
    pub marks: u64,
}

/// Epochs of an hour: of the newest rebuild that ended, and of the newest that began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Epochs {
    pub done: u64,
    pub announced: u64,
}

/// Epochs of hours; zero for those that were never rebuilt.
#[derive(Debug, Default)]
pub(crate) struct EpochsOf(HashMap<String, HashMap<u32, Epochs>>);

impl EpochsOf {
    pub(crate) fn get(&self, (brand, hour): Hour<'_>) -> Epochs {
        self.0.get(brand).and_then(|hours| hours.get(&hour)).copied().unwrap_or_default()
    }
}

/// A row of the table; zero says nothing.
#[derive(Default, Row, Serialize)]
struct HourRecord<'a> {
    brand: &'a str,
    hour: u32,
    marks: u64,
    announced: u64,
    /// Epoch and marks.
    done: (u64, u64),
}

#[derive(Row, Deserialize)]
struct Known {
    brand: String,
    hour_s: u32,
    announced: u64,
    done: u64,
}

/// The pairs of the parameters `brands` and `hours`, as a set. Write it behind `IN`.
pub(crate) const PAIRS: &str = "(SELECT pair.1, toDateTime(pair.2, 'UTC') FROM (SELECT
    arrayJoin(arrayZip({brands:Array(String)}, {hours:Array(UInt32)})) AS pair))";

/// Binds what [`PAIRS`] reads.
pub(crate) fn bind<'a>(query: Query, hours: impl Iterator<Item = (&'a str, u32)>) -> Query {
    let (brands, hours): (Vec<&str>, Vec<u32>) = hours.unzip();
    query.param("brands", brands).param("hours", hours)
}

const DIRTY: &str = "SELECT brand, toUnixTimestamp(hour) AS hour_s, sum(h.marks) AS marks FROM rollup_hours AS h";
const MARKED: &str = "HAVING sum(h.marks) > max(done).2";

impl Store {
    /// Marks hours: what was changed before this call is in the next rebuild that sees the marks.
    pub(crate) async fn mark(&self, hours: &BTreeSet<Hour<'_>>) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(hours.len());
        for (brand, hour) in hours {
            rows.push(HourRecord { brand, hour: *hour, marks: 1, ..HourRecord::default() });
        }
        self.write_hours(&rows, "marking hours to be rebuilt").await
    }

    pub(crate) async fn announce(&self, epoch: u64, hours: &[Dirty]) -> Result<(), StoreError> {
        let mut rows: Vec<HourRecord<'_>> = hours.iter().map(HourRecord::of).collect();
        rows.iter_mut().for_each(|row| row.announced = epoch);
        self.write_hours(&rows, "announcing a rebuild").await
    }

    pub(crate) async fn finish(&self, epoch: u64, hours: &[Dirty]) -> Result<(), StoreError> {
        let mut rows: Vec<HourRecord<'_>> = hours.iter().map(HourRecord::of).collect();
        rows.iter_mut().zip(hours).for_each(|(row, hour)| row.done = (epoch, hour.marks));
        self.write_hours(&rows, "ending a rebuild").await
    }

    /// Rows and not an iterator: the compiler can not tell that a future which holds one is `Send`.
    async fn write_hours(&self, rows: &[HourRecord<'_>], doing: &'static str) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut insert = self.writer().insert::<HourRecord<'_>>("rollup_hours").await.doing(doing)?;
        for row in rows {
            insert.write(row).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }

    /// Those of the hours that were ever marked or rebuilt.
    pub(crate) async fn epochs(&self, hours: &BTreeSet<Hour<'_>>) -> Result<EpochsOf, StoreError> {
        if hours.is_empty() {
            return Ok(EpochsOf::default());
        }
        let sql = format!(
            "SELECT brand, toUnixTimestamp(hour) AS hour_s, max(announced) AS announced, max(done).1 AS done
            FROM rollup_hours WHERE (brand, hour) IN {PAIRS} GROUP BY brand, hour"
        );
        let query = bind(self.read(&sql), hours.iter().copied());
        let known: Vec<Known> = query.fetch_all().await.doing("reading the epochs of hours")?;
        let mut epochs = EpochsOf::default();
        for Known { brand, hour_s, announced, done } in known {
            epochs.0.entry(brand).or_default().insert(hour_s, Epochs { done, announced });
        }
        Ok(epochs)
    }

    /// Hours with marks that no rebuild that counts has seen, newest first: at most 100,000, whatever waits.
    pub(crate) async fn dirty(&self) -> Result<Vec<Dirty>, StoreError> {
        let sql = format!("{DIRTY} GROUP BY brand, hour {MARKED} ORDER BY hour DESC, brand LIMIT {{most:UInt64}}");
        let query = self.read(&sql).param("most", self.most_rows.div_ceil(10));
        query.fetch_all().await.doing("reading the dirty hours")
    }

    /// Those of the hours that are dirty.
    pub(crate) async fn dirty_of(&self, hours: &BTreeSet<Hour<'_>>) -> Result<Vec<Dirty>, StoreError> {
        let sql = format!("{DIRTY} WHERE (brand, hour) IN {PAIRS} GROUP BY brand, hour {MARKED} ORDER BY brand, hour");
        bind(self.read(&sql), hours.iter().copied()).fetch_all().await.doing("reading which hours are dirty")
    }

    /// An epoch above every one that was announced. Two that are taken at once differ in their random half.
    pub(crate) async fn next_epoch(&self) -> Result<u64, StoreError> {
        let sql = "SELECT bitOr(bitShiftLeft(bitShiftRight(max(announced), 32) + 1, 32), toUInt64(rand()))
            FROM rollup_hours";
        self.read(sql).fetch_one().await.doing("taking an epoch")
    }

    /// Start of the brand's oldest hour whose rollup is to be rebuilt, or is being rebuilt, of those that end after `from`;
    /// `None` where there is none.
    ///
    /// A dirty hour lacks changes that are stored: whoever reads a bucket only once holds back to this. Ask before
    /// reading the buckets and again after: the marks come before the heartbeat that closes the bucket.
    pub async fn oldest_dirty(&self, brand: &str, from: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT toInt64(toUnixTimestamp(min(hour))) FROM (SELECT hour FROM rollup_hours
            WHERE brand = {brand:String} AND hour > fromUnixTimestamp64Milli({from:Int64}, 'UTC') - INTERVAL 1 HOUR
            GROUP BY hour HAVING sum(marks) > max(done).2) HAVING count() > 0";
        let query = self.read(sql).param("brand", brand).param("from", millis(from));
        let oldest: Option<i64> = query.fetch_optional().await.doing("reading the oldest dirty hour")?;
        Ok(oldest.map(|seconds| from_millis(seconds * 1000)))
    }
}

impl<'a> HourRecord<'a> {
    fn of(hour: &'a Dirty) -> Self {
        Self { brand: &hour.brand, hour: hour.hour_s, ..Self::default() }
    }
}
