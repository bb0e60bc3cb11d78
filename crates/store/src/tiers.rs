//! Which rollup a question reads: days or hours where its steps allow, five minutes at the edges of its span, the base table
//! where no rollup has the split. Pieces of SQL, without a value of a question in them.
//!
//! | table | cells | from |
//! |---|---|---|
//! | `rollup_epochs` | five minutes, platform | first sightings; rebuilds |
//! | `rollup_hourly` | hour, platform | every row that is written to `rollup_epochs`, in the same statement |
//! | `rollup_counts` | hour: mentions alone | the same |
//! | `rollup_scored` | hour, model, language: what the model said | first sightings; rebuilds |
//! | `rollup_cells` | hour, platform, kind, language: see `facets` | first sightings; rebuilds |
//! | `rollup_facets` | hour, hashtag or theme, author: see `facets` | first sightings; rebuilds |
//!
//! Each row carries its epoch, and of each hour the rows of the highest epoch of that table count. `rollup_daily` holds days that
//! are over, summed from `rollup_hourly`: see [`days`](crate::days).

use crate::By;

pub(crate) const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Length of a span from which on days are read. Measured at ten million mentions: over 30 days, days take 65 ms and hours 35.
pub(crate) const DAYS_FROM: i64 = 60 * DAY;
/// Tables of rollups: each has `brand`, `bucket` and `epoch`.
pub(crate) const TABLES: [&str; 6] =
    ["rollup_epochs", "rollup_hourly", "rollup_counts", "rollup_scored", "rollup_cells", "rollup_facets"];

/// What of a span is read by more than five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hours {
    /// A whole day lies in the span, and no point of the answer is shorter.
    Days,
    /// A whole hour lies in it, and no point is shorter.
    Whole,
    None,
}

impl Hours {
    /// Of a span in milliseconds, answered in points of `step` seconds where it is a series.
    pub(crate) fn of(from: i64, to: i64, step: Option<u32>) -> Self {
        let fits = |length: i64| {
            let whole = to.div_euclid(length) > (from + length - 1).div_euclid(length);
            whole && step.is_none_or(|step| (i64::from(step) * 1000) % length == 0)
        };
        match () {
            () if fits(DAY) => Self::Days,
            () if fits(HOUR) => Self::Whole,
            () => Self::None,
        }
    }

    /// Days cost a look at their stamps: below `days_from`, both lengths in milliseconds, their hours are read sooner.
    pub(crate) fn of_length(self, length: i64, days_from: i64) -> Self {
        if self == Self::Days && length < days_from { Self::Whole } else { self }
    }

    /// A statement over `rollup_epochs`, to read days and hours instead where it may.
    pub(crate) fn of_rollups(self, sql: &str, by: Option<By>) -> String {
        if self == Self::None {
            return sql.to_owned();
        }
        let days = if self == Self::Days { "$day_tiers" } else { "$tiers" };
        let all = if by == Some(By::Platform) { "$platform_tiers" } else { "$all_tiers" };
        sql.replace("rollup_epochs WHERE $buckets", &format!("{days} WHERE true"))
            .replace("rollup_epochs WHERE $all_buckets", &format!("{all} WHERE true"))
            .replace("rollup_epochs WHERE $two_spans", "$both_tiers WHERE true")
    }

    /// What models said, by [`Column`](crate::Column)s `created_at`, `model`, `language`, `negative`, `neutral` and `positive`.
    pub(crate) fn scored(self, by: Option<By>) -> &'static str {
        let split = matches!(by, Some(By::Platform | By::Kind));
        if self != Self::None && !split { SCORED_HOURS } else { SCORED }
    }
}

/// Start of the first whole hour of the span, and end of the last.
pub(crate) const FIRST_HOUR: &str = "toDateTime(intDiv({from:Int64} + 3599999, 3600000) * 3600, 'UTC')";
pub(crate) const END_HOUR: &str = "toDateTime(intDiv({to:Int64}, 3600000) * 3600, 'UTC')";

/// Start of the first whole day of the span, and end of the last.
pub(crate) const FIRST_DAY: &str = "toDateTime(intDiv({from:Int64} + 86399999, 86400000) * 86400, 'UTC')";
pub(crate) const END_DAY: &str = "toDateTime(intDiv({to:Int64}, 86400000) * 86400, 'UTC')";

pub(crate) const TIERS: &str = "(
$fine_edges
UNION ALL
SELECT $tier_columns FROM rollup_hourly WHERE brand = {brand:String} AND $whole_hours AND platform != ''
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_hourly
        WHERE brand = {brand:String} AND $whole_hours GROUP BY bucket))";
/// Of the days that count, and of the hours of the others.
pub(crate) const DAY_TIERS: &str = "(
$fine_edges
UNION ALL
SELECT $tier_columns FROM rollup_hourly WHERE brand = {brand:String} AND $whole_hours AND platform != ''
    AND toStartOfDay(bucket) NOT IN (SELECT bucket FROM rollup_daily
        WHERE brand = {brand:String} AND $whole_days AND (bucket, stamp) IN (SELECT day, stamp FROM ($stamps)))
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_hourly
        WHERE brand = {brand:String} AND $whole_hours GROUP BY bucket)
UNION ALL
SELECT $tier_columns FROM rollup_daily FINAL WHERE brand = {brand:String} AND $whole_days AND platform != ''
    AND (bucket, stamp) IN (SELECT day, stamp FROM ($stamps)))";
pub(crate) const FINE_EDGES: &str =
    "SELECT $tier_columns FROM rollup_epochs WHERE brand = {brand:String} AND $edges AND platform != ''
    AND (toStartOfHour(bucket), epoch) IN (SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE brand = {brand:String} AND $edge_hours GROUP BY toStartOfHour(bucket))";
/// Mentions of all brands.
pub(crate) const ALL_TIERS: &str = "(
$all_edges
UNION ALL
SELECT brand, bucket, '', argMax(n, epoch) AS mentions FROM (
    SELECT brand, bucket, r.epoch AS epoch, sum(r.mentions) AS n FROM rollup_counts AS r WHERE $whole_hours
    GROUP BY brand, bucket, epoch)
GROUP BY brand, bucket)";
pub(crate) const PLATFORM_TIERS: &str = "(
$all_edges
UNION ALL
SELECT brand, bucket, platform, mentions FROM rollup_hourly WHERE $whole_hours AND platform != ''
    AND (brand, bucket, epoch) IN (SELECT brand, bucket, max(epoch) FROM rollup_hourly
        WHERE $whole_hours GROUP BY brand, bucket))";
pub(crate) const ALL_EDGES: &str = "SELECT brand, bucket, platform, mentions FROM rollup_epochs
WHERE $edges AND platform != ''
    AND (brand, toStartOfHour(bucket), epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE $edge_hours GROUP BY brand, toStartOfHour(bucket))";
/// Of the span and the one of equal length before it. The hour in which the one ends and the other begins is read by five
/// minutes, as the edges are.
pub(crate) const BOTH_TIERS: &str = "(
SELECT $tier_columns FROM rollup_epochs WHERE brand = {brand:String} AND platform != ''
    AND bucket >= $before AND bucket < $to_bucket AND $both_edges
    AND (toStartOfHour(bucket), epoch) IN (SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE brand = {brand:String} AND bucket >= toStartOfHour($before) AND bucket < $to_bucket AND $both_edges
        GROUP BY toStartOfHour(bucket))
UNION ALL
SELECT $tier_columns FROM rollup_hourly WHERE brand = {brand:String} AND platform != ''
    AND bucket >= $before AND bucket < $to_bucket AND NOT $both_edges
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_hourly
        WHERE brand = {brand:String} AND bucket >= $before AND bucket < $to_bucket AND NOT $both_edges GROUP BY bucket))";
pub(crate) const BOTH_EDGES: &str = "toStartOfHour(bucket) IN (toStartOfHour($before), toStartOfHour($from_bucket),
        toStartOfHour($to_bucket))";
pub(crate) const BEFORE: &str = "toDateTime(intDiv(greatest(2 * {from:Int64} - {to:Int64}, 0), 1000), 'UTC')";
pub(crate) const COLUMNS: &str =
    "brand, bucket, platform, mentions, reposts, negative, neutral, positive, unscored, questions,
    complaints, team, authors, negative_authors";
/// Five minutes before the first whole hour and after the last; of their hours, the rows that a rebuild leaves at the start
/// too.
pub(crate) const EDGES: &str = "$bucket_span AND (bucket < $first_hour OR bucket >= $end_hour)";
pub(crate) const EDGE_HOURS: &str = "$bucket_hours AND (bucket < $first_hour OR bucket >= $end_hour)";
pub(crate) const WHOLE_HOURS: &str = "bucket >= $first_hour AND bucket < $end_hour";
pub(crate) const WHOLE_DAYS: &str = "bucket >= $first_day AND bucket < $end_day";

const SCORED: &str = "(SELECT created_at, platform, kind, model, language, toUInt64(model_polarity = -1) AS negative,
    toUInt64(model_polarity = 0) AS neutral, toUInt64(model_polarity = 1) AS positive
FROM $mentions WHERE $span AND model_polarity != 2)";
const SCORED_HOURS: &str = "(SELECT created_at, model, language, toUInt64(model_polarity = -1) AS negative,
    toUInt64(model_polarity = 0) AS neutral, toUInt64(model_polarity = 1) AS positive
FROM $mentions WHERE $span AND (created_at < $first_hour OR created_at >= $end_hour) AND model_polarity != 2
UNION ALL
SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, model, language, negative, neutral, positive
FROM rollup_scored WHERE brand = {brand:String} AND $whole_hours AND negative + neutral + positive > 0
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_scored
        WHERE brand = {brand:String} AND $whole_hours GROUP BY bucket))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_where_one_lies_whole_in_the_span_and_no_point_is_shorter() {
        assert_eq!(Hours::of(0, HOUR, None), Hours::Whole);
        assert_eq!(Hours::of(0, 2 * HOUR, Some(3600)), Hours::Whole);
        assert_eq!(Hours::of(0, 2 * HOUR, Some(300)), Hours::None, "points of five minutes");
        assert_eq!(Hours::of(1, 2 * HOUR - 1, None), Hours::None, "two parts of hours");
        assert_eq!(Hours::of(1, 2 * HOUR, None), Hours::Whole);
    }

    #[test]
    fn days_are_read_where_one_lies_whole_in_the_span_and_no_point_is_shorter() {
        assert_eq!(Hours::of(0, DAY, None), Hours::Days);
        assert_eq!(Hours::of(1, 2 * DAY - 1, None), Hours::Whole, "two parts of days");
        assert_eq!(Hours::of(1, 3 * DAY - 1, Some(86_400)), Hours::Days);
        assert_eq!(Hours::of(0, 3 * DAY, Some(3600)), Hours::Whole, "points of an hour");
        assert_eq!(Hours::Days.of_length(30 * DAY, DAYS_FROM), Hours::Whole, "a month");
        assert_eq!(Hours::Days.of_length(60 * DAY, DAYS_FROM), Hours::Days);
    }
}
