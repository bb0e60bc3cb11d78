//! The writer: one batch of the log becomes rows of every table, once.

mod batch;
mod by_hour;
mod imports;
mod lookup;
mod plan;
mod rescored;
mod rows;
mod slots;
mod sources;

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clickhouse::RowWrite;
use grapevine_model::MentionId;

pub use batch::{Batch, Inserted};
use imports::{CampaignRecord, SurveyRecord};
pub(crate) use lookup::array;
use plan::Plan;
pub(crate) use rescored::RescoredRecord;
use rows::{AccountRecord, BatchRecord, EngagementRecord, MentionRecord};
pub(crate) use rows::{UNSCORED, micros};
use sources::{GapRecord, HealthRecord, ReportRecord, SampledRecord};

use crate::{
    Store, StoreError,
    corrected::CardRecord,
    error::Doing,
    hours::{EpochsOf, Hour},
};

/// A server that does not answer for this long is treated as gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const END_TIMEOUT: Duration = Duration::from_secs(180);

impl Store {
    /// Writes a batch. The identical batch again changes nothing. Safe beside other inserts and rebuilds, in any process.
    ///
    /// Its steps are those of the table in `rollup`: read the epochs of its hours, write the rows, with marks before and
    /// behind them; then the heartbeats, so that nothing is closed before it is right or marked; the range itself comes last.
    ///
    /// # Errors
    /// After any error, insert the identical batch again: what was written is not written twice.
    pub async fn insert(&self, batch: &Batch) -> Result<Inserted, StoreError> {
        check(batch)?;
        let token = batch.token();
        let tried = !held(&self.tries).insert(token.clone());
        let inserted = self.insert_range(batch, &token, tried || batch.replay).await?;
        held(&self.tries).remove(&token);
        Ok(inserted)
    }

    /// `again`: rows of another try may be there in part, be on their way, or carry epochs that nobody has checked.
    async fn insert_range(&self, batch: &Batch, token: &str, again: bool) -> Result<Inserted, StoreError> {
        let (ids, hours) = (lookup::ids(batch), plan::hours(batch));
        let named: Vec<MentionId> = ids.iter().copied().flatten().collect();
        let brands = hours.iter().map(|(brand, _)| *brand).collect();
        let (found, epochs, known, labelled, gone) = tokio::try_join!(
            self.stored(batch, &ids),
            self.epochs(&hours),
            self.has_range(batch),
            self.labelled(&named),
            self.gone(&brands)
        )?;
        // A log that was restored from a backup gives its offsets out anew: the range is known, its events are not.
        let again = again || known;
        let (stored, replayed) = found;
        let mut plan = plan::plan(batch, &ids, &stored, &gone);
        plan.stamp(&epochs);
        // Equal rows fold in these tables, so a token only saves work; and an engine that was killed may know a token
        // without having kept the rows.
        let other = (!again).then_some(token);
        self.list_labelled(&plan.hours_of(&labelled)).await?;
        self.mark(&plan.in_danger(again, &labelled)).await?;
        tokio::try_join!(
            self.write::<MentionRecord<'_>>("mentions", Some(token), &plan.mentions),
            self.write::<EngagementRecord>("engagement", other, &plan.engagement),
            self.write::<AccountRecord>("accounts", other, &plan.accounts),
            self.write::<CampaignRecord<'_>>("campaigns", other, &plan.campaigns),
            self.write::<SurveyRecord<'_>>("surveys", other, &plan.surveys),
            self.write::<GapRecord>("gaps", other, &plan.gaps),
            self.write::<SampledRecord>("sampled", other, &plan.sampled),
            self.write::<ReportRecord>("source_reports", other, &plan.reports),
            self.write::<CardRecord>("models", other, &plan.cards),
        )?;
        if again {
            self.write_lacking(&plan).await?;
        }
        self.step("store-mentions-written");
        self.write_by_hour(&plan).await?;
        self.step("store-engagement-placed");
        self.apply_rescored(batch, &plan.rescored).await?;
        let marks = self.to_mark(batch, &plan, &epochs, again || replayed).await?;
        self.mark(&marks).await?;
        self.step("store-marks-written");
        let range = [BatchRecord::from(batch)];
        tokio::try_join!(
            self.write::<HealthRecord>("source_health", other, &plan.health),
            self.write::<BatchRecord<'_>>("batches", other, &range),
        )?;
        Ok(Inserted { replayed, dirty_hours: marks.len() as u64, ..plan.inserted })
    }

    /// Hours that the next rebuild has to compute anew.
    async fn to_mark<'a>(
        &self,
        batch: &Batch,
        plan: &Plan<'a>,
        before: &EpochsOf,
        again: bool,
    ) -> Result<BTreeSet<Hour<'a>>, StoreError> {
        let dropped = plan.expired.iter().copied().filter(|_| again);
        if plan.mentions.is_empty() && plan.rescored.is_empty() {
            return Ok(dropped.collect());
        }
        let fresh = plan.fresh.iter().copied();
        let (named, brands) = (plan.sighted(), plan.mentions.iter().map(|row| row.brand).collect());
        // Where this range is stored already, others did this work while this process stood still.
        let (now, overtaken, labelled, gone) = tokio::try_join!(
            self.epochs(&plan.fresh),
            self.has_range(batch),
            self.labelled(&named),
            self.gone(&brands)
        )?;
        let labelled = plan.hours_of(&labelled);
        self.list_labelled(&labelled).await?;
        let unsure = |hour: &Hour<'_>| again || overtaken || now.get(*hour).announced != before.get(*hour).done;
        let changed = plan.changed.iter().copied().chain(fresh.filter(unsure));
        Ok(changed.chain(labelled).chain(plan.of_gone(&gone)).chain(dropped).collect())
    }

    /// Writes the rows that another try should have left and did not.
    async fn write_lacking(&self, plan: &Plan<'_>) -> Result<(), StoreError> {
        let ids: Vec<MentionId> = plan.mentions.iter().map(|row| MentionId(row.id)).collect();
        let newest = self.newest_of(&ids).await?;
        let lacks = |row: &&MentionRecord<'_>| {
            newest.get(&row.id).and_then(|brands| brands.get(row.brand)).is_none_or(|newest| newest.gives_way_to(row))
        };
        let lacking: Vec<MentionRecord<'_>> = plan.mentions.iter().filter(lacks).cloned().collect();
        self.write::<MentionRecord<'_>>("mentions", None, &lacking).await
    }

    async fn has_range(&self, batch: &Batch) -> Result<bool, StoreError> {
        let sql = "SELECT toBool(count() > 0) FROM batches WHERE log = {log:String} AND topic = {topic:String}
            AND partition = {partition:UInt32} AND first_offset = {first:UInt64} AND last_offset = {last:UInt64}";
        self.read(sql)
            .param("log", &batch.log)
            .param("topic", &batch.topic)
            .param("partition", batch.partition)
            .param("first", batch.first_offset)
            .param("last", batch.last_offset)
            .fetch_one()
            .await
            .doing("looking for a stored range")
    }

    /// Without a token the rows are written in any case. The columns of a table are compared with the row's once: that
    /// takes a tenth of the time that it takes to send a batch.
    async fn write<T>(&self, table: &'static str, token: Option<&str>, rows: &[T::Value<'_>]) -> Result<(), StoreError>
    where
        T: RowWrite,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let doing = "writing a batch";
        let compare = !held(&self.compared).contains(table);
        let insert = self.writer().with_validation(compare).insert::<T>(table).await.doing(doing)?;
        let insert = match token {
            Some(token) => insert.with_setting("insert_deduplication_token", format!("{token}:{table}")),
            None => insert.with_setting("insert_deduplicate", "0"),
        };
        let mut insert = insert.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
        for row in rows {
            insert.write(row).await.doing(doing)?;
        }
        insert.end().await.doing(doing)?;
        held(&self.compared).insert(table);
        Ok(())
    }
}

/// Nothing is done under these locks that could break what they hold.
fn held<T>(lock: &Mutex<HashSet<T>>) -> MutexGuard<'_, HashSet<T>> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(batch: &Batch) -> Result<(), StoreError> {
    let range = batch.first_offset..=batch.last_offset;
    match batch.events.iter().find(|(offset, _)| !range.contains(offset)) {
        None => Ok(()),
        Some((offset, _)) => Err(StoreError::OutsideRange {
            topic: batch.topic.clone(),
            partition: batch.partition,
            offset: *offset,
            first: batch.first_offset,
            last: batch.last_offset,
        }),
    }
}
