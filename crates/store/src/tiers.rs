//! Which rollup a question reads: hours where its steps allow, five minutes at the edges of its span, the base table where no
//! rollup has the split. Pieces of SQL, without a value of a question in them.
//!
//! | table | cells | from |
//! |---|---|---|
//! | `rollup_epochs` | five minutes, platform | first sightings; rebuilds |
//! | `rollup_hourly` | hour, platform | every row that is written to `rollup_epochs`, in the same statement |
//! | `rollup_scored` | hour, model, language: what the model said | first sightings; rebuilds |
//!
//! Each row carries its epoch, and of each hour the rows of the highest epoch of that table count.

use crate::By;

const HOUR: i64 = 3_600_000;
/// Tables of rollups: each has `brand`, `bucket` and `epoch`.
pub(crate) const TABLES: [&str; 3] = ["rollup_epochs", "rollup_hourly", "rollup_scored"];

/// What of a span is read by the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hours {
    /// A whole hour lies in the span, and no point of the answer is shorter.
    Whole,
    None,
}

impl Hours {
    /// Of a span in milliseconds, answered in points of `step` seconds where it is a series.
    pub(crate) fn of(from: i64, to: i64, step: Option<u32>) -> Self {
        let whole = to.div_euclid(HOUR) > (from + HOUR - 1).div_euclid(HOUR);
        if whole && step.is_none_or(|step| step % 3600 == 0) { Self::Whole } else { Self::None }
    }

    /// A statement over `rollup_epochs`, to read hours instead where it may.
    pub(crate) fn of_rollups(self, sql: &str) -> String {
        match self {
            Self::Whole => sql
                .replace("rollup_epochs WHERE $buckets", "$tiers WHERE true")
                .replace("rollup_epochs WHERE $all_buckets", "$all_tiers WHERE true"),
            Self::None => sql.to_owned(),
        }
    }

    /// What models said, by [`Column`](crate::Column)s `created_at`, `model`, `language`, `negative`, `neutral` and `positive`.
    pub(crate) fn scored(self, by: Option<By>) -> &'static str {
        let split = matches!(by, Some(By::Platform | By::Kind));
        if self == Self::Whole && !split { SCORED_HOURS } else { SCORED }
    }
}

/// Start of the first whole hour of the span, and end of the last.
pub(crate) const FIRST_HOUR: &str = "toDateTime(intDiv({from:Int64} + 3599999, 3600000) * 3600, 'UTC')";
pub(crate) const END_HOUR: &str = "toDateTime(intDiv({to:Int64}, 3600000) * 3600, 'UTC')";

pub(crate) const TIERS: &str = "(
SELECT $tier_columns FROM rollup_epochs WHERE brand = {brand:String} AND $edges AND platform != ''
    AND (toStartOfHour(bucket), epoch) IN (SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE brand = {brand:String} AND $edge_hours GROUP BY toStartOfHour(bucket))
UNION ALL
SELECT $tier_columns FROM rollup_hourly WHERE brand = {brand:String} AND $whole_hours AND platform != ''
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_hourly
        WHERE brand = {brand:String} AND $whole_hours GROUP BY bucket))";
pub(crate) const ALL_TIERS: &str = "(
SELECT $tier_columns FROM rollup_epochs WHERE $edges AND platform != ''
    AND (brand, toStartOfHour(bucket), epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE $edge_hours GROUP BY brand, toStartOfHour(bucket))
UNION ALL
SELECT $tier_columns FROM rollup_hourly WHERE $whole_hours AND platform != ''
    AND (brand, bucket, epoch) IN (SELECT brand, bucket, max(epoch) FROM rollup_hourly
        WHERE $whole_hours GROUP BY brand, bucket))";
pub(crate) const COLUMNS: &str =
    "brand, bucket, platform, mentions, reposts, negative, neutral, positive, unscored, questions,
    complaints, team, authors, negative_authors";
/// Five minutes before the first whole hour and after the last; of their hours, the rows that a rebuild leaves at the start
/// too.
pub(crate) const EDGES: &str = "$bucket_span AND (bucket < $first_hour OR bucket >= $end_hour)";
pub(crate) const EDGE_HOURS: &str = "$bucket_hours AND (bucket < $first_hour OR bucket >= $end_hour)";
pub(crate) const WHOLE_HOURS: &str = "bucket >= $first_hour AND bucket < $end_hour";

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
}
