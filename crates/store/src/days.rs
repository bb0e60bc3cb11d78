//! Days of the rollup: what a question over months reads instead of their hours.
//!
//! A day is summed from `rollup_hourly` once it is over, with a stamp: the sum of the epochs that count in its hours, above
//! the number of mentions under them. It counts while its stamp is that of now, which `rollup_counts` gives in a few narrow
//! rows; else its hours are read.
//!
//! **Claim: a day that counts is the sum of its hours.** Of an hour, the highest epoch never falls, and under one epoch rows
//! are only added, each with a mention. So each part of a stamp only grows, and two equal stamps mean equal hours. The row's
//! stamp and sums are of one snapshot of `rollup_hourly`. `rollup_counts` is written by the statement that writes
//! `rollup_hourly`: where it shows less or more, that insert or rebuild is under way, and its hour as good as its neighbours'.
//!
//! | what may happen | why it holds |
//! |---|---|
//! | an hour of the day is written to, or rebuilt | its count or its epoch grows: the day's stamp is another, and its hours are read until it is summed anew |
//! | a process that sums days is stopped and goes on much later | its rows have an old stamp: they do not count, and a newer row replaces them |
//! | two sum one day | rows of one stamp are equal, and fold |
//! | a platform has left a day | its row has an old stamp |
//! | hours without a mention | they have rows as far as they were rebuilt, which count nothing |

use serde::Serialize;

use crate::{Store, StoreError, error::Doing};

/// Brand-days of one statement.
const MOST: u32 = 1000;

/// What summing up came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summed {
    /// Brand-days that were summed anew.
    pub days: u64,
}

/// Stamps of now, by brand and day.
pub(crate) const STAMPS: &str = "SELECT brand, toStartOfDay(bucket) AS day,
        bitShiftLeft(toUInt128(sum(top)), 64) + sum(counted) AS stamp FROM (
        SELECT brand, bucket, max(epoch) AS top, argMax(n, epoch) AS counted FROM (
            SELECT brand, bucket, r.epoch AS epoch, sum(r.mentions) AS n FROM rollup_counts AS r WHERE $stamped_hours
            GROUP BY brand, bucket, epoch)
        GROUP BY brand, bucket)
    GROUP BY brand, day";

const STALE: &str = "SELECT toString(brand), toUnixTimestamp(day) FROM ($stamps)
    WHERE day < toStartOfDay(now('UTC')) AND (brand, day, stamp) NOT IN (SELECT brand, bucket, stamp FROM rollup_daily)
    ORDER BY day DESC, brand LIMIT {most:UInt32}";

const SUM: &str = "INSERT INTO rollup_daily (brand, bucket, platform, stamp, mentions, reposts, negative, neutral, positive,
    unscored, questions, complaints, team, authors, negative_authors)
WITH counted AS (SELECT brand, bucket, r.epoch AS epoch, sum(r.mentions) AS n FROM rollup_hourly AS r WHERE $days
        GROUP BY brand, bucket, epoch),
    newest AS (SELECT brand, bucket, max(epoch) AS top, argMax(n, epoch) AS mentions FROM counted GROUP BY brand, bucket),
    stamps AS (SELECT brand, toStartOfDay(bucket) AS day,
            bitShiftLeft(toUInt128(sum(top)), 64) + sum(newest.mentions) AS stamp
        FROM newest GROUP BY brand, day)
SELECT h.brand, h.day, h.platform, s.stamp, h.mentions, h.reposts, h.negative, h.neutral, h.positive, h.unscored,
    h.questions, h.complaints, h.team, h.authors, h.negative_authors
FROM (SELECT brand, toStartOfDay(bucket) AS day, platform, sum(r.mentions) AS mentions, sum(r.reposts) AS reposts,
        sum(r.negative) AS negative, sum(r.neutral) AS neutral, sum(r.positive) AS positive, sum(r.unscored) AS unscored,
        sum(r.questions) AS questions, sum(r.complaints) AS complaints, sum(r.team) AS team,
        uniqCombined64MergeState(14)(r.authors) AS authors,
        uniqCombined64MergeState(14)(r.negative_authors) AS negative_authors
    FROM rollup_hourly AS r WHERE $days AND (brand, bucket, r.epoch) IN (SELECT brand, bucket, top FROM newest)
    GROUP BY brand, day, platform) AS h
INNER JOIN stamps AS s ON h.brand = s.brand AND h.day = s.day";
const OF_DAYS: &str = "(brand, toStartOfDay(bucket)) IN (SELECT pair.1, toDateTime(pair.2, 'UTC') FROM (SELECT
    arrayJoin(arrayZip({brands:Array(String)}, {days:Array(UInt32)})) AS pair))
    AND bucket >= toDateTime({from:UInt32}, 'UTC') AND bucket < toDateTime({to:UInt32}, 'UTC')";

impl Store {
    /// Sums the days that are over and whose hours have changed since they were summed, the newest first; at most 100,000 of
    /// them. For the sink, when it is idle. Several at once do the same work twice, and do no harm.
    pub async fn sum_days(&self) -> Result<Summed, StoreError> {
        let mut summed = Summed::default();
        for _ in 0..100 {
            let stale = self.stale_days().await?;
            self.sum(&stale).await?;
            summed.days += stale.len() as u64;
            if stale.len() < MOST as usize {
                break;
            }
        }
        Ok(summed)
    }

    /// Brand and start, in seconds.
    async fn stale_days(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let sql = STALE.replace("$stamps", STAMPS).replace("$stamped_hours", "true");
        self.read(&sql).param("most", MOST).fetch_all().await.doing("looking for days to sum")
    }

    async fn sum(&self, days: &[(String, u32)]) -> Result<(), StoreError> {
        let (Some(from), Some(to)) = (days.iter().map(|(_, day)| day).min(), days.iter().map(|(_, day)| day).max())
        else {
            return Ok(());
        };
        let (brands, starts): (Vec<&str>, Vec<u32>) = days.iter().map(|(brand, day)| (brand.as_str(), *day)).unzip();
        self.writer()
            .query(&SUM.replace("$days", OF_DAYS))
            .param("brands", brands)
            .param("days", starts)
            .param("from", *from)
            .param("to", to.saturating_add(86_400))
            // Stamps and sums are of one moment.
            .with_setting("enable_shared_storage_snapshot_in_query", "1")
            // One block, however many rows: a day appears whole.
            .with_setting("max_insert_threads", "1")
            .with_setting("min_insert_block_size_rows", "1000000000")
            .with_setting("min_insert_block_size_bytes", "0")
            .execute()
            .await
            .doing("summing days")
    }
}
