use clickhouse::Row;
use grapevine_alerts::{Episode, EpisodeState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

#[derive(Row, Serialize, Deserialize)]
struct EpisodeRecord {
    id: String,
    rule: String,
    brand: String,
    state: i8,
    started_at: i64,
    resolved_at: Option<i64>,
    evidence: f64,
    peak_evidence: f64,
    observed: f64,
    expected: f64,
}

const RESOLVED: i8 = 2;

impl From<&Episode> for EpisodeRecord {
    fn from(episode: &Episode) -> Self {
        Self {
            id: episode.id.clone(),
            rule: episode.rule.clone(),
            brand: episode.brand.clone(),
            state: if episode.state == EpisodeState::Resolved { RESOLVED } else { 1 },
            started_at: millis(episode.started_at),
            resolved_at: episode.resolved_at.map(millis),
            evidence: episode.evidence,
            peak_evidence: episode.peak_evidence,
            observed: episode.observed,
            expected: episode.expected,
        }
    }
}

impl From<EpisodeRecord> for Episode {
    fn from(row: EpisodeRecord) -> Self {
        Self {
            id: row.id,
            rule: row.rule,
            brand: row.brand,
            state: if row.state == RESOLVED { EpisodeState::Resolved } else { EpisodeState::Firing },
            started_at: from_millis(row.started_at),
            resolved_at: row.resolved_at.map(from_millis),
            evidence: row.evidence,
            peak_evidence: row.peak_evidence,
            observed: row.observed,
            expected: row.expected,
        }
    }
}

impl Store {
    /// Writes an episode. The newest write of an id replaces the older ones.
    pub async fn save_episode(&self, episode: &Episode) -> Result<(), StoreError> {
        let doing = "saving an alert";
        let mut insert = self.writer().insert::<EpisodeRecord>("alerts").await.doing(doing)?;
        insert.write(&EpisodeRecord::from(episode)).await.doing(doing)?;
        insert.end().await.doing(doing)
    }

    /// Episodes that overlap the span, newest first, 1,000 at most; of all brands where `brand` is `None`.
    pub async fn episodes(
        &self,
        brand: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Episode>, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let of_brand = if brand.is_some() { "brand = {brand:String}" } else { "1" };
        let sql = format!(
            "SELECT id, rule, brand, toInt8(state) AS state, toUnixTimestamp64Milli(a.started_at) AS started_at,
                toUnixTimestamp64Milli(a.resolved_at) AS resolved_at, evidence, peak_evidence, observed, expected
            FROM alerts AS a FINAL WHERE {of_brand} AND a.started_at < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
                AND ifNull(a.resolved_at > fromUnixTimestamp64Milli({{from:Int64}}, 'UTC'), 1)
            ORDER BY a.started_at DESC, id LIMIT 1000"
        );
        let rows: Vec<EpisodeRecord> = self
            .read(&sql)
            .param("brand", brand.unwrap_or_default())
            .param("from", millis(from))
            .param("to", millis(to))
            .fetch_all()
            .await
            .doing("reading alerts")?;
        Ok(rows.into_iter().map(Episode::from).collect())
    }
}
