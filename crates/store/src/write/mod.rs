//! The writer: one batch of the log becomes rows of every table, once.

mod batch;
mod lookup;
mod plan;
mod rows;
mod slots;

use std::time::Duration;

use clickhouse::RowWrite;

pub use batch::{Batch, Inserted};
use rows::{AccountRecord, DirtyRecord, EngagementRecord, GapRecord, HealthRecord, MentionRecord};

use crate::{Store, StoreError, error::Doing};

/// A server that does not answer for this long is treated as gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const END_TIMEOUT: Duration = Duration::from_secs(180);

impl Store {
    /// Writes a batch. The identical batch again changes nothing.
    ///
    /// The marks of dirty hours come last: a rebuild that takes a mark then sees the rows that it stands for. A crash
    /// before them is mended by the replay, which finds out the same marks from the rows.
    ///
    /// # Errors
    /// After any error, insert the identical batch again: what was written is not written twice.
    pub async fn insert(&self, batch: &Batch) -> Result<Inserted, StoreError> {
        check(batch)?;
        let _writing = self.writing.lock().await;
        let ids = lookup::ids(batch);
        let (stored, replayed) = self.stored(batch, &ids).await?;
        let mut plan = plan::plan(batch, &ids, &stored);
        plan.inserted.replayed = replayed;
        let token = batch.token();
        self.write::<MentionRecord<'_>>("mentions", &token, &plan.mentions).await?;
        self.write::<EngagementRecord>("engagement", &token, &plan.engagement).await?;
        self.write::<AccountRecord>("accounts", &token, &plan.accounts).await?;
        self.write::<GapRecord>("gaps", &token, &plan.gaps).await?;
        self.write::<HealthRecord>("source_health", &token, &plan.health).await?;
        let dirty: Vec<DirtyRecord> =
            plan.dirty.into_iter().map(|(brand, hour)| DirtyRecord { brand, hour, marks: 1 }).collect();
        self.write::<DirtyRecord>("dirty_hours", &token, &dirty).await?;
        Ok(plan.inserted)
    }

    async fn write<T>(&self, table: &str, token: &str, rows: &[T::Value<'_>]) -> Result<(), StoreError>
    where
        T: RowWrite,
    {
        if rows.is_empty() {
            return Ok(());
        }
        let doing = "writing a batch";
        let mut insert = self
            .writer()
            .insert::<T>(table)
            .await
            .doing(doing)?
            .with_setting("insert_deduplication_token", format!("{token}:{table}"))
            .with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
        for row in rows {
            insert.write(row).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }
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
