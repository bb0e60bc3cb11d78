use std::collections::BTreeMap;

use clickhouse::Row;
use grapevine_model::Bucket;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{Store, StoreError, error::Doing};

const STEP: i64 = Bucket::LENGTH.as_secs();
/// Buckets in the hour over which the authors of negatives are counted.
const HOUR: i64 = 12;
/// A brand that was silent for so long (in seconds) begins anew.
const HOLE: i64 = 14 * 86_400;
/// About two years.
const MOST_BUCKETS: u64 = 210_000;

/// Rows that count of the brand's hours; a rebuild leaves a row at the start of its hour.
const COUNTS: &str = "brand = {brand:String} AND platform != '' AND (toStartOfHour(bucket), epoch) IN (
    SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
    WHERE brand = {brand:String} AND bucket >= toStartOfHour(toDateTime({since:UInt32}, 'UTC'))
        AND bucket < toDateTime({to:UInt32}, 'UTC') GROUP BY toStartOfHour(bucket))";

/// The authors of a bucket's negatives count for it and for the eleven buckets after it: each state is merged into
/// those twelve. Only buckets with negatives are spread, so a quiet brand costs little.
const SQL: &str = "
SELECT toUInt64(toUnixTimestamp(bucket)) AS at, sum(mentions) AS mentions, sum(negative) AS negatives,
    toUInt64(0) AS authors
FROM rollup_epochs WHERE $counts AND bucket >= toDateTime({from:UInt32}, 'UTC') AND bucket < toDateTime({to:UInt32}, 'UTC')
GROUP BY bucket
UNION ALL
SELECT at, toUInt64(0) AS mentions, toUInt64(0) AS negatives, uniqCombined64Merge(14)(state) AS authors FROM (
    SELECT toUInt64(toUnixTimestamp(bucket) + 300 * arrayJoin(range(12))) AS at, negative_authors AS state
    FROM rollup_epochs WHERE $counts AND negative > 0
        AND bucket >= toDateTime({since:UInt32}, 'UTC') AND bucket < toDateTime({to:UInt32}, 'UTC'))
WHERE at >= {from:UInt32} AND at < {to:UInt32} GROUP BY at";

/// Hours that may be the first after a hole, the newest first, each with the hour before it that holds anything: between two
/// hours lie up to an hour less or more than between their buckets. The oldest counts as after a hole, even one at the epoch
/// itself. By the hour, for the whole of a brand's history is read.
const AFTER_HOLES: &str = "
SELECT at, before, place = 1 AS oldest FROM (
    SELECT at, row_number() OVER (ORDER BY at) AS place,
        lagInFrame(at, 1, 0) OVER (ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
    FROM (SELECT toInt64(toUnixTimestamp(bucket)) AS at FROM (
            SELECT bucket, r.epoch AS epoch, sum(r.mentions) AS n FROM rollup_counts AS r
            WHERE brand = {brand:String} AND bucket <= now() + INTERVAL 1 HOUR GROUP BY bucket, epoch)
        GROUP BY bucket HAVING argMax(n, epoch) > 0))
WHERE oldest OR at - before > {hole:Int64} - 3600 ORDER BY at DESC";

/// First and last bucket with a mention, of the hour.
const ENDS: &str = "
SELECT toInt64(toUnixTimestamp(min(bucket))), toInt64(toUnixTimestamp(max(bucket))) FROM (
    SELECT bucket FROM rollup_epochs WHERE $counts AND bucket >= toDateTime({since:UInt32}, 'UTC')
        AND bucket < toDateTime({to:UInt32}, 'UTC') AND bucket <= now() + INTERVAL 1 HOUR
    GROUP BY bucket HAVING sum(mentions) > 0) HAVING count() > 0";

#[derive(Row, Deserialize)]
struct AfterHole {
    at: i64,
    before: i64,
    oldest: bool,
}

#[derive(Row, Deserialize)]
struct Sparse {
    at: u64,
    mentions: u64,
    negatives: u64,
    authors: u64,
}

impl Store {
    /// Every bucket of five minutes that starts in the span, the empty ones included.
    ///
    /// # Errors
    /// An empty span, or one of more than two years.
    pub async fn buckets(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Bucket>, StoreError> {
        let (first, last) = whole_buckets(from, to)?;
        let points = (last - first).unsigned_abs() / STEP.unsigned_abs();
        if points > MOST_BUCKETS {
            return Err(StoreError::TooManyPoints { from, to, points, most: MOST_BUCKETS });
        }
        let rows: Vec<Sparse> = self
            .read(&SQL.replace("$counts", COUNTS))
            .param("brand", brand)
            .param("from", first)
            .param("to", last)
            .param("since", (first - (HOUR - 1) * STEP).max(0))
            .fetch_all()
            .await
            .doing("reading buckets")?;
        Ok(dense(first, last, &rows))
    }

    /// Where the brand's running history begins: the start of the first bucket with a mention after the last hole of
    /// 14 days or more. `None` while nothing is stored.
    ///
    /// One back-dated post (1970, or the first year of an account) lies before such a hole, and a detector need not
    /// replay years of zeros from it. A brand that was silent for 14 days so begins anew, with a warm-up before
    /// anything is reported. Buckets more than an hour ahead of the server's clock are left out.
    pub async fn first_bucket(&self, brand: &str) -> Result<Option<Timestamp>, StoreError> {
        let doing = "reading where the brand's history begins";
        let candidates = self.read(AFTER_HOLES).param("brand", brand).param("hole", HOLE);
        for AfterHole { at, before, oldest } in candidates.fetch_all().await.doing(doing)? {
            let Some((first, _)) = self.ends(brand, at).await? else { continue };
            let last = if oldest { None } else { self.ends(brand, before).await? };
            if last.is_none_or(|(_, last)| first - last >= HOLE) {
                return Ok(Timestamp::from_second(first).ok());
            }
        }
        Ok(None)
    }

    /// Seconds of the first and the last bucket of an hour that hold a mention.
    async fn ends(&self, brand: &str, hour: i64) -> Result<Option<(i64, i64)>, StoreError> {
        let query = self.read(&ENDS.replace("$counts", COUNTS)).param("brand", brand);
        let query = query.param("since", hour).param("to", hour + HOUR * STEP);
        query.fetch_optional().await.doing("reading where the brand's history begins")
    }
}

/// Seconds of the first bucket that starts in the span, and of the first that does not. Held within 1970 to 2100.
fn whole_buckets(from: Timestamp, to: Timestamp) -> Result<(i64, i64), StoreError> {
    let up = |time: Timestamp| -> i64 {
        let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
        (seconds.clamp(0, 4_102_444_800) + STEP - 1).div_euclid(STEP) * STEP
    };
    if from >= to { Err(StoreError::EmptySpan { from, to }) } else { Ok((up(from), up(to))) }
}

fn dense(first: i64, last: i64, rows: &[Sparse]) -> Vec<Bucket> {
    let mut by_start: BTreeMap<i64, Bucket> = BTreeMap::new();
    for row in rows {
        let at = row.at.cast_signed();
        let Ok(start) = Timestamp::from_second(at) else { continue };
        let bucket = by_start.entry(at).or_insert_with(|| Bucket::empty(start));
        bucket.mentions += row.mentions;
        bucket.negatives += row.negatives;
        bucket.negative_authors = bucket.negative_authors.map(|authors| authors + row.authors);
    }
    let starts = (first..last).step_by(STEP.unsigned_abs() as usize);
    starts
        .filter_map(|at| by_start.get(&at).copied().or_else(|| Timestamp::from_second(at).ok().map(Bucket::empty)))
        .collect()
}
