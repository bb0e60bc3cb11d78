//! Pieces of the community's metrics.

/// As [`super::PIECES`]; longest name first.
pub(super) const PIECES: &[(&str, &str)] = &[
    ("$waits", WAITS),
    ("$survival", SURVIVAL),
    ("$within", WITHIN),
    ("$exchanged", EXCHANGED),
    ("$advocates", ADVOCATES),
    ("$depths", DEPTHS),
    ("$depth", DEPTH),
    ("$opener", "thread_id = id AND (parent_id = 0 OR kind = 'quote') AND kind != 'repost' AND NOT author_bot"),
    ("$daily", DAILY),
    ("$returned", RETURNED),
    ("$regulars", REGULARS),
    ("$gone", GONE),
    ("$joined", JOINED),
    ("$inequality", INEQUALITY),
    ("$made", MADE),
    ("$told", TOLD),
    ("$toxic", TOXIC),
    ("$satisfied", SATISFIED),
    ("$person", "$member AND named"),
    ("$named", "NOT author_bot AND named"),
];

/// Questions and complaints of the span, each with its first answer and the team's first: by another person, in reply to it
/// or in the thread that it opened, up to the horizon. Of answers in one millisecond a member's is the first.
const WAITS: &str = "
asked AS (SELECT id, platform, intent, author_key, created_at FROM $mentions
    WHERE $span AND created_at <= $horizon AND $needs),
replies_to AS (SELECT arrayJoin(arrayDistinct([parent_id, thread_id])) AS target, author_key AS by, team AS by_team,
        created_at AS at
    FROM $mentions WHERE brand = {brand:String} AND created_at >= $from AND created_at <= $horizon AND $reply),
first_answers AS (SELECT id, min(at) AS answered_at, 1 AS answered, argMin(by_team, (at, by_team)) AS team_first,
        minIf(at, by_team) AS team_answered_at, toUInt8(max(by_team)) AS team_answered
    FROM replies_to INNER JOIN asked ON replies_to.target = asked.id
    WHERE by != author_key AND at >= asked.created_at GROUP BY id),
waits AS (SELECT asked.id AS id, asked.platform AS platform, asked.intent AS intent, asked.created_at AS created_at,
        first_answers.answered AS answered, first_answers.team_first AS team_first,
        first_answers.team_answered AS team_answered,
        toUnixTimestamp64Milli(if(first_answers.answered = 1, first_answers.answered_at, $horizon))
            - toUnixTimestamp64Milli(asked.created_at) AS wait,
        toUnixTimestamp64Milli(if(first_answers.team_answered = 1, first_answers.team_answered_at, $horizon))
            - toUnixTimestamp64Milli(asked.created_at) AS team_wait
    FROM asked LEFT JOIN first_answers ON asked.id = first_answers.id)";

/// Kaplan-Meier over `waiting (key, wait, answered)`: of each key and wait, the share that is then left.
const SURVIVAL: &str = "
leaving AS (SELECT key, wait, sum(answered) AS events, count() AS gone FROM waiting GROUP BY key, wait),
risk AS (SELECT *, sum(gone) OVER (PARTITION BY key ORDER BY wait DESC) AS at_risk FROM leaving),
survival AS (SELECT *, exp(sum(log(1 - events / at_risk)) OVER (PARTITION BY key ORDER BY wait)) AS left FROM risk)";
/// 1e-9 absorbs the rounding of a product of fractions that is exactly a half.
const WITHIN: &str = "minOrNullIf(wait, left <= 0.5 + 1e-9) / 1000, minOrNullIf(wait, left <= 0.1 + 1e-9) / 1000,
    sum(gone) AS n, sum(events), sum(gone) - sum(events)";

/// Replies of the span to what another person wrote, whose mention is stored and no older than 90 days before the span: who answered
/// whom. A reply that names no parent answers who opened its thread. Bots are left out, and people whom the platform does not name.
const EXCHANGED: &str = "
replying AS (SELECT if(parent_id != 0, parent_id, thread_id) AS answers, author_key, team, platform FROM $mentions
    WHERE $span AND $reply AND $named),
replied AS (SELECT id, author_key, team FROM $mentions WHERE brand = {brand:String}
    AND created_at >= $from - INTERVAL 90 DAY AND created_at < $to AND $named AND id IN (SELECT answers FROM replying)),
exchanged AS (SELECT r.author_key AS source, r.team AS by_team, p.author_key AS target, p.team AS to_team,
        r.platform AS platform
    FROM replying AS r INNER JOIN replied AS p ON r.answers = p.id WHERE r.author_key != p.author_key)";

/// Members with all three counts, and the newest praise of each as time and id. What is named is computed as often as it is
/// read: who answered whom is read once.
const ADVOCATES: &str = "$exchanged,
praising AS (SELECT author_key, count() AS praise, max((created_at, id)) AS newest FROM $mentions
    WHERE $span AND $person AND intent = 'praise' GROUP BY author_key),
helping AS (SELECT side.1 AS who, countIf(side.2) AS answers, countIf(side.3) AS answered FROM (
        SELECT arrayJoin([(source, NOT by_team AND NOT to_team, false), (target, false, NOT to_team)]) AS side FROM exchanged)
    GROUP BY who HAVING answers > 0 AND answered > 0),
advocates AS (SELECT author_key, praise, newest, answers, answered FROM praising
    INNER JOIN helping ON praising.author_key = helping.who)";

/// Threads of `opened (id, author_key, key)`, with their replies and people; both 0 and 1 where nobody replied.
const DEPTH: &str = "
following AS (SELECT arrayJoin(arrayDistinct([parent_id, thread_id])) AS target, author_key FROM $mentions
    WHERE $span AND $reply AND NOT author_bot),
followed AS (SELECT target, count() AS replies, groupUniqArray(author_key) AS who FROM following
    WHERE target IN (SELECT id FROM opened) GROUP BY target),
threads AS (SELECT key, replies, length(arrayDistinct(arrayPushBack(who, author_key))) AS people
    FROM opened LEFT JOIN followed ON opened.id = followed.target)";
const DEPTHS: &str =
    "quantileExactInclusiveIf(0.5)(replies, replies > 0), quantileExactInclusiveIf(0.9)(replies, replies > 0),
    quantileExactInclusiveIf(0.5)(people, replies > 0), quantileExactInclusiveIf(0.9)(people, replies > 0),
    countIf(replies > 0), count()";

/// How many members (n) a post of the day `posted` holds on the day `at` of the span. On each day an author counts by their newest
/// post until then: a post holds the days up to their next, 30 at most; of several of a day the last does. Those that hold equally
/// long are counted before their days are told one by one.
const DAILY: &str = "(
SELECT posted, posted + arrayJoin(range(held)) AS at, n FROM (
    SELECT posted, toUInt32(least(next - posted, 30)) AS held, count() AS n FROM (
        SELECT arraySort(groupArray(toDate(created_at))) AS days FROM $wrote[toStartOfDay($from) - INTERVAL 29 DAY; $to]
        GROUP BY author_key)
    ARRAY JOIN days AS posted, arrayPushBack(arrayPopFront(days), days[-1] + 30) AS next GROUP BY posted, held))
WHERE at >= toDate($from) AND at <= toDate($to - INTERVAL 1 MILLISECOND)";

/// By month, from the month before the span's first.
const RETURNED: &str = "toDateTime(addMonths(earlier, 1), 'UTC') AS month, if(over, returned / authors * 100, NULL),
    countIf(has(months, addMonths(earlier, 1))) AS returned, count() AS authors,
    toBool(toDateTime(addMonths(earlier, 2), 'UTC') <= $horizon) AS over FROM (
    SELECT any(platform) AS platform, groupUniqArray(toStartOfMonth(created_at)) AS months
    FROM $wrote[toDateTime(addMonths(toStartOfMonth($from), -1), 'UTC'); $to] WHERE named GROUP BY author_key)
ARRAY JOIN months AS earlier WHERE toDateTime(addMonths(earlier, 1), 'UTC') < $to";

/// Who posted often in the 90 days before the span.
const REGULARS: &str = "
regulars AS (SELECT author_key, any(platform) AS platform, sum(n) AS posts
    FROM $wrote[$from - INTERVAL 90 DAY; $from] WHERE named GROUP BY author_key HAVING posts >= 4)";

/// The [`REGULARS`] with most posts who did not post in the span, as posts, time and id of the last post. Those who may be among the
/// first are found by the hour of their last post (author, posts, hour), so that few hours are looked at for the posts themselves.
const GONE: &str = "
silent AS (SELECT author_key, sumIf(n, created_at < $from) AS posts, toStartOfHour(max(created_at)) AS hour
    FROM $wrote[$from - INTERVAL 90 DAY; $from; $to] WHERE named
    GROUP BY author_key HAVING posts >= 4 AND countIf(created_at >= $from) = 0),
(SELECT arrayFilter(one -> (one.2, one.3) >= least, every) FROM (SELECT groupArray((author_key, posts, hour)) AS every,
    arrayPartialReverseSort({limit:UInt32}, arrayMap(one -> (one.2, one.3), every))[{limit:UInt32}] AS least FROM silent)) AS often,
(SELECT groupArray((posts, last.1, last.2)) FROM (
    SELECT one.2 AS posts, wrote.last AS last FROM (SELECT author_key, max((created_at, id)) AS last FROM $mentions
        WHERE brand = {brand:String} AND $person AND created_at >= $from - INTERVAL 90 DAY AND created_at < $from
        AND toStartOfHour(created_at) IN (SELECT arrayJoin(often).3) AND author_key IN (SELECT arrayJoin(often).1)
        GROUP BY author_key) AS wrote
    INNER JOIN (SELECT arrayJoin(often) AS one, one.1 AS author_key) AS listed ON wrote.author_key = listed.author_key
    ORDER BY posts DESC, last DESC LIMIT {limit:UInt32})) AS gone";

/// Newcomers whose 30 days end in the span or later. Who posted before is told by their keys alone: to find everyone's first post
/// takes several times as long.
const JOINED: &str = "
joined AS (SELECT any(platform) AS platform, min(created_at) AS first_at, groupArraySorted(3)(created_at) AS firsts,
        first_at + INTERVAL 30 DAY <= $horizon AS over,
        length(firsts) = 3 AND firsts[-1] < first_at + INTERVAL 30 DAY AS converted
    FROM $mentions WHERE brand = {brand:String} AND $person AND created_at >= $from - INTERVAL 30 DAY AND created_at < $to
    AND author_key NOT IN $known[$from - INTERVAL 30 DAY; $to] GROUP BY author_key)";

/// Of `posts`, counts by author, the largest first.
const INEQUALITY: &str = "
arraySum(arraySlice(posts, 1, intDiv(length(posts) + 99, 100))) / arraySum(posts) * 100,
arraySum(arraySlice(posts, 1, intDiv(length(posts) + 9, 10))) / arraySum(posts) * 100,
countEqual(posts, 1) / length(posts) * 100, length(posts), arraySum(posts)";

/// Of `$cells`; a card of a link is a link.
const MADE: &str = "sum(made) AS ugc, sum(with_media), sum(with_links), sum(members) AS wrote, ugc / wrote * 100";

/// What each model said in each language.
const TOLD: &str = "toString(model) AS scorer, $spoken AS spoken, countIf(model_polarity = -1) AS n,
    countIf(model_polarity = 0) AS u, countIf(model_polarity = 1) AS p";

/// Of `$cells`.
const TOXIC: &str = "sum(hostile) / sum(judged) * 100, sum(hostile), sum(judged), sum(others) - sum(judged)";

/// A survey's comment is stored as a review, too; its score counts on the survey's scale alone.
const SATISFIED: &str = "avgIf(score, scale = 'stars'), countIf(scale = 'stars'),
    countIf(scale = 'csat' AND score >= 4) / countIf(scale = 'csat' AND score IS NOT NULL) * 100,
    countIf(scale = 'csat' AND score IS NOT NULL),
    (countIf(scale = 'nps' AND score >= 9) - countIf(scale = 'nps' AND score <= 6))
        / countIf(scale = 'nps' AND score IS NOT NULL) * 100,
    countIf(scale = 'nps' AND score IS NOT NULL), countIf(score IS NULL)
FROM (
    SELECT created_at, toString(platform) AS platform, 'stars' AS scale, toFloat64(stars) AS score FROM $mentions
    WHERE $span AND kind = 'review' AND stars IS NOT NULL
    AND NOT (instance = '' AND (platform, native_id) IN (SELECT platform, id FROM surveys WHERE brand = {brand:String}))
    UNION ALL
    SELECT answered_at, toString(platform), toString(scale), toFloat64(score) FROM surveys FINAL
    WHERE brand = {brand:String} AND answered_at >= $from AND answered_at < $to)";
