//! What is stored, in a few numbers.

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, client::from_millis, error::Doing};

/// What is stored and how recently; for whoever keeps the pipeline running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// One for each brand that a mention belongs to, as the rollups count them: what retention removed stays counted.
    pub mentions: u64,
    /// Creation of the newest of them; one dated far ahead does not count while there are others.
    pub newest: Option<Timestamp>,
    /// When a batch was stored last, by the server's clock.
    pub last_written: Option<Timestamp>,
    /// By name: those of [`Store::with_sources`], else every one that ever reported.
    pub sources: Vec<SourceProgress>,
}

/// How far a source is, as the sink has stored it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceProgress {
    pub source: String,
    /// It has delivered everything before; absent until it said so on every partition.
    pub complete_through: Option<Timestamp>,
    /// When it said so last.
    pub heard_at: Timestamp,
    /// It follows new posts, and is not catching up with old ones.
    pub caught_up: bool,
}

#[derive(Row, Deserialize)]
struct Reported {
    source: String,
    partitions: u64,
    through_ms: i64,
    heard_ms: i64,
    caught_up: bool,
}

const SOURCES: &str = "SELECT source, count() AS partitions, toUnixTimestamp64Milli(min(through)) AS through_ms,
    toUnixTimestamp64Milli(toDateTime64(max(heard), 3, 'UTC')) AS heard_ms, max(caught_up_at) >= max(heard) AS caught_up
    FROM (SELECT source, partition, max(complete_through) AS through, max(observed_at) AS heard,
        max(source_health.caught_up_at) AS caught_up_at FROM source_health
        WHERE empty({sources:Array(String)}) OR source IN {sources:Array(String)} GROUP BY source, partition)
    GROUP BY source ORDER BY source";

impl Store {
    /// What is stored now. Cheap: it reads rollups and small tables.
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let mentions = self.read("SELECT sum(mentions) FROM rollup_1h");
        let written = self.read("SELECT count(), toUnixTimestamp64Milli(max(written_at)) FROM batches");
        let (batches, written): (u64, i64) = written.fetch_one().await.doing("reading when a batch was stored last")?;
        Ok(Overview {
            mentions: mentions.fetch_one().await.doing("counting the mentions")?,
            newest: self.newest().await?,
            last_written: (batches > 0).then(|| from_millis(written)),
            sources: self.progress().await?,
        })
    }

    async fn progress(&self) -> Result<Vec<SourceProgress>, StoreError> {
        let query = self.read(SOURCES).param("sources", &*self.sources);
        let rows: Vec<Reported> = query.fetch_all().await.doing("reading how far the sources are")?;
        let progress = |row: Reported| SourceProgress {
            source: row.source,
            complete_through: (row.partitions >= u64::from(self.partitions) && row.through_ms > 0)
                .then(|| from_millis(row.through_ms)),
            heard_at: from_millis(row.heard_ms),
            caught_up: row.caught_up,
        };
        Ok(rows.into_iter().map(progress).collect())
    }
}
