//! Pieces of SQL that several metrics share, by name. None holds a value of a question: those are server-side
//! parameters.

mod community;
mod since;

pub(crate) use since::is_bounded;

use crate::{
    By,
    days::STAMPS,
    labels::{CORRECTED, Mentions},
    members,
    tiers::{self, Tiers},
};

/// Longest name first, so that `$asked` is not read inside `$asked_at`.
const PIECES: &[(&str, &str)] = &[
    // With the labels of people, of all brands; see [`whole_of`] for those of the asked brand.
    ("$corrected", CORRECTED),
    ("$voices", VOICES),
    ("$engaged", ENGAGED),
    ("$scored_edges", tiers::SCORED_EDGES),
    ("$all_edges", tiers::ALL_EDGES),
    ("$both_edges", tiers::BOTH_EDGES),
    ("$before", tiers::BEFORE),
    ("$stamps", STAMPS),
    ("$stamped_hours", "brand = {brand:String} AND $whole_days"),
    ("$whole_days", tiers::WHOLE_DAYS),
    ("$first_day", tiers::FIRST_DAY),
    ("$first_month", "toDateTime(toStartOfMonth($from), 'UTC')"),
    ("$end_day", tiers::END_DAY),
    ("$whole_hours", tiers::WHOLE_HOURS),
    ("$edge_hours", tiers::EDGE_HOURS),
    ("$first_hour", tiers::FIRST_HOUR),
    ("$end_hour", tiers::END_HOUR),
    ("$all_buckets", ALL_BUCKETS),
    ("$both_buckets", BOTH_BUCKETS),
    ("$two_spans", BOTH_BUCKETS),
    ("$of_author", OF_AUTHOR),
    ("$rates", RATES),
    ("$campaigns", CAMPAIGNS),
    ("$counted", COUNTED),
    ("$own_counts", OWN_COUNTS),
    ("$spent", "toFloat64(sum(spend)), toFloat64(sum(conversion_value)), count(spend), count()"),
    (
        "$clicked",
        "sumIf(clicks, impressions IS NOT NULL) AS clicked, sumIf(impressions, clicks IS NOT NULL) AS shown,
        countIf(clicks IS NOT NULL AND impressions IS NOT NULL) AS sure, count() AS every",
    ),
    (
        "$paid",
        "toFloat64(sumIf(spend, clicks IS NOT NULL)) AS paid, sumIf(clicks, spend IS NOT NULL) AS clicked,
        countIf(clicks IS NOT NULL AND spend IS NOT NULL) AS sure, count() AS every",
    ),
    (
        "$converted",
        "toFloat64(sumIf(conversions, clicks IS NOT NULL)) AS won, sumIf(clicks, conversions IS NOT NULL) AS clicked,
        countIf(clicks IS NOT NULL AND conversions IS NOT NULL) AS sure, count() AS every",
    ),
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
    ("$from_bucket", "toDateTime(intDiv({from:Int64}, 1000), 'UTC')"),
    ("$to_bucket", "toDateTime(intDiv({to:Int64}, 1000), 'UTC')"),
    ("$horizon", "fromUnixTimestamp64Milli({horizon:Int64}, 'UTC')"),
    ("$from", "fromUnixTimestamp64Milli({from:Int64}, 'UTC')"),
    ("$to", "fromUnixTimestamp64Milli({to:Int64}, 'UTC')"),
    ("$spoken", "lower(splitByChar('-', replaceAll(language, '_', '-'))[1])"),
    ("$hex", "leftPad(lower(hex(id)), 32, '0')"),
];

/// Rows of `rollup_epochs` that count, of all brands. Every rebuild leaves a row at the start of the hour (of no platform), so
/// an hour is read from its start.
const ALL_BUCKETS: &str = "$bucket_span AND platform != ''
    AND (brand, toStartOfHour(bucket), epoch) IN (SELECT brand, toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE $bucket_hours GROUP BY brand, toStartOfHour(bucket))";

/// As [`ALL_BUCKETS`], of the brand, in the span and the span of equal length before it.
const BOTH_BUCKETS: &str = "brand = {brand:String} AND platform != '' AND bucket >= $before AND bucket < $to_bucket
    AND (toStartOfHour(bucket), epoch) IN (SELECT toStartOfHour(bucket), max(epoch) FROM rollup_epochs
        WHERE brand = {brand:String} AND bucket >= toStartOfHour($before) AND bucket < $to_bucket
        GROUP BY toStartOfHour(bucket))";

/// Of rows of two spans: scored mentions and net sentiment in the span (`n`, `here`) and before (`earlier`, `before`).
const NET_OF_BOTH: &str = "sumIf(negative + neutral + positive, bucket >= $from) AS n,
    sumIf(negative + neutral + positive, bucket < $from) AS earlier,
    (sumIf(positive, bucket >= $from) - sumIf(negative, bucket >= $from)) / n * 100 AS here,
    (sumIf(positive, bucket < $from) - sumIf(negative, bucket < $from)) / earlier * 100 AS before";

/// What rates need of one author, from [`ENGAGED`]; and the rates' parts, of authors whose followers and counters are known.
const OF_AUTHOR: &str = "argMax(author_followers, observed_at) AS audience, sumIf(total, known) AS given,
    countIf(known) AS stated, count() AS n, sumIf(total, known AND team) AS given_own, countIf(known AND team) AS stated_own";
const RATES: &str = "if(countIf(stated > 0 AND audience IS NOT NULL) = 0, NULL,
        sumIf(given, stated > 0 AND audience IS NOT NULL)) AS engaged,
    sumIf(audience, stated > 0) AS reach, sumIf(stated, audience IS NOT NULL) AS sure, sum(n) AS every,
    if(countIf(stated_own > 0 AND audience IS NOT NULL) = 0, NULL,
        sumIf(given_own, stated_own > 0 AND audience IS NOT NULL)) AS own,
    sumIf(audience, stated_own > 0) AS own_reach";

/// Rows of the brand's campaigns that begin in the span; where a row is about the whole campaign, not its parts.
const CAMPAIGNS: &str =
    "(SELECT platform, campaign, name, part, from_time, to_time, from_time AS created_at, currency, spend,
        impressions, clicks, conversions, conversion_value
    FROM campaigns FINAL WHERE brand = {brand:String} AND from_time >= $from AND from_time < $to
        AND ({campaign:String} = '' OR campaign = {campaign:String})
        AND (part = '' OR (platform, campaign, from_time, to_time) NOT IN (
            SELECT platform, campaign, from_time, to_time FROM campaigns FINAL
            WHERE brand = {brand:String} AND part = '' AND from_time >= $from AND from_time < $to)))";

/// Follower counts of the accounts that the configuration names, each with the brand that it belongs to.
const COUNTED: &str = "(SELECT platform, account AS name, observed_at, followers,
        arrayJoin(arrayFilter(pair -> pair.2 = lower(trim(LEADING '@' FROM account)),
            arrayZip({owners:Array(String)}, {accounts:Array(String)}))).1 AS owner
    FROM accounts WHERE observed_at < $to AND observed_at >= $from - INTERVAL 7 DAY
        AND lower(trim(LEADING '@' FROM account)) IN {accounts:Array(String)})";

/// Of each of the brand's own accounts its follower counts (µs, followers), oldest first, back to seven days before the span of
/// equal length before.
const OWN_COUNTS: &str = "(SELECT groupArray(counts) FROM (
    SELECT arraySort(groupArray((toUnixTimestamp64Micro(observed_at), followers))) AS counts FROM accounts
    WHERE observed_at <= $to AND observed_at >= $before - INTERVAL 7 DAY AND has(
        arrayFilter((name, owner) -> owner = {brand:String}, {accounts:Array(String)}, {owners:Array(String)}),
        lower(trim(LEADING '@' FROM account)))
    GROUP BY platform, account))";

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
    if(newer, ifNull(e.impressions, m.impressions), ifNull(m.impressions, e.impressions)) AS impressions,
    m.hashtags AS hashtags, m.polarity AS polarity,
    coalesce(likes, reposts, replies, quotes, bookmarks) IS NOT NULL AS known,
    ifNull(likes, 0) + ifNull(reposts, 0) + ifNull(replies, 0) + ifNull(quotes, 0) + ifNull(bookmarks, 0) AS total
FROM (SELECT id, author_key, author, author_handle, author_followers, platform, kind, created_at, observed_at, team,
        likes, reposts, replies, quotes, bookmarks, impressions, hashtags, polarity FROM $mentions WHERE $span) AS m
LEFT ANY JOIN (SELECT id, observed_at, likes, reposts, replies, quotes, bookmarks, impressions
    FROM engagement_by_hour FINAL WHERE brand = {brand:String} AND hour >= toStartOfHour($from) AND hour < $to) AS e
    ON m.id = e.id)";

/// Authors that may be among the first of one of three rankings (key, mentions, reach, engagement): ranking takes several times
/// as long as finding where each list ends, so that it is done of few. Names are read of these alone. Figures of all are kept as arrays
/// of numbers, where -1 is not known: tuples, or what may be null, take twice as long.
const VOICES: &str = "(SELECT arrayZip(arrayFilter((one, first) -> first, authors, firsts), arrayFilter((one, first) -> first, posts, firsts),
    arrayFilter((one, first) -> first, reaches, firsts), arrayFilter((one, first) -> first, gains, firsts))
FROM (SELECT groupArray(author_key) AS authors, groupArray(n) AS posts, groupArray(reach) AS reaches, groupArray(engaged) AS gains,
    arrayPartialReverseSort({limit:UInt32}, posts)[{limit:UInt32}] AS often,
    arrayPartialReverseSort({limit:UInt32}, reaches)[{limit:UInt32}] AS wide,
    arrayPartialReverseSort({limit:UInt32}, gains)[{limit:UInt32}] AS much,
    arrayMap((a, b, c) -> a >= often OR b >= greatest(wide, 0) OR c >= greatest(much, 0), posts, reaches, gains) AS firsts
FROM (SELECT author_key, count() AS n, ifNull(toInt64(argMax(author_followers, observed_at)), -1) AS reach,
        if(countIf(known) = 0, -1, toInt64(sum(total))) AS engaged
    FROM $engaged WHERE NOT team GROUP BY author_key))) AS listed,
voices AS (SELECT one.1 AS author_key, named.platform AS platform, one.2 AS n, nullIf(one.3, -1) AS reach, nullIf(one.4, -1) AS engaged,
        named.name AS name
    FROM (SELECT arrayJoin(listed) AS one) AS found
    INNER JOIN (SELECT author_key, any(toString(mentions.platform)) AS platform,
            argMax(if(author_handle = '', author, author_handle), observed_at) AS name FROM $mentions
        WHERE $span AND NOT team AND author_key IN (SELECT arrayJoin(listed).1) GROUP BY author_key) AS named
    ON one.1 = named.author_key)";

/// The statement of a shape's SQL. `step` is the length of a point in seconds, for splits over time.
pub(crate) fn statement(sql: &str, by: Option<By>, step: u32, mentions: Mentions, tiers: Tiers) -> String {
    let sql = tiers.of_rollups(&sql.replace("$scored", &tiers.scored(by)).replace("$net_of_both", NET_OF_BOTH), by);
    let sql = sql.replace("$key", &key(by, step, "created_at"));
    whole_of(&sql.replace("$bucket_key", &key(by, step, "bucket")), mentions)
}

/// Whether a statement of [`statement`] reads mentions, or a rollup of which retention keeps nothing: of what models said, it
/// reads only parts of hours at the ends of the span.
pub(crate) fn reads_mentions(sql: &str, from: i64, to: i64) -> bool {
    let only_edges = sql.contains("FROM rollup_scored");
    ["rollup_cells", "rollup_facets", "rollup_members"].iter().any(|table| sql.contains(&format!("FROM {table}")))
        || sql.contains("FROM mentions AS m FINAL") && !(only_edges && from % tiers::HOUR == 0 && to % tiers::HOUR == 0)
}

/// A statement about one brand: `$mentions` is what it reads of that brand, and of no other; `$few_mentions` the same, where it reads
/// few.
pub(crate) fn whole_of(sql: &str, mentions: Mentions) -> String {
    let (few, all) = (mentions.of_few(), mentions.sql());
    let sql = whole(sql).replace("$few_mentions", &format!("{few} AS mentions"));
    sql.replace("$mentions", &format!("{all} AS mentions"))
}

/// A statement with its pieces put in, `$mentions` left as it is.
pub(crate) fn whole(sql: &str) -> String {
    let mut sql = sql.to_owned();
    // Pieces hold pieces: five rounds reach all of them.
    for _ in 0..5 {
        for (name, piece) in community::PIECES.iter().chain(PIECES) {
            sql = sql.replace(name, piece);
        }
        sql = members::put_in(&sql);
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
