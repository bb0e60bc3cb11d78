//! Who wrote, by the hour: the rollup `rollup_members`, and how a question reads it.
//!
//! Questions about people read authors of months, some of a brand's whole history. From the base table that is five columns of every
//! mention, with the newest version of each sought; here it is a row of a few bytes for each author and hour.
//!
//! The table is one of those of [`rollup`](crate::rollup), and what is shown there holds for it. An hour has its epoch in its row of
//! `rebuilt`, which a rebuild writes in the same block as the rest; without one its epoch is 0. That is the highest epoch of the hour's
//! rows, as inserts take only epochs whose rebuild is done.
//!
//! In a statement, `$wrote[A; B; C]` stands for the posts of members from A to before C, as rows of `created_at`, `platform`,
//! `author_key`, `named` and `n`, how many. A row of the rollup has the start of its hour for its time, so hours that hold a bound are read
//! from the base table: whoever compares times with another bound than A and C names it between them (B), or compares days and months,
//! which hours do not cross. Without A it reads everything before C. Conditions go behind it: the engine asks them where it reads.
//! `$known[A; B]` stands for the keys of those who wrote in it and before A, too: looking for these alone keeps little of a long history.

/// A statement of R3, with the parameters and pieces of the others.
pub(crate) const REBUILD: &str =
    "INSERT INTO rollup_members (brand, who, bucket, platform, author_key, epoch, mentions)
SELECT brand, who, bucket, platform, author_key, {epoch:UInt64}, countIf(real)
FROM (SELECT toString(m.brand) AS brand, if(m.named, 'named', 'unnamed') AS who, toStartOfHour(m.created_at) AS bucket,
        toString(m.platform) AS platform, m.author_key AS author_key, true AS real
    FROM $corrected AS m WHERE m.created_at >= toDateTime({from:UInt32}, 'UTC')
        AND m.created_at < toDateTime({to:UInt32}, 'UTC') AND (m.brand, toStartOfHour(m.created_at)) IN $pairs
        AND NOT m.team AND NOT m.author_bot AND m.kind != 'repost' AND $unexpired
    UNION ALL SELECT at.1, 'rebuilt', at.2, '', 0, false FROM (SELECT arrayJoin($all) AS at))
GROUP BY brand, who, bucket, platform, author_key";

/// Sides 0 and 1 of the comparison in `verify`, by platform and whether it names its authors; a hash of every row stands in the place
/// of sketches.
pub(crate) const COMPARED: &str = "SELECT toUInt8(0) AS side, brand, bucket, cell AS platform,
            [sum(n), 0, 0, 0, 0, 0, 0, 0, 0, sum(cityHash64(author_key, n))] AS sums
        FROM (SELECT toString(m.brand) AS brand, toStartOfHour(m.created_at) AS bucket,
                concat(m.platform, if(m.named, ' named', ' unnamed')) AS cell, m.author_key AS author_key, count() AS n
            FROM $corrected AS m WHERE toStartOfHour(m.created_at) $in_span AND NOT m.team AND NOT m.author_bot
                AND m.kind != 'repost' AND $unexpired GROUP BY brand, bucket, cell, author_key)
        GROUP BY brand, bucket, platform
        UNION ALL
        SELECT toUInt8(1), brand, bucket, cell AS platform, [sum(n), 0, 0, 0, 0, 0, 0, 0, 0, sum(cityHash64(author_key, n))]
        FROM (SELECT toString(r.brand) AS brand, r.bucket AS bucket, concat(r.platform, ' ', toString(r.who)) AS cell,
                r.author_key AS author_key, sum(r.mentions) AS n
            FROM $table AS r WHERE toStartOfHour(r.bucket) $in_span AND r.who != 'rebuilt' AND $newest
            GROUP BY brand, bucket, cell, author_key)
        GROUP BY brand, bucket, platform";

const KNOWN: &str =
    "(SELECT author_key FROM $wrote[; $since] WHERE author_key IN (SELECT author_key FROM $wrote[$since; $until]))";

const WROTE: &str = "(
SELECT toDateTime64(bucket, 3, 'UTC') AS created_at, platform, author_key, who = 'named' AS named, mentions AS n FROM rollup_members
WHERE brand = {brand:String} AND who != 'rebuilt' AND $hours AND bucket NOT IN ($cut)
    AND ((bucket, epoch) IN (SELECT bucket, max(epoch) FROM rollup_members WHERE $rebuilt GROUP BY bucket)
        OR epoch = 0 AND bucket NOT IN (SELECT bucket FROM rollup_members WHERE $rebuilt))
UNION ALL
SELECT created_at, platform, author_key, named, toUInt64(1) AS n FROM $few_mentions
WHERE brand = {brand:String} AND $times AND toStartOfHour(created_at) IN ($cut) AND $member)";
const REBUILT: &str = "brand = {brand:String} AND who = 'rebuilt' AND $hours";

/// The same of the base table alone, for answers in points that are shorter than an hour.
const WROTE_BASE: &str = "(
SELECT created_at, platform, author_key, named, toUInt64(1) AS n FROM $mentions
WHERE brand = {brand:String} AND $times AND $member)";

/// A statement with its `$known[…]` and `$wrote[…]` put in, and what [`put_in_at`] left.
pub(crate) fn put_in(sql: &str) -> String {
    let sql =
        replaced(sql, "$known[", |bounds| KNOWN.replace("$since", since(bounds)).replace("$until", until(bounds)));
    replaced(&sql.replace("$wrote_at[", "$wrote["), "$wrote[", |bounds| posts(bounds, WROTE))
}

/// A statement about points that are shorter than an hour: its `$wrote_at[…]` from the base table. Of others it is `$wrote[…]`.
pub(crate) fn put_in_at(sql: &str, by_hour: bool) -> String {
    if by_hour { sql.to_owned() } else { replaced(sql, "$wrote_at[", |bounds| posts(bounds, WROTE_BASE)) }
}

/// `piece` gives what stands for a name with these bounds.
fn replaced(sql: &str, name: &str, piece: impl Fn(&[&str]) -> String) -> String {
    let mut sql = sql.to_owned();
    while let Some((before, rest)) = sql.split_once(name) {
        let (inside, behind) = rest.split_once(']').unwrap_or((rest, ""));
        let bounds: Vec<&str> = inside.split(';').map(str::trim).collect();
        sql = format!("{before}{}{behind}", piece(&bounds));
    }
    sql
}

/// Empty where there is none.
fn since<'a>(bounds: &[&'a str]) -> &'a str {
    bounds.first().copied().unwrap_or_default()
}

fn until<'a>(bounds: &[&'a str]) -> &'a str {
    bounds.last().copied().unwrap_or_default()
}

fn posts(bounds: &[&str], piece: &str) -> String {
    let (since, until) = (since(bounds), until(bounds));
    let within = |time: &str, bound: fn(&str) -> String| {
        let since = if since.is_empty() { String::new() } else { format!("{time} >= {} AND ", bound(since)) };
        format!("{since}{time} < {}", bound(until))
    };
    let cut: Vec<String> =
        bounds.iter().filter(|bound| !bound.is_empty()).map(|bound| format!("toStartOfHour({bound})")).collect();
    let sql =
        piece.replace("$rebuilt", REBUILT).replace("$hours", &within("bucket", |bound| format!("toDateTime({bound})")));
    sql.replace("$times", &within("created_at", str::to_owned)).replace("$cut", &cut.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hours_of_all_bounds_are_read_from_the_base_table_alone() {
        let sql = put_in("SELECT sum(n) FROM $wrote[$from - INTERVAL 30 DAY; $from; $to] WHERE named");
        let cut = "toStartOfHour($from - INTERVAL 30 DAY), toStartOfHour($from), toStartOfHour($to)";
        assert!(sql.contains(&format!("bucket NOT IN ({cut})")), "{sql}");
        assert!(sql.contains(&format!("toStartOfHour(created_at) IN ({cut})")), "{sql}");
        assert!(sql.contains("bucket >= toDateTime($from - INTERVAL 30 DAY) AND bucket < toDateTime($to)"), "{sql}");
        assert!(sql.contains("created_at >= $from - INTERVAL 30 DAY AND created_at < $to AND"), "{sql}");
        assert!(sql.ends_with(") WHERE named") && !sql.contains("$wrote") && !sql.contains(']'), "{sql}");
    }

    #[test]
    fn without_a_first_bound_everything_before_the_last_is_read() {
        let sql = put_in("$wrote[; $from]");
        assert!(!sql.contains(">=") && sql.contains("bucket < toDateTime($from)"), "{sql}");
        assert!(sql.contains("NOT IN (toStartOfHour($from))"), "{sql}");
    }

    #[test]
    fn who_is_known_wrote_within_the_bounds_and_before_them() {
        let known = put_in("x NOT IN $known[$from - INTERVAL 30 DAY; $to] GROUP BY x");
        let both = "x NOT IN (SELECT author_key FROM $wrote[; $from - INTERVAL 30 DAY] WHERE author_key IN (\
            SELECT author_key FROM $wrote[$from - INTERVAL 30 DAY; $to])) GROUP BY x";
        assert_eq!(known, put_in(both));
    }

    #[test]
    fn points_shorter_than_an_hour_come_from_the_base_table() {
        let sql = "SELECT 1 FROM $wrote_at[$from; $to] CROSS JOIN $wrote[; $from]";
        assert_eq!(put_in(&put_in_at(sql, true)).matches("rollup_members").count(), 6, "rows, and their epochs twice");
        let base = put_in_at(sql, false);
        assert_eq!((base.matches("$wrote[").count(), base.matches("rollup_members").count()), (1, 0), "{base}");
        assert_eq!(put_in(&base).matches("rollup_members").count(), 3);
    }
}
