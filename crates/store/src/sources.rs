//! How far the sources have come.

use clickhouse::Row;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Coverage, GapSpan, Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

#[derive(Row, Deserialize)]
struct Gap {
    source: String,
    from_ms: i64,
    to_ms: i64,
    reason: String,
}

impl Store {
    /// The time before which every one of the sources has delivered everything, on each of the partitions 0 to
    /// `partitions` - 1. `None` while one of them has not said, or where no source is named.
    pub async fn closed_through(&self, sources: &[String], partitions: u32) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT count(), toUnixTimestamp64Milli(min(through)) FROM (
            SELECT max(complete_through) AS through FROM source_health
            WHERE source IN {sources:Array(String)} AND partition < {partitions:UInt32} GROUP BY source, partition)";
        let (said, through): (u64, i64) = self
            .read(sql)
            .param("sources", sources)
            .param("partitions", partitions)
            .fetch_one()
            .await
            .doing("reading how far the sources are")?;
        let mut names: Vec<&String> = sources.iter().collect();
        names.sort();
        names.dedup();
        let needed = names.len() as u64 * u64::from(partitions);
        Ok((said == needed && needed > 0).then(|| from_millis(through)))
    }

    /// How far the sources have come in a span: those of [`Store::with_sources`], else every one that ever reported.
    pub async fn coverage(&self, from: Timestamp, to: Timestamp) -> Result<Coverage, StoreError> {
        let complete_through = self.complete_through().await?;
        let sql = "SELECT source, toUnixTimestamp64Milli(from_time) AS from_ms, toUnixTimestamp64Milli(to_time) AS \
        to_ms, reason \
            FROM gaps FINAL WHERE (empty({sources:Array(String)}) OR source IN {sources:Array(String)}) \
            AND from_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC') \
            AND to_time > fromUnixTimestamp64Milli({from:Int64}, 'UTC') ORDER BY from_time, source, to_time";
        let gaps: Vec<Gap> = self
            .read(sql)
            .param("sources", &*self.sources)
            .param("from", millis(from))
            .param("to", millis(to))
            .fetch_all()
            .await
            .doing("reading the gaps of the sources")?;
        let span = |gap: Gap| GapSpan {
            source: gap.source,
            from: from_millis(gap.from_ms),
            to: from_millis(gap.to_ms),
            reason: gap.reason,
        };
        Ok(described(complete_through, gaps.into_iter().map(span).collect(), to))
    }

    pub(crate) async fn complete_through(&self) -> Result<Option<Timestamp>, StoreError> {
        if !self.sources.is_empty() {
            return self.closed_through(&self.sources, self.partitions).await;
        }
        let sql = "SELECT count(), toUnixTimestamp64Milli(min(through)) FROM (
            SELECT max(complete_through) AS through FROM source_health GROUP BY source, partition)";
        let (said, through): (u64, i64) = self.read(sql).fetch_one().await.doing("reading how far the sources are")?;
        Ok((said > 0).then(|| from_millis(through)))
    }
}

fn described(complete_through: Option<Timestamp>, gaps: Vec<GapSpan>, to: Timestamp) -> Coverage {
    let mut notes = vec![];
    match complete_through {
        None => notes.push("no source has said how far it has read".to_owned()),
        Some(through) if through < to => notes.push(format!("complete through {through} only")),
        Some(_) => {}
    }
    if !gaps.is_empty() {
        notes.push(format!("{} gap{} in the sources", gaps.len(), if gaps.len() == 1 { "" } else { "s" }));
    }
    Coverage { complete_through, gaps, partial: !notes.is_empty(), note: notes.join("; ") }
}
