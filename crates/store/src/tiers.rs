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
//! | `rollup_members` | hour, author: see `members` | first sightings; rebuilds |
//!
//! Each row carries its epoch, and of each hour the rows of the highest epoch of that table count: a window over the hours finds it
//! while they are read, in about half the time of a look-up. `rollup_daily` holds days that
//! are over, summed from `rollup_hourly`: see [`days`](crate::days).

use crate::By;

pub(crate) const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Lengths of a span, in milliseconds, from which on longer cells are read: below, what it takes to join them to the edges is
/// more than what they save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub hours: i64,
    pub days: i64,
}

impl Lengths {
    /// Measured at ten million mentions: sketches of authors over 30 days take 65 ms by the day and 35 by the hour.
    pub(crate) const USUAL: Self = Self { hours: 2 * DAY, days: 60 * DAY };
    /// Every length, as far as its steps allow: for tests.
    pub(crate) const ANY: Self = Self { hours: 0, days: 0 };
}
/// Tables of rollups: each has `brand`, `bucket` and `epoch`.
pub(crate) const TABLES: [&str; 7] = [
    "rollup_epochs",
    "rollup_hourly",
    "rollup_counts",
    "rollup_scored",
    "rollup_cells",
    "rollup_facets",
    "rollup_members",
];

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
    fn of(from: i64, to: i64, step: Option<u32>) -> Self {
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
}

/// How a question reads rollups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiers {
    /// The longest cells that its span and steps allow.
    pub hours: Hours,
    /// An end of the span lies within an hour.
    pub cut: bool,
    length: i64,
    lengths: Lengths,
}

impl Tiers {
    /// Of a span in milliseconds, answered in points of `step` seconds where it is a series.
    pub(crate) fn of((from, to): (i64, i64), step: Option<u32>, lengths: Lengths) -> Self {
        let cut = from % HOUR != 0 || to % HOUR != 0;
        Self { hours: Hours::of(from, to, step), cut, length: to - from, lengths }
    }

    /// A statement over `rollup_epochs`, to read rows that count alone, and days and hours instead where it may.
    pub(crate) fn of_rollups(self, sql: &str, by: Option<By>) -> String {
        let sketches = sql.contains("authors");
        let used = COLUMNS.iter().filter(|column| sql.contains(*column) || **column == "platform");
        let columns = used.fold("bucket".to_owned(), |columns, column| format!("{columns}, {column}"));
        let all = match (self.hours, by) {
            (Hours::None, _) => None,
            (_, Some(By::Platform)) => Some(PLATFORM_TIERS),
            _ => Some(ALL_TIERS),
        };
        let (own, both) = self.own(sketches);
        let tiers = [("$buckets", Some(own)), ("$all_buckets", all), ("$two_spans", both)];
        let sql = tiers.into_iter().fold(sql.to_owned(), |sql, (name, tier)| match tier {
            Some(tier) => sql.replace(&format!("rollup_epochs WHERE {name}"), &format!("{tier} WHERE true")),
            None => sql,
        });
        self.trimmed(&sql).replace("$fine_edges", FINE_EDGES).replace("$tier_columns", &columns)
    }

    /// What is read of the brand alone, over the span and over it and the one before.
    fn own(self, sketches: bool) -> (&'static str, Option<&'static str>) {
        let both = Some(if self.cut { BOTH_TIERS } else { BOTH_WHOLE });
        match self.hours {
            Hours::None => (FINE, None),
            // Sums of hours are read sooner than it is seen which days count.
            Hours::Days if sketches && self.length >= self.lengths.days => (DAY_TIERS, both),
            _ if self.length >= self.lengths.hours => (TIERS, both),
            _ => (FINE, both),
        }
    }

    /// Without what reads the edges, where there are none.
    fn trimmed(self, sql: &str) -> String {
        let edges = ["$fine_edges", "$all_edges", "$scored_edges"];
        match self.cut {
            true => sql.to_owned(),
            false => edges.iter().fold(sql.to_owned(), |sql, edge| sql.replace(&format!("{edge}\nUNION ALL\n"), "")),
        }
    }

    /// What models said, by [`Column`](crate::Column)s `created_at`, `model`, `language`, `negative`, `neutral` and `positive`.
    pub(crate) fn scored(self, by: Option<By>) -> String {
        let split = matches!(by, Some(By::Platform | By::Kind));
        if self.hours != Hours::None && !split { self.trimmed(SCORED_HOURS) } else { SCORED.to_owned() }
    }
}

/// Start of the first whole hour of the span, and end of the last.
pub(crate) const FIRST_HOUR: &str = "toDateTime(intDiv({from:Int64} + 3599999, 3600000) * 3600, 'UTC')";
pub(crate) const END_HOUR: &str = "toDateTime(intDiv({to:Int64}, 3600000) * 3600, 'UTC')";

/// Start of the first whole day of the span, and end of the last.
pub(crate) const FIRST_DAY: &str = "toDateTime(intDiv({from:Int64} + 86399999, 86400000) * 86400, 'UTC')";
pub(crate) const END_DAY: &str = "toDateTime(intDiv({to:Int64}, 86400000) * 86400, 'UTC')";

/// Five minutes alone.
const FINE: &str = "(SELECT $tier_columns FROM (
SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY toStartOfHour(bucket)) AS top FROM rollup_epochs
    WHERE brand = {brand:String} AND $bucket_hours)
WHERE epoch = top AND platform != '' AND $bucket_span)";
const TIERS: &str = "(SELECT $tier_columns FROM (
$fine_edges
UNION ALL
SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY bucket) AS top FROM rollup_hourly
    WHERE brand = {brand:String} AND $whole_hours)
WHERE epoch = top AND platform != '' AND $bucket_span)";
/// Of the days that count, and of the hours of the others. A window would sort the sketches of all hours: the newest epochs
/// are looked up.
const DAY_TIERS: &str = "(SELECT $tier_columns FROM (
$fine_edges
UNION ALL
SELECT $tier_columns, epoch, epoch AS top FROM rollup_hourly WHERE brand = {brand:String} AND $whole_hours
    AND toStartOfDay(bucket) NOT IN (SELECT bucket FROM rollup_daily
        WHERE brand = {brand:String} AND $whole_days AND (bucket, stamp) IN (SELECT day, stamp FROM ($stamps)))
    AND (bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_hourly
        WHERE brand = {brand:String} AND $whole_hours GROUP BY bucket)
UNION ALL
SELECT $tier_columns, toUInt64(0) AS epoch, toUInt64(0) AS top FROM rollup_daily FINAL
    WHERE brand = {brand:String} AND $whole_days AND (bucket, stamp) IN (SELECT day, stamp FROM ($stamps)))
WHERE epoch = top AND platform != '' AND $bucket_span)";
const FINE_EDGES: &str =
    "SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY toStartOfHour(bucket)) AS top FROM rollup_epochs
    WHERE brand = {brand:String} AND $edge_hours";
/// Mentions of all brands.
const ALL_TIERS: &str = "(
$all_edges
UNION ALL
SELECT brand, bucket, '', argMax(n, epoch) AS mentions FROM (
    SELECT brand, bucket, r.epoch AS epoch, sum(r.mentions) AS n FROM rollup_counts AS r WHERE $whole_hours
    GROUP BY brand, bucket, epoch)
GROUP BY brand, bucket)";
const PLATFORM_TIERS: &str = "(
$all_edges
UNION ALL
SELECT brand, bucket, platform, mentions FROM (
    SELECT brand, bucket, platform, mentions, epoch, max(epoch) OVER (PARTITION BY brand, bucket) AS top
    FROM rollup_hourly WHERE $whole_hours)
WHERE epoch = top AND platform != '')";
pub(crate) const ALL_EDGES: &str = "SELECT brand, bucket, platform, mentions FROM (
    SELECT brand, bucket, platform, mentions, epoch, max(epoch) OVER (PARTITION BY brand, toStartOfHour(bucket)) AS top
    FROM rollup_epochs WHERE $edge_hours)
WHERE epoch = top AND platform != '' AND $bucket_span";
/// Of the span and the one of equal length before it. The hour in which the one ends and the other begins is read by five
/// minutes, as the edges are.
const BOTH_TIERS: &str = "(SELECT $tier_columns FROM (
SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY toStartOfHour(bucket)) AS top FROM rollup_epochs
    WHERE brand = {brand:String} AND bucket >= toStartOfHour($before) AND bucket < $to_bucket AND $both_edges
UNION ALL
SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY bucket) AS top FROM rollup_hourly
    WHERE brand = {brand:String} AND bucket >= $before AND bucket < $to_bucket AND NOT $both_edges)
WHERE epoch = top AND platform != '' AND bucket >= $before)";
/// The same where neither span has edges.
const BOTH_WHOLE: &str = "(SELECT $tier_columns FROM (
SELECT $tier_columns, epoch, max(epoch) OVER (PARTITION BY bucket) AS top FROM rollup_hourly
    WHERE brand = {brand:String} AND bucket >= $before AND bucket < $to_bucket)
WHERE epoch = top AND platform != '')";
pub(crate) const BOTH_EDGES: &str = "toStartOfHour(bucket) IN (toStartOfHour($before), toStartOfHour($from_bucket),
        toStartOfHour($to_bucket))";
pub(crate) const BEFORE: &str = "toDateTime(intDiv(greatest(2 * {from:Int64} - {to:Int64}, 0), 1000), 'UTC')";
const COLUMNS: [&str; 12] = [
    "platform",
    "mentions",
    "reposts",
    "negative",
    "neutral",
    "positive",
    "unscored",
    "questions",
    "complaints",
    "team",
    "authors",
    "negative_authors",
];
/// Of the hours that hold an end of the span, from their start: there a rebuild leaves a row.
pub(crate) const EDGE_HOURS: &str = "$bucket_hours AND (bucket < $first_hour OR bucket >= $end_hour)";
pub(crate) const WHOLE_HOURS: &str = "bucket >= $first_hour AND bucket < $end_hour";
pub(crate) const WHOLE_DAYS: &str = "bucket >= $first_day AND bucket < $end_day";

const SCORED: &str = "(SELECT created_at, platform, kind, model, language, toUInt64(model_polarity = -1) AS negative,
    toUInt64(model_polarity = 0) AS neutral, toUInt64(model_polarity = 1) AS positive
FROM $mentions WHERE $span AND model_polarity != 2)";
const SCORED_HOURS: &str = "(
$scored_edges
UNION ALL
SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, model, language, negative, neutral, positive
FROM (SELECT bucket, model, language, negative, neutral, positive, epoch, max(epoch) OVER (PARTITION BY bucket) AS top
    FROM rollup_scored WHERE brand = {brand:String} AND $whole_hours)
WHERE epoch = top AND negative + neutral + positive > 0)";
pub(crate) const SCORED_EDGES: &str = "SELECT created_at, model, language, toUInt64(model_polarity = -1) AS negative,
    toUInt64(model_polarity = 0) AS neutral, toUInt64(model_polarity = 1) AS positive
FROM $mentions WHERE $span AND (created_at < $first_hour OR created_at >= $end_hour) AND model_polarity != 2";

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
    }

    #[test]
    fn longer_cells_are_read_of_longer_spans() {
        let tables = |to: i64, column: &str| {
            let sql = format!("SELECT {column} FROM rollup_epochs WHERE $buckets");
            let sql = Tiers::of((0, to), None, Lengths::USUAL).of_rollups(&sql, None);
            ["rollup_epochs", "rollup_hourly", "rollup_daily"].map(|table| sql.contains(table))
        };
        assert_eq!(tables(DAY, ""), [true, false, false], "a day");
        assert_eq!(tables(30 * DAY, "authors"), [false, true, false], "a month");
        assert_eq!(tables(60 * DAY, "mentions"), [false, true, false], "sums");
        assert_eq!(tables(60 * DAY, "authors"), [false, true, true], "sketches");
    }

    #[test]
    fn edges_are_read_only_where_the_span_cuts_an_hour() {
        let sql = "SELECT 1 FROM rollup_epochs WHERE $buckets, rollup_epochs WHERE $all_buckets, rollup_epochs WHERE $two_spans";
        let edges = |from: i64| {
            let tiers = Tiers::of((from, 30 * DAY), None, Lengths::ANY);
            let sql = format!("{} {}", tiers.of_rollups(sql, None), tiers.scored(None));
            ["FROM rollup_epochs", "$all_edges", "$both_edges", "$scored_edges"].map(|edge| sql.contains(edge))
        };
        assert_eq!(edges(HOUR), [false; 4]);
        assert_eq!(edges(HOUR + 300_000), [true; 4]);
    }
}
