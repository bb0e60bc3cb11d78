//! Z1 to Z6.

use std::collections::BTreeMap;

use clickhouse::{Row, query::Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Months, Retention, UNEXPIRED};
use crate::{Store, StoreError, error::Doing, labels::CORRECTED, write::array};

/// Ids of one statement.
const IDS: usize = 20_000;
/// What hangs on mentions, by their id.
const BY_ID: [&str; 3] = ["engagement", "engagement_by_hour", "rescored"];

/// Mentions of a brand and platform that are older than they are kept for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expiring {
    pub brand: String,
    pub platform: String,
    /// Of the oldest of them.
    pub oldest: jiff::civil::Date,
    /// What was written from here on stays.
    pub kept_from: jiff::civil::Date,
    pub mentions: u64,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// Mentions by brand that went.
    pub mentions: u64,
    /// Days of a brand and platform whose counts are kept from now on.
    pub days: u64,
    /// Months that are left to do.
    pub months_left: u64,
}

/// A day of a brand and platform that has mentions and is to have none.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct Due {
    brand: String,
    platform: String,
    day: u16,
    month: u32,
    mentions: u64,
    /// Its counts are kept already.
    named: bool,
}

const DUE: &str = "SELECT toString(brand) AS brand, toString(platform) AS platform, toDate(created_at) AS day,
        toYYYYMM(day) AS month, uniqExact(id) AS mentions,
        toBool((brand, platform, day) IN (SELECT brand, platform, day FROM expired)) AS named
    FROM mentions WHERE toDate(created_at) < greatest(toDate({before:UInt16}), (SELECT max(day) + 1 FROM expired))
    GROUP BY brand, platform, day ORDER BY day, brand, platform";

/// The days of the parameters, as a set. Write it behind `IN`.
const DAYS: &str = "(SELECT at.1, at.2, toDate(at.3) FROM (SELECT arrayJoin(arrayZip({brands:Array(String)},
        {platforms:Array(String)}, {days:Array(UInt16)})) AS at))";
const OF_MONTH: &str = "toYYYYMM(created_at) = {month:UInt32} AND (brand, platform, toDate(created_at)) IN $set";

const COUNTS: &str =
    "INSERT INTO expired_counts SELECT m.brand, toStartOfFiveMinutes(m.created_at) AS bucket, m.platform,
    {pass:UInt64}, count(), countIf(kind = 'repost'), countIf(polarity = 'negative'), countIf(polarity = 'neutral'),
    countIf(polarity = 'positive'), countIf(polarity = 'unscored'), countIf(intent = 'question'),
    countIf(intent = 'complaint'), countIf(team), uniqCombined64State(14)(author_key),
    uniqCombined64StateIf(14)(author_key, polarity = 'negative')
FROM $corrected AS m WHERE $of_month AND $unexpired GROUP BY m.brand, bucket, m.platform";
const SCORED: &str = "INSERT INTO expired_scored SELECT m.brand, toStartOfHour(m.created_at) AS bucket, m.platform,
    toString(m.model) AS said_by, toString(m.language) AS in_language, {pass:UInt64}, countIf(model_polarity = -1),
    countIf(model_polarity = 0), countIf(model_polarity = 1)
FROM $corrected AS m WHERE $of_month AND $unexpired AND model_polarity != 2
GROUP BY m.brand, bucket, m.platform, said_by, in_language";
/// Z3 is what it reads, Z4 what it writes.
const NAME: &str = "INSERT INTO expired SELECT at.1, at.2, toDate(at.3), {pass:UInt64} FROM (SELECT arrayJoin(arrayZip(
    {brands:Array(String)}, {platforms:Array(String)}, {days:Array(UInt16)})) AS at)
    WHERE (at.1, at.2, toDate(at.3)) NOT IN (SELECT brand, platform, day FROM expired)";
const MARK: &str = "INSERT INTO rollup_hours (brand, hour, marks)
    SELECT brand, toStartOfHour(created_at) AS hour, 1 FROM mentions WHERE $of_month GROUP BY brand, hour";
/// Of a table, ids of mentions that are to go and are of no other brand that keeps them.
const HANGING: &str = "SELECT DISTINCT id FROM $table WHERE id IN (SELECT id FROM mentions WHERE $of_month)
    AND id NOT IN (SELECT id FROM mentions WHERE id IN (SELECT id FROM mentions WHERE $of_month)
        AND (brand, platform, toDate(created_at)) NOT IN (SELECT brand, platform, day FROM expired))
    LIMIT {ids:UInt64}";
const DELETE: &str = "ALTER TABLE mentions DELETE IN PARTITION {month:UInt32} WHERE
    has(arrayZip({brands:Array(String)}, {platforms:Array(String)}, {days:Array(UInt16)}),
        (toString(brand), toString(platform), toUInt16(toDate(created_at))))";

fn bind(query: Query, month: u32, due: &[Due]) -> Query {
    let of = |field: fn(&Due) -> &str| due.iter().map(field).collect::<Vec<_>>();
    query
        .param("month", month)
        .param("brands", of(|due| &due.brand))
        .param("platforms", of(|due| &due.platform))
        .param("days", due.iter().map(|due| due.day).collect::<Vec<_>>())
}

fn whole(sql: &str) -> String {
    let sql = sql.replace("$corrected", CORRECTED).replace("$of_month", OF_MONTH).replace("$set", DAYS);
    // A month's days at most.
    sql.replace("$unexpired", UNEXPIRED).replace("$days", ">= toDate(0)")
}

impl Store {
    /// What [`Store::expire`] would remove now, by brand and platform.
    pub async fn expiring(&self, retention: &Retention, now: Timestamp) -> Result<Vec<Expiring>, StoreError> {
        let mut all: BTreeMap<(String, String), Expiring> = BTreeMap::new();
        for due in self.due(retention, now).await?.into_values().flatten() {
            let kept_from = date(retention.first_day(&due.brand, &due.platform, now).max(due.day + 1));
            let row = all.entry((due.brand.clone(), due.platform.clone())).or_insert_with(|| Expiring {
                brand: due.brand,
                platform: due.platform,
                oldest: date(due.day),
                kept_from,
                mentions: 0,
            });
            row.mentions += due.mentions;
            row.kept_from = row.kept_from.max(kept_from);
        }
        Ok(all.into_values().collect())
    }

    /// Removes what is older than it is kept for, of one month, the oldest; `months_left` says how many more calls have
    /// something to do. Safe beside writers, rebuilds and other passes, in any process.
    ///
    /// # Errors
    /// After any error, the next call goes on.
    pub async fn expire(&self, retention: &Retention, now: Timestamp) -> Result<Expired, StoreError> {
        let mut months = self.due(retention, now).await?;
        let Some((month, due)) = months.pop_first() else { return Ok(Expired::default()) };
        let days = self.keep_counts(month, &due).await?;
        self.delete_expired(month, &due).await?;
        let mentions = due.iter().map(|due| due.mentions).sum();
        Ok(Expired { mentions, days, months_left: months.len() as u64 })
    }

    async fn due(&self, retention: &Retention, now: Timestamp) -> Result<Months<Due>, StoreError> {
        let query = self.read(DUE).param("before", retention.latest_first_day(now));
        let found: Vec<Due> =
            query.fetch_all().await.doing("looking for mentions that are older than they are kept for")?;
        let mut months: Months<Due> = BTreeMap::new();
        for due in found {
            if due.named || due.day < retention.first_day(&due.brand, &due.platform, now) {
                months.entry(due.month).or_default().push(due);
            }
        }
        Ok(months)
    }

    /// Z1 to Z5. How many days are kept as counts from now on.
    async fn keep_counts(&self, month: u32, due: &[Due]) -> Result<u64, StoreError> {
        let doing = "keeping the counts of what is removed";
        let fresh: Vec<Due> = due.iter().filter(|due| !due.named).cloned().collect();
        if !fresh.is_empty() {
            let pass = self.next_pass().await?;
            for sql in [COUNTS, SCORED] {
                let insert = bind(self.writer().query(&whole(sql)), month, &fresh).param("pass", pass);
                let insert = insert.with_setting("insert_deduplicate", "0");
                insert.with_setting("do_not_merge_across_partitions_select_final", "1").execute().await.doing(doing)?;
            }
            self.step("retention-counted");
            let name = bind(self.writer().query(NAME), month, &fresh).param("pass", pass);
            name.execute().await.doing(doing)?;
            self.step("retention-named");
        }
        let mark = bind(self.writer().query(&whole(MARK)), month, due);
        mark.execute().await.doing("marking the hours of what is removed")?;
        Ok(fresh.len() as u64)
    }

    /// Microseconds, and a random part: two passes have two numbers, whatever their clocks say.
    async fn next_pass(&self) -> Result<u64, StoreError> {
        let sql = "SELECT bitOr(bitShiftLeft(toUInt64(toUnixTimestamp64Micro(now64(6))), 12), toUInt64(rand() % 4096))";
        self.read(sql).fetch_one().await.doing("taking a number for a pass of retention")
    }

    /// Z6.
    async fn delete_expired(&self, month: u32, due: &[Due]) -> Result<(), StoreError> {
        let doing = "removing mentions that are older than they are kept for";
        for table in BY_ID {
            let hanging = whole(HANGING).replace("$table", table);
            loop {
                let query = bind(self.read(&hanging), month, due).param("ids", self.mutation_rows(IDS) as u64);
                let ids: Vec<u128> = query.fetch_all().await.doing(doing)?;
                if ids.is_empty() {
                    break;
                }
                let ids: Vec<_> = ids.into_iter().map(grapevine_model::MentionId).collect();
                let sql = format!("ALTER TABLE {table} DELETE WHERE id IN {{gone:Array(UInt128)}}");
                self.writer().query(&sql).param("gone", array(&ids)).execute().await.doing(doing)?;
            }
        }
        self.step("retention-unhung");
        bind(self.writer().query(DELETE), month, due).execute().await.doing(doing)
    }
}

fn date(day: u16) -> jiff::civil::Date {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(i64::from(day)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_of_a_day_is_written_in_every_statement_alike() {
        for sql in [COUNTS, SCORED, MARK, HANGING] {
            assert!(!whole(sql).replace("$table", "t").contains('$'), "{}", whole(sql));
        }
        assert!(super::super::KEPT.contains("max(pass)") && date(20_514) == jiff::civil::date(2026, 3, 2));
    }
}
