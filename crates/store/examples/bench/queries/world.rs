//! Fills the world, a step after the other; a step that is done is known to a later run.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Instant;

use clickhouse::query::Query;
use jiff::Timestamp;

use super::Place;

/// End of the world: 2026-01-01, in seconds.
pub const END: i64 = 1_767_225_600;
pub const DAYS: i64 = 365;
/// Mentions of one insert.
const CHUNK: u64 = 500_000;

const MENTIONS: &str = include_str!("mentions.sql");
const EDITS: &str = include_str!("edits.sql");
const ENGAGEMENT: &str = include_str!("engagement.sql");
const LABELS: &str = include_str!("labels.sql");
const MARKS: &str = include_str!("marks.sql");
const HEALTH: &str = include_str!("health.sql");

pub async fn fill(place: &Place, mentions: u64) -> Result<(), Box<dyn Error>> {
    place.store.migrate().await?;
    let sql = "CREATE TABLE IF NOT EXISTS bench_steps (name String) ENGINE = MergeTree ORDER BY name";
    place.client.query(sql).execute().await?;
    let done: Vec<String> = place.client.query("SELECT name FROM bench_steps").fetch_all().await?;
    let filling = Filling { place, mentions, done: done.into_iter().collect(), began: Instant::now() };
    for first in (0..mentions).step_by(CHUNK as usize) {
        filling.chunk(first).await?;
    }
    for month in 0..12 {
        let bounds = [month, month + 1].map(|month| END - DAYS * 86_400 + month * DAYS * 7200);
        filling.part("edits", EDITS, bounds).await?;
        filling.part("engagement", ENGAGEMENT, bounds).await?;
    }
    // Nothing that was placed is placed otherwise by a later run.
    if !filling.done.contains("engagement by hour") {
        place.store.place_engagement().await?;
        filling.note("engagement by hour").await?;
    }
    for (name, sql) in [("labels", LABELS), ("health", HEALTH), ("marks", MARKS)] {
        filling.step(name, |query| query.param("end", END).param("total", mentions), sql).await?;
    }
    place.store.list_all_labelled().await?;
    while place.store.rebuild_dirty().await?.hours > 0 {
        filling.say("hours are rebuilt");
    }
    let days = place.store.sum_days().await?.days;
    filling.say(&format!("{days} days of brands are summed"));
    filling.merge().await?;
    filling.settle().await
}

struct Filling<'a> {
    place: &'a Place,
    mentions: u64,
    done: BTreeSet<String>,
    began: Instant,
}

impl Filling<'_> {
    async fn chunk(&self, first: u64) -> Result<(), Box<dyn Error>> {
        let last = (first + CHUNK).min(self.mentions) - 1;
        let bind = |query: Query| {
            query.param("first", first).param("last", last).param("total", self.mentions).param("days", DAYS)
        };
        self.step(&format!("mentions to {last}"), |query| bind(query).param("end", END), MENTIONS).await
    }

    async fn part(&self, name: &str, sql: &str, [from, to]: [i64; 2]) -> Result<(), Box<dyn Error>> {
        let day = Timestamp::from_second(from)?;
        self.step(&format!("{name} from {day}"), |query| query.param("from", from).param("to", to), sql).await
    }

    async fn step(&self, name: &str, bind: impl FnOnce(Query) -> Query, sql: &str) -> Result<(), Box<dyn Error>> {
        if self.done.contains(name) {
            return Ok(());
        }
        // The token makes a step that was cut off, and is begun again, write each block once.
        let query =
            bind(self.place.client.query(sql)).with_setting("insert_deduplication_token", format!("bench {name}"));
        let settings = [
            ("max_partitions_per_insert_block", "0"),
            ("max_insert_threads", "1"),
            ("max_threads", "1"),
            ("deduplicate_blocks_in_dependent_materialized_views", "1"),
            ("deduplicate_insert_select", "enable_even_for_bad_queries"),
        ];
        let query = settings.into_iter().fold(query, |query, (name, value)| query.with_setting(name, value));
        query.execute().await?;
        self.note(name).await
    }

    async fn note(&self, name: &str) -> Result<(), Box<dyn Error>> {
        let sql = "INSERT INTO bench_steps SELECT {name:String}";
        self.place.client.query(sql).param("name", name).execute().await?;
        self.say(name);
        Ok(())
    }

    /// Months that have ended are one part, as they become by themselves after some hours of quiet.
    async fn merge(&self) -> Result<(), Box<dyn Error>> {
        let months = "SELECT table, partition FROM system.parts WHERE active AND database = currentDatabase()
                AND (table IN ('mentions', 'engagement_by_hour') OR table LIKE 'rollup%') AND partition != 'tuple()'
                AND partition < toString(toYYYYMM(toDateTime({end:Int64} - 1, 'UTC')))
            GROUP BY table, partition HAVING count() > 1 ORDER BY table, partition";
        let months: Vec<(String, String)> = self.place.client.query(months).param("end", END).fetch_all().await?;
        for (table, month) in months {
            self.place.client.query(&format!("OPTIMIZE TABLE {table} PARTITION {month} FINAL")).execute().await?;
            self.say(&format!("{month} of {table} is one part"));
        }
        Ok(())
    }

    /// Until nothing is merged any more: what is measured is a table at rest.
    async fn settle(&self) -> Result<(), Box<dyn Error>> {
        loop {
            let merges: u64 = self.place.client.query("SELECT count() FROM system.merges").fetch_one().await?;
            if merges == 0 {
                return Ok(());
            }
            self.say(&format!("{merges} merges run"));
            tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        }
    }

    fn say(&self, what: &str) {
        eprintln!("{:>6.0} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
