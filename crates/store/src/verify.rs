//! Base table, with the labels of people and what retention keeps, and rollups compared.

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    days::STAMPS,
    error::Doing,
    facets,
    labels::CORRECTED,
    members,
    retention::{KEPT, UNEXPIRED},
    tiers::TABLES,
};

/// A comparison of base and rollups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Brand-hours that were compared.
    pub hours: u64,
    /// Mentions of them in the base table, without those that people found not relevant.
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
    /// Five minutes of a platform in which the two disagree; their sums over the hour may agree. Where only a coarser rollup
    /// disagrees, its cells: an hour of a platform, of a model and language, of a hashtag, …; of a day, its hours and the day.
    pub cells: u64,
    /// It is marked dirty, so that the next rebuild mends it.
    pub dirty: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub mentions: u64,
    pub reposts: u64,
    pub negative: u64,
    pub neutral: u64,
    pub positive: u64,
    pub unscored: u64,
    pub questions: u64,
    pub complaints: u64,
    pub team: u64,
    /// Distinct authors of five minutes and a platform, as the rollup's sketch counts them, summed over the hour.
    pub authors: u64,
    /// Those of something negative.
    pub negative_authors: u64,
}

impl Store {
    /// Compares base and each of the rollups, in every column and cell (five minutes and platform, …), for every hour that touches the span;
    /// what disagrees is told by the hour. A week at a time, so that a
    /// question stays small however much is stored.
    ///
    /// # Errors
    /// An empty span.
    pub async fn verify(&self, from: Timestamp, to: Timestamp) -> Result<Verified, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let (from, to) = (millis(from), millis(to));
        let span = |sql: &str, from: i64, to: i64| self.read(sql).param("from", from).param("to", to);
        let weeks: Vec<i64> = span(WEEKS, from, to).fetch_all().await.doing("listing the weeks to compare")?;
        let mut verified = Verified::default();
        for week in weeks {
            let (start, end) = ((week * WEEK).max(from), ((week + 1) * WEEK).min(to));
            for (place, tier) in tiers().iter().enumerate() {
                let hours = span(tier, start, end).fetch_all().await.doing("comparing base and rollups")?;
                verified.add(hours, place == 0);
            }
        }
        verified.mismatches.sort_by(|a, b| (&a.brand, a.hour).cmp(&(&b.brand, b.hour)));
        Ok(verified)
    }
}

impl Verified {
    /// Each tier tells of the same hours: only those of the first are counted.
    fn add(&mut self, hours: Vec<Compared>, first: bool) {
        if first {
            self.hours += hours.len() as u64;
            self.mentions += hours.iter().filter_map(|hour| hour.base.first()).sum::<u64>();
        }
        for hour in hours.into_iter().filter(|hour| hour.cells > 0).map(Mismatch::from) {
            let known = self.mismatches.iter().any(|known| (&known.brand, known.hour) == (&hour.brand, hour.hour));
            if !known {
                self.mismatches.push(hour);
            }
        }
    }
}

#[derive(Row, Deserialize)]
struct Compared {
    brand: String,
    hour_s: u32,
    /// In the order of [`VERIFY`]; empty where a side has nothing.
    base: Vec<u64>,
    rollup: Vec<u64>,
    cells: u64,
    dirty: bool,
}

impl From<Compared> for Mismatch {
    fn from(hour: Compared) -> Self {
        Self {
            brand: hour.brand,
            hour: from_millis(i64::from(hour.hour_s) * 1000),
            base: Counts::of(&hour.base),
            rollup: Counts::of(&hour.rollup),
            cells: hour.cells,
            dirty: hour.dirty,
        }
    }
}

impl Counts {
    fn of(sums: &[u64]) -> Self {
        let mut sums = sums.iter().copied();
        let mut next = || sums.next().unwrap_or_default();
        Self {
            mentions: next(),
            reposts: next(),
            negative: next(),
            neutral: next(),
            positive: next(),
            unscored: next(),
            questions: next(),
            complaints: next(),
            team: next(),
            authors: next(),
            negative_authors: next(),
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { brand, hour, base, rollup, cells, dirty } = self;
        let dirty = if *dirty { ", marked to be rebuilt" } else { "" };
        write!(f, "{brand} at {hour}: base {base:?}, rollup {rollup:?}, in {cells} of its 5 minutes by platform{dirty}")
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

/// A name given to the limits would be taken for the column `first` further in.
const IN_SPAN: &str = "BETWEEN toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
    AND toStartOfHour(fromUnixTimestamp64Milli({to:Int64} - 1, 'UTC'))";
const DAYS: &str = "BETWEEN toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
                AND toDate(fromUnixTimestamp64Milli({to:Int64}, 'UTC'))";
/// Sides by cell: 0 is the base with what retention keeps, 1 the rollup, 2 a mark.
const VERIFY: &str = "
SELECT brand, toUnixTimestamp(toStartOfHour(bucket)) AS hour_s, sumForEach(of_base) AS base,
    sumForEach(of_rollup) AS rollup, countIf(of_base != of_rollup) AS cells, toBool(max(marked)) AS dirty
FROM (SELECT brand, bucket, platform, sumForEachIf(sums, side = 0) AS of_base, sumForEachIf(sums, side = 1) AS of_rollup,
        max(side = 2) AS marked
    FROM ($sides
        UNION ALL
        SELECT toUInt8(2), toString(brand) AS brand, hour AS bucket, '', CAST([], 'Array(UInt64)')
        FROM rollup_hours WHERE hour $in_span GROUP BY brand, hour HAVING sum(marks) > max(done).2)
    GROUP BY brand, bucket, platform)
GROUP BY brand, hour_s";
/// `$start` gives the start of a cell.
const COUNTED: &str = "SELECT toUInt8(0) AS side, toString(brand) AS brand, $start(created_at) AS bucket,
            toString(platform) AS platform, [count(), countIf(kind = 'repost'), countIf(polarity = 'negative'),
            countIf(polarity = 'neutral'), countIf(polarity = 'positive'), countIf(polarity = 'unscored'),
            countIf(intent = 'question'), countIf(intent = 'complaint'), countIf(team),
            uniqCombined64(14)(author_key), uniqCombined64If(14)(author_key, polarity = 'negative')] AS sums
        FROM $corrected AS m WHERE toStartOfHour(created_at) $in_span AND $unexpired GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(0), toString(r.brand) AS brand, $start(r.bucket) AS bucket, toString(r.platform) AS platform,
            $sums
        FROM expired_counts AS r WHERE toStartOfHour(r.bucket) $in_span AND $kept GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(1), toString(r.brand) AS brand, r.bucket AS bucket, toString(r.platform) AS platform,
            $sums
        FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND r.platform != '' AND $newest
        GROUP BY brand, bucket, platform";
const SUMS: &str =
    "[sum(r.mentions), sum(r.reposts), sum(r.negative), sum(r.neutral), sum(r.positive), sum(r.unscored),
            sum(r.questions), sum(r.complaints), sum(r.team), uniqCombined64Merge(14)(r.authors),
            uniqCombined64Merge(14)(r.negative_authors)] AS sums";
const MENTIONS: &str = "SELECT toUInt8(0) AS side, toString(brand) AS brand, toStartOfHour(created_at) AS bucket,
            '' AS platform, [count()] AS sums
        FROM $corrected AS m WHERE toStartOfHour(created_at) $in_span AND $unexpired GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(0), toString(r.brand) AS brand, toStartOfHour(r.bucket) AS bucket, '' AS platform,
            [sum(r.mentions)] AS sums
        FROM expired_counts AS r WHERE toStartOfHour(r.bucket) $in_span AND $kept GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(1), toString(r.brand) AS brand, r.bucket AS bucket, '' AS platform, [sum(r.mentions)]
        FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND $newest
        GROUP BY brand, bucket, platform HAVING sum(r.mentions) > 0";
/// Days that count, and their hours.
const DAILY: &str = "SELECT toUInt8(0) AS side, toString(r.brand) AS brand, toStartOfDay(r.bucket) AS bucket,
            toString(r.platform) AS platform, $sums
        FROM rollup_hourly AS r WHERE r.platform != '' AND (r.brand, toStartOfDay(r.bucket)) IN (
                SELECT brand, bucket FROM rollup_daily WHERE (brand, bucket, stamp) IN (SELECT brand, day, stamp FROM ($stamps)))
            AND (r.brand, r.bucket, r.epoch) IN (SELECT brand, bucket, max(epoch)
                FROM rollup_hourly WHERE toStartOfDay(bucket) $in_span GROUP BY brand, bucket)
        GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(1), toString(r.brand) AS brand, r.bucket AS bucket, toString(r.platform) AS platform, $sums
        FROM rollup_daily AS r FINAL WHERE r.platform != ''
            AND (r.brand, r.bucket, r.stamp) IN (SELECT brand, day, stamp FROM ($stamps))
        GROUP BY brand, bucket, platform";
/// Of models and languages, in the places of mentions and polarities.
const SCORED: &str = "SELECT toUInt8(0) AS side, toString(brand) AS brand, toStartOfHour(created_at) AS bucket,
            concat(model, ' ', language) AS platform, [count(), 0, countIf(model_polarity = -1),
            countIf(model_polarity = 0), countIf(model_polarity = 1)] AS sums
        FROM $corrected AS m WHERE toStartOfHour(created_at) $in_span AND model_polarity != 2
            AND $unexpired
        GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(0), toString(r.brand) AS brand, r.bucket AS bucket, concat(r.model, ' ', r.language) AS platform,
            [sum(r.negative + r.neutral + r.positive), 0, sum(r.negative), sum(r.neutral), sum(r.positive)] AS sums
        FROM expired_scored AS r WHERE toStartOfHour(r.bucket) $in_span AND $kept GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(1), toString(r.brand) AS brand, r.bucket AS bucket, concat(r.model, ' ', r.language) AS platform,
            [sum(r.negative + r.neutral + r.positive), 0, sum(r.negative), sum(r.neutral), sum(r.positive)]
        FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND r.negative + r.neutral + r.positive > 0 AND $newest
        GROUP BY brand, bucket, platform";
const NEWEST: &str = "(r.brand, toStartOfHour(r.bucket), r.epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch)
                FROM $table WHERE toStartOfHour(bucket) $in_span GROUP BY brand, toStartOfHour(bucket))";

/// The comparison of each of [`TABLES`], and of the days with their hours.
fn tiers() -> [String; TABLES.len() + 1] {
    let compare = |sides: &str, table: &str, start: &str| {
        let sides = sides.replace("$stamps", STAMPS).replace("$stamped_hours", "toStartOfDay(bucket) $in_span");
        let sql = VERIFY.replace("$sides", &sides).replace("$sums", SUMS);
        let sql = sql.replace("$newest", NEWEST).replace("$table", table);
        let sql = sql.replace("$start", start).replace("$corrected", CORRECTED).replace("$in_span", IN_SPAN);

        sql.replace("$unexpired", UNEXPIRED).replace("$kept", KEPT).replace("$days", DAYS)
    };
    let [fine, hourly, counts, scored, cells, about, wrote] = TABLES;
    let [of_cells, of_facets] = facets::compared();
    [
        compare(COUNTED, fine, "toStartOfFiveMinutes"),
        compare(COUNTED, hourly, "toStartOfHour"),
        compare(MENTIONS, counts, "toStartOfHour"),
        compare(SCORED, scored, "toStartOfHour"),
        compare(&of_cells, cells, "toStartOfHour"),
        compare(&of_facets, about, "toStartOfHour"),
        compare(members::COMPARED, wrote, "toStartOfHour"),
        compare(DAILY, "rollup_daily", "toStartOfDay"),
    ]
}
