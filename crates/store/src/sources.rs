//! How far the sources have come.

use clickhouse::Row;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    Coverage, GapSpan, SampledSpan, Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
    sampled::{Piece, joined},
};

/// What a source did not read of a span: all of it, or a part.
#[derive(Row, Deserialize)]
struct Unread {
    sampled: bool,
    source: String,
    reason: String,
    from_ms: i64,
    to_ms: i64,
    missing: f64,
}

/// Gaps by time; then what was sampled, in the order that [`joined`] wants.
const UNREAD: &str = "SELECT sampled, source, reason, from_ms, to_ms, missing FROM (
        SELECT false AS sampled, toString(source) AS source, reason, toUnixTimestamp64Milli(from_time) AS from_ms,
            toUnixTimestamp64Milli(to_time) AS to_ms, toFloat64(0) AS missing FROM gaps FINAL WHERE $touching
        UNION ALL
        SELECT true, toString(source) AS name, reason, toUnixTimestamp64Milli(min(from_time)),
            toUnixTimestamp64Milli(max(to_time)),
            sum((1 - toFloat64(rate)) * (toUnixTimestamp64Milli(to_time) - toUnixTimestamp64Milli(from_time)))
        FROM sampled FINAL WHERE $touching GROUP BY name, reason, toStartOfHour(from_time))
    ORDER BY sampled, if(sampled, source, ''), if(sampled, reason, ''), from_ms, source, to_ms";
const TOUCHING: &str = "(empty({sources:Array(String)}) OR source IN {sources:Array(String)})
    AND from_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC') AND to_time > fromUnixTimestamp64Milli({from:Int64}, 'UTC')";

impl Store {
    /// The time up to which buckets are closed: before it, every one of the sources has delivered everything, or may be
    /// waited for no longer, on each of the partitions 0 to `partitions` - 1. `None` while one of them has not said, or where
    /// no source is named.
    pub async fn closed_through(&self, sources: &[String], partitions: u32) -> Result<Option<Timestamp>, StoreError> {
        self.through("greatest(max(source_health.complete_through), max(closes_through))", sources, partitions).await
    }

    /// The least of what every source has said on every partition. 1970 says nothing.
    async fn through(&self, what: &str, sources: &[String], partitions: u32) -> Result<Option<Timestamp>, StoreError> {
        let sql = format!(
            "SELECT countIf(toUnixTimestamp64Milli(through) > 0), toUnixTimestamp64Milli(min(through)) FROM (
            SELECT {what} AS through FROM source_health
            WHERE source IN {{sources:Array(String)}} AND partition < {{partitions:UInt32}} GROUP BY source, partition)"
        );
        let (said, through): (u64, i64) = self
            .read(&sql)
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
        self.coverage_through(complete_through, from, to).await
    }

    /// The coverage of a span, by sources that are known to be complete so far. That is to be read before: gaps are written
    /// ahead of the heartbeat that passes over them.
    pub(crate) async fn coverage_through(
        &self,
        complete_through: Option<Timestamp>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Coverage, StoreError> {
        let unread: Vec<Unread> = self
            .read(&UNREAD.replace("$touching", TOUCHING))
            .param("sources", &*self.sources)
            .param("from", millis(from))
            .param("to", millis(to))
            .fetch_all()
            .await
            .doing("reading what the sources did not read")?;
        let (sampled, gaps): (Vec<Unread>, Vec<Unread>) = unread.into_iter().partition(|unread| unread.sampled);
        let gaps = gaps.into_iter().map(Unread::gap).collect();
        let sampled = joined(sampled.into_iter().map(Unread::piece).collect());
        Ok(described(complete_through, (gaps, sampled), to))
    }

    pub(crate) async fn complete_through(&self) -> Result<Option<Timestamp>, StoreError> {
        if !self.sources.is_empty() {
            return self.through("max(source_health.complete_through)", &self.sources, self.partitions).await;
        }
        let sql = "SELECT count(), toUnixTimestamp64Milli(min(through)) FROM (
            SELECT max(complete_through) AS through FROM source_health GROUP BY source, partition)";
        let (said, through): (u64, i64) = self.read(sql).fetch_one().await.doing("reading how far the sources are")?;
        Ok((said > 0 && through > 0).then(|| from_millis(through)))
    }
}

impl Unread {
    fn gap(self) -> GapSpan {
        let Self { source, reason, from_ms, to_ms, .. } = self;
        GapSpan { source, from: from_millis(from_ms), to: from_millis(to_ms), reason }
    }

    fn piece(self) -> Piece {
        let Self { source, reason, from_ms, to_ms, missing, .. } = self;
        Piece { source, reason, from_ms, to_ms, missing }
    }
}

fn described(
    complete_through: Option<Timestamp>,
    (gaps, sampled): (Vec<GapSpan>, Vec<SampledSpan>),
    to: Timestamp,
) -> Coverage {
    let mut notes = vec![];
    match complete_through {
        None => notes.push("no source has said how far it has read".to_owned()),
        Some(through) if through < to => notes.push(format!("complete through {through} only")),
        Some(_) => {}
    }
    if !gaps.is_empty() {
        notes.push(format!("{} gap{} in the sources", gaps.len(), if gaps.len() == 1 { "" } else { "s" }));
    }
    for (source, least, reason) in least_read(&sampled) {
        notes.push(format!("only about {:.0} % of {source} was read ({reason})", least * 100.0));
    }
    Coverage { complete_through, gaps, sampled, partial: !notes.is_empty(), note: notes.join("; ") }
}

/// Of each source the smallest share that it read of a span, and why.
fn least_read(sampled: &[SampledSpan]) -> Vec<(&str, f64, &str)> {
    let mut least: Vec<(&str, f64, &str)> = Vec::new();
    for span in sampled {
        match least.iter_mut().find(|(source, ..)| *source == span.source) {
            Some(known) if known.1 <= span.rate => {}
            Some(known) => *known = (&span.source, span.rate, &span.reason),
            None => least.push((&span.source, span.rate, &span.reason)),
        }
    }
    least
}
