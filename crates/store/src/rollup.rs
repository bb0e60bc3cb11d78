//! Rollups computed anew from the base table, the labels and what retention keeps, exact beside any number of writers and rebuilders in any processes.
//!
//! ClickHouse has no transaction over two statements, so nothing here relies on one. Every row of `rollup_epochs` has an
//! epoch, and of an hour only the rows of its highest epoch count. `rollup_hours` keeps, by hour, how often it was
//! marked (`marks`, only ever grows), the highest epoch `announced`, and the highest epoch `done` with the marks that
//! this rebuild saw. An hour is dirty while it has more marks than that.
//!
//! | an insert (see `write`) | a rebuild R of an hour |
//! |---|---|
//! | I1 read `done` of its hours; it becomes the epoch of the rows | R1 read the marks of dirty hours |
//! | I2 mark the hours that the rows make wrong; write the rows; the view adds them to the rollup under that epoch | R2 take an epoch E above all announced, announce E |
//! | I3 read `announced` of its hours again | R3 read the base table, write the hour under E, with a row that counts nothing |
//! | I4 mark the hours where `announced` is not the epoch of I1, and those in which it changed what was stored | R4 write `done` E with the marks of R1 |
//!
//! **Claim: once no insert is under way, each hour is exact or dirty.** The highest epoch of an hour in the rollup is
//! that of a rebuild R. A first sighting that is in the base table, and not changed since, is counted once:
//!
//! | the row | counted by R | counted under its own epoch | so |
//! |---|---|---|---|
//! | was visible before R3 read | yes | no: its epoch was read at I1, before R4 of R, so it is lower than E | once |
//! | was visible after R3 read, I1 after R4 | no | yes: I1 read E, as no higher epoch is done | once |
//! | was visible after R3 read, I1 before R4 | no | no | lacking, but R2 came before R3, so I3 reads an `announced` of E or higher, which I1 did not: I4 marks the hour after R1 read the marks. Dirty |
//!
//! What an insert changes, deletes or moves away is marked at I4, after it is visible: a rebuild that saw the mark at R1
//! reads it at R3; any other leaves the hour dirty. That is all that edits need, as they do not feed the view.
//!
//! The marks of I2 are not part of this: one more mark costs at most one more rebuild, as marks only grow. They are there
//! for who looks between I2 and I4, perhaps long, where the writer was stopped: its hours are wrong by then, and marked.
//! (But where a whole rebuild went by between the two statements of I2; that hour is marked again at I4.)
//!
//! | what else may happen | why it holds |
//! |---|---|
//! | two rebuilders of one hour | the higher epoch counts, whichever ends last; `done` pairs it with the marks that it saw itself, so that marks which only the other saw keep the hour dirty |
//! | a rebuilder is stopped and goes on much later, or its statement runs on in the server after it died | its epoch was announced before it read. Where a higher one counts by now, its rows do not. Where none does, it is a rebuild that took long |
//! | it dies between R2 and R3 | marks are as before; inserts find `announced` above `done` and mark, until a later rebuild is done under a higher epoch |
//! | it dies in R3 or between R3 and R4 | its rows may count, but `done` lacks them: the hour is as dirty as before R1, and whoever inserts reads an older epoch at I1 and marks |
//! | R3 is cut off halfway | an hour's rows are one block in one part, so readers see it whole or not; either way R4 is missing |
//! | an insert dies between I2 and I4 | the range is replayed, and a replay marks all its hours |
//! | a writer is stopped between its look at `batches` and its rows, for longer than the window of tokens, others do its work, and it dies before I3 | **it does not hold**: nobody replays the range, and its first sightings count twice. The audit finds the hours, [`Store::rebuild`] mends them |
//! | two processes insert one range at once | its token lets one block of a month through, in the base table and in the rollup; the second try is a replay and marks all its hours when everything is visible |
//! | a writer is stopped before I2 and goes on after others did its work, even behind the window of tokens | it finds the range in `batches` at I3, and marks all its hours; equal rows fold in the base table |
//! | no mark is there ([`Store::rebuild`]) | it marks first |
//! | a log is restored from a backup, and gives offsets out again under its old id | its range is in `batches` before I2: it is a replay, so that rows which its token holds back are written, and all its hours are marked |
//! | an engine is killed after it noted a token and before it kept the rows | a replay looks for its rows and writes those that lack |
//!
//! **The tiers.** What is said here of the rollup holds for each table of `tiers`. `rollup_hourly` and `rollup_counts` are fed by views on
//! `rollup_epochs`, the others by one each on `mentions` and by a statement each of R3: so every row of each is written by a
//! statement of I2 or of R3, under the epoch of that insert or rebuild, and R4 comes after all of them. The claim speaks of when
//! rows become visible and of their epochs, and not of what stands in them or in which table; two tables may show an insert or
//! a rebuild at different moments, which is while it is under way. A rebuild leaves a row for every hour in each of them. The
//! epoch belongs to the hour, so no table has cells that are longer than one; days are another matter, see `days`.
//!
//! Labels of people change what an hour should say as edits do; that the hour is then marked is shown in `labels`. Retention
//! changes where it stands: of days that went, R3 reads counts that were kept of them, and no mentions. What that does to the
//! claim is shown in `retention`.
//!
//! Rows of lower epochs never count again, whatever comes; they are deleted now and then. A store is taken to show
//! what it acknowledged to every later statement: one server does, and how replicas are made to stands in `cluster`.

use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Store, StoreError,
    client::millis,
    error::Doing,
    facets,
    hours::{Dirty, PAIRS, bind},
    labels::CORRECTED,
    members,
    retention::{KEPT, UNEXPIRED},
    tiers::TABLES,
};

/// Brand-hours of one rebuild.
const HOURS: usize = 1000;
/// Brand-hours of one deletion, which rewrites the months that it touches.
const CLEANED: usize = 10_000;
/// Rebuilt hours after which rows that no longer count are deleted: that rewrites parts, so not each time.
const STALE: u64 = 500;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Brand-hours that were computed anew.
    pub hours: u64,
}

const REBUILD: &str = "INSERT INTO rollup_epochs (brand, bucket, platform, epoch, mentions, reposts, negative, neutral,
    positive, unscored, questions, complaints, team, authors, negative_authors)
SELECT brand, bucket, platform, {epoch:UInt64}, sum(n), sum(of_reposts), sum(of_negative), sum(of_neutral),
    sum(of_positive), sum(of_unscored), sum(of_questions), sum(of_complaints), sum(of_team),
    uniqCombined64MergeState(14)(by), uniqCombined64MergeState(14)(by_negative)
FROM (SELECT brand, bucket, platform, countIf(real) AS n, countIf(kind = 'repost') AS of_reposts,
        countIf(polarity = 'negative') AS of_negative, countIf(polarity = 'neutral') AS of_neutral,
        countIf(polarity = 'positive') AS of_positive, countIf(polarity = 'unscored') AS of_unscored,
        countIf(intent = 'question') AS of_questions, countIf(intent = 'complaint') AS of_complaints,
        countIf(team) AS of_team, uniqCombined64StateIf(14)(author_key, real) AS by,
        uniqCombined64StateIf(14)(author_key, polarity = 'negative') AS by_negative
    FROM (SELECT toString(m.brand) AS brand, toStartOfFiveMinutes(m.created_at) AS bucket,
            toString(m.platform) AS platform, toString(m.kind) AS kind, toString(m.polarity) AS polarity,
            toString(m.intent) AS intent, m.team AS team, m.author_key AS author_key, 1 AS real
        FROM $corrected AS m WHERE m.created_at >= toDateTime({from:UInt32}, 'UTC')
            AND m.created_at < toDateTime({to:UInt32}, 'UTC') AND (m.brand, toStartOfHour(m.created_at)) IN $pairs
            AND $unexpired
        UNION ALL SELECT at.1, at.2, '', '', '', '', false, 0, 0 FROM (SELECT arrayJoin($all) AS at))
    GROUP BY brand, bucket, platform
    UNION ALL SELECT toString(r.brand), r.bucket, toString(r.platform), toUInt64(r.mentions), toUInt64(r.reposts),
        toUInt64(r.negative), toUInt64(r.neutral), toUInt64(r.positive), toUInt64(r.unscored),
        toUInt64(r.questions), toUInt64(r.complaints), toUInt64(r.team), r.authors, r.negative_authors
    FROM expired_counts AS r WHERE $kept)
GROUP BY brand, bucket, platform";
const REBUILD_SCORED: &str =
    "INSERT INTO rollup_scored (brand, bucket, model, language, epoch, negative, neutral, positive)
SELECT brand, bucket, model, language, {epoch:UInt64}, sum(of_negative), sum(of_neutral), sum(of_positive)
FROM (SELECT toString(m.brand) AS brand, toStartOfHour(m.created_at) AS bucket, toString(m.model) AS model,
        toString(m.language) AS language, toUInt64(m.model_polarity = -1) AS of_negative,
        toUInt64(m.model_polarity = 0) AS of_neutral, toUInt64(m.model_polarity = 1) AS of_positive
    FROM $corrected AS m WHERE m.created_at >= toDateTime({from:UInt32}, 'UTC')
        AND m.created_at < toDateTime({to:UInt32}, 'UTC') AND (m.brand, toStartOfHour(m.created_at)) IN $pairs
        AND m.model_polarity != 2 AND $unexpired
    UNION ALL SELECT at.1, at.2, '', '', 0, 0, 0 FROM (SELECT arrayJoin($all) AS at)
    UNION ALL SELECT toString(r.brand), r.bucket, toString(r.model), toString(r.language), toUInt64(r.negative),
        toUInt64(r.neutral), toUInt64(r.positive)
    FROM expired_scored AS r WHERE $kept)
GROUP BY brand, bucket, model, language";
/// What retention keeps of the hours.
const KEPT_HOURS: &str = "r.bucket >= toDateTime({from:UInt32}, 'UTC') AND r.bucket < toDateTime({to:UInt32}, 'UTC')
        AND (r.brand, toStartOfHour(r.bucket)) IN $pairs";
const DAYS: &str = "BETWEEN toDate(toDateTime({from:UInt32}, 'UTC')) AND toDate(toDateTime({to:UInt32}, 'UTC'))";
const ALL_HOURS: &str = "arrayMap((b, h) -> (b, toDateTime(h, 'UTC')), {brands:Array(String)}, {hours:Array(UInt32)})";

/// Hours that hold rows of more than one epoch, with the one that counts.
const STALE_HOURS: &str = "SELECT brand, toUnixTimestamp(toStartOfHour(bucket)) AS hour_s, max(epoch) AS marks
    FROM $table GROUP BY brand, hour_s HAVING min(epoch) < marks ORDER BY brand, hour_s LIMIT {most:UInt32}";
/// What does not count now never will: it does not matter when, or how late, this runs.
const CLEAN: &str = "ALTER TABLE $table DELETE WHERE bucket >= toDateTime({from:UInt32}, 'UTC')
    AND bucket < toDateTime({to:UInt32}, 'UTC') AND epoch < transform(
        concat(toString(toUnixTimestamp(toStartOfHour(bucket))), ' ', toString(brand)),
        {names:Array(String)}, {epochs:Array(UInt64)}, toUInt64(0))";

/// A statement of R3.
fn whole(sql: &str) -> String {
    let sql = sql.replace("$kept", &format!("{KEPT_HOURS} AND {KEPT}")).replace("$unexpired", UNEXPIRED);
    sql.replace("$days", DAYS).replace("$corrected", CORRECTED).replace("$pairs", PAIRS).replace("$all", ALL_HOURS)
}

impl Store {
    /// Computes the rollups of a brand anew from the base table, for every hour that touches the span and holds
    /// anything. Safe beside writers and other rebuilds, in any process.
    ///
    /// # Errors
    /// An empty span. After any error the hours are marked dirty.
    pub async fn rebuild(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Rebuilt, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let sql = "SELECT DISTINCT toUnixTimestamp(hour) AS hour_s FROM (
                SELECT toStartOfHour(created_at) AS hour FROM mentions WHERE brand = {brand:String}
                UNION ALL SELECT toStartOfHour(bucket) FROM rollup_epochs WHERE brand = {brand:String})
            WHERE hour >= toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
                AND hour < fromUnixTimestamp64Milli({to:Int64}, 'UTC') ORDER BY hour_s";
        let query = self.read(sql).param("brand", brand).param("from", millis(from)).param("to", millis(to));
        let hours: Vec<u32> = query.fetch_all().await.doing("listing the hours of a span")?;
        for chunk in hours.chunks(HOURS) {
            let chunk = chunk.iter().map(|hour| (brand, *hour)).collect();
            self.mark(&chunk).await?;
            self.rebuild_hours(&self.dirty_of(&chunk).await?).await?;
        }
        self.clean_at_times(hours.len() as u64).await?;
        Ok(Rebuilt { hours: hours.len() as u64 })
    }

    /// Rebuilds the hours that edits, deletions and late versions have touched, the newest first, at most 100,000 of
    /// them: the rest is left to the next call. For the sink, when it is idle.
    ///
    /// Several at once do the same work twice, and do no harm.
    pub async fn rebuild_dirty(&self) -> Result<Rebuilt, StoreError> {
        let dirty = self.dirty().await?;
        for chunk in dirty.chunks(HOURS) {
            self.rebuild_hours(chunk).await?;
        }
        self.clean_at_times(dirty.len() as u64).await?;
        Ok(Rebuilt { hours: dirty.len() as u64 })
    }

    /// R2 to R4, for hours whose marks were read.
    pub(crate) async fn rebuild_hours(&self, hours: &[Dirty]) -> Result<(), StoreError> {
        let (Some(from), Some(to)) = (hours.iter().map(|h| h.hour_s).min(), hours.iter().map(|h| h.hour_s).max())
        else {
            return Ok(());
        };
        let epoch = self.next_epoch().await?;
        self.announce(epoch, hours).await?;
        self.step("rebuild-started");
        let [cells, facets] = facets::rebuilds();
        for sql in [REBUILD, REBUILD_SCORED, &cells, &facets, members::REBUILD] {
            bind(self.writer().query(&whole(sql)), hours.iter().map(|hour| (hour.brand.as_str(), hour.hour_s)))
                .param("epoch", epoch)
                .param("from", from)
                .param("to", to.saturating_add(3600))
                .with_setting("insert_deduplicate", "0")
                .with_setting("do_not_merge_across_partitions_select_final", "1")
                // One block, however many rows: the parts of a month appear whole.
                .with_setting("max_insert_threads", "1")
                .with_setting("min_insert_block_size_rows", "1000000000")
                .with_setting("min_insert_block_size_bytes", "0")
                .execute()
                .await
                .doing("rebuilding rollups")?;
        }
        self.step("rebuild-inserted");
        self.finish(epoch, hours).await?;
        self.step("rebuild-done");
        Ok(())
    }

    /// Deletes rows that do not count, once enough hours were rebuilt.
    async fn clean_at_times(&self, rebuilt: u64) -> Result<(), StoreError> {
        if self.rebuilt.fetch_add(rebuilt, Relaxed) + rebuilt < STALE {
            return Ok(());
        }
        self.rebuilt.store(0, Relaxed);
        self.clean().await
    }

    /// Deletes rows of the rollups that no longer count. Rebuilds do so now and then.
    pub async fn clean(&self) -> Result<(), StoreError> {
        for table in TABLES {
            while self.clean_table(table).await? {}
        }
        Ok(())
    }

    /// False once nothing is left to delete.
    async fn clean_table(&self, table: &str) -> Result<bool, StoreError> {
        let doing = "deleting old rollups";
        let query = self.read(&STALE_HOURS.replace("$table", table)).param("most", self.mutation_rows(CLEANED) as u32);
        let stale: Vec<Dirty> = query.fetch_all().await.doing(doing)?;
        let hours = || stale.iter().map(|hour| hour.hour_s);
        let (Some(from), Some(to)) = (hours().min(), hours().max()) else { return Ok(false) };
        let name = |hour: &Dirty| format!("{} {}", hour.hour_s, hour.brand);
        self.writer()
            .query(&CLEAN.replace("$table", table))
            .param("from", from)
            .param("to", to.saturating_add(3600))
            .param("names", stale.iter().map(name).collect::<Vec<_>>())
            // The epochs that count.
            .param("epochs", stale.iter().map(|hour| hour.marks).collect::<Vec<_>>())
            .execute()
            .await
            .doing(doing)?;
        Ok(true)
    }
}
