//! Stored mentions to try something on.

use jiff::Timestamp;

use crate::{
    MentionRow, Store, StoreError,
    client::millis,
    error::Doing,
    mentions::{COLUMNS, Fetched},
    pieces,
};

/// Mentions of a span, and how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub of: u64,
    pub mentions: Vec<MentionRow>,
}

const WHERE: &str = "brand = {brand:String} AND NOT team AND mentions.kind != 'repost' AND text != ''
    AND created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')";

impl Store {
    /// Up to `most` mentions of a brand, without the team's and reposts, spread evenly over the span; the same ones each
    /// time.
    pub async fn sample(&self, brand: &str, from: Timestamp, to: Timestamp, most: u32) -> Result<Sample, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let doing = "sampling mentions";
        let mentions = self.labelled_as(brand, (millis(from), millis(to))).await?;
        let ask = |sql: &str| {
            self.read(&pieces::whole_of(sql, mentions))
                .param("brand", brand)
                .param("from", millis(from))
                .param("to", millis(to))
        };
        let of: u64 = ask(&format!("SELECT count() FROM $mentions WHERE {WHERE}")).fetch_one().await.doing(doing)?;
        let sql =
            format!("SELECT {COLUMNS} FROM $mentions WHERE {WHERE} ORDER BY cityHash64(id), id LIMIT {{most:UInt32}}");
        let rows: Vec<Fetched> = ask(&sql).param("most", most).fetch_all().await.doing(doing)?;
        Ok(Sample { of, mentions: rows.into_iter().map(MentionRow::from).collect() })
    }
}
