//! Pieces of SQL that several metrics share, by name. None holds a value of a question: those are server-side
//! parameters.

mod community;

use crate::{By, labels::CORRECTED, registry::Shape};

/// Longest name first, so that `$asked` is not read inside `$asked_at`.
const PIECES: &[(&str, &str)] = &[
    // With the labels of people.
    ("$mentions", "$corrected AS mentions"),
    ("$corrected", CORRECTED),
    ("$engaged", ENGAGED),
    ("$buckets", BUCKETS),
    ("$all_buckets", ALL_BUCKETS),
    (
        "$bucket_span",
        "bucket >= toDateTime(intDiv({from:Int64}, 1000), 'UTC') AND bucket < toDateTime(intDiv({to:Int64}, 1000),
        'UTC')",
    ),
    (
        "$bucket_hours",
        "bucket >= toStartOfHour(toDateTime(intDiv({from:Int64}, 1000), 'UTC'))
        AND bucket < toDateTime(intDiv({to:Int64}, 1000), 'UTC')",
    ),
    ("$span", "brand = {brand:String} AND created_at >= $from AND created_at < $to"),
    ("$needs", "intent IN ('question', 'complaint') AND NOT team AND kind != 'repost'"),
    ("$reply", "(parent_id != 0 OR thread_id != id) AND kind NOT IN ('repost', 'quote')"),
    ("$member", "NOT team AND NOT author_bot AND kind != 'repost'"),
    ("$horizon", "fromUnixTimestamp64Milli({horizon:Int64}, 'UTC')"),
    ("$from", "fromUnixTimestamp64Milli({from:Int64}, 'UTC')"),
    ("$to", "fromUnixTimestamp64Milli({to:Int64}, 'UTC')"),
    ("$spoken", "lower(splitByChar('-', replaceAll(language, '_', '-'))[1])"),
    ("$hex", "leftPad(lower(hex(id)), 32, '0')"),
];

/// Rows of `rollup_epochs` that count, of the brand and of all brands. Every rebuild leaves a row at the start of the
/// hour (of no platform), so an hour is read from its start.
const BUCKETS: &str = "brand = {brand:String} AND $bucket_span AND platform != ''
    AND (toStartOfHour(bucket), epoch) IN (SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE brand = {brand:String} AND $bucket_hours GROUP BY toStartOfHour(bucket))";
const ALL_BUCKETS: &str = "$bucket_span AND platform != ''
    AND (brand, toStartOfHour(bucket), epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE $bucket_hours GROUP BY brand, toStartOfHour(bucket))";

/// Mentions of the span with the newest counters that are known of each: the snapshot's where it is newer, else their
/// own.
const ENGAGED: &str = "(
SELECT m.author_key AS author_key, m.author AS author, m.author_handle AS author_handle, m.platform AS platform,
    m.kind AS kind, m.created_at AS created_at, m.observed_at AS observed_at, m.team AS team,
    m.author_followers AS author_followers, e.observed_at > m.observed_at AS newer,
    if(newer, ifNull(e.likes, m.likes), ifNull(m.likes, e.likes)) AS likes,
    if(newer, ifNull(e.reposts, m.reposts), ifNull(m.reposts, e.reposts)) AS reposts,
    if(newer, ifNull(e.replies, m.replies), ifNull(m.replies, e.replies)) AS replies,
    if(newer, ifNull(e.quotes, m.quotes), ifNull(m.quotes, e.quotes)) AS quotes,
    if(newer, ifNull(e.bookmarks, m.bookmarks), ifNull(m.bookmarks, e.bookmarks)) AS bookmarks,
    coalesce(likes, reposts, replies, quotes, bookmarks) IS NOT NULL AS known,
    ifNull(likes, 0) + ifNull(reposts, 0) + ifNull(replies, 0) + ifNull(quotes, 0) + ifNull(bookmarks, 0) AS total
FROM (SELECT id, author_key, author, author_handle, author_followers, platform, kind, created_at, observed_at, team,
        likes, reposts, replies, quotes, bookmarks FROM $mentions WHERE $span) AS m
LEFT JOIN (SELECT id, observed_at, likes, reposts, replies, quotes, bookmarks FROM engagement FINAL
        WHERE id IN (SELECT id FROM mentions WHERE $span)) AS e ON m.id = e.id)";

/// The statement of a shape. `step` is the length of a point in seconds, for splits over time.
pub(crate) fn statement(shape: &Shape, by: Option<By>, step: u32) -> String {
    let sql = shape.sql.replace("$key", &key(by, step, "created_at"));
    whole(&sql.replace("$bucket_key", &key(by, step, "bucket")))
}

/// A statement with its pieces put in.
pub(crate) fn whole(sql: &str) -> String {
    let mut sql = sql.to_owned();
    // Pieces hold pieces: five rounds reach all of them.
    for _ in 0..5 {
        for (name, piece) in community::PIECES.iter().chain(PIECES) {
            sql = sql.replace(name, piece);
        }
    }
    sql
}

fn key(by: Option<By>, step: u32, time: &str) -> String {
    match by {
        Some(By::Time | By::FiveMinutes | By::Hour | By::Day) => {
            format!("toUInt32(intDiv(toUnixTimestamp({time}), {step}) * {step})")
        }
        Some(By::Kind) => "toString(kind)".to_owned(),
        Some(by) => by.name().to_owned(),
        None => "''".to_owned(),
    }
}
