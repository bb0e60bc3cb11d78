//! Mentions that are drawn by chance for a person to judge, and what the newest model makes of those that were.
//!
//! A correction is no measurement: people correct what seems wrong. A label on a mention that chance drew is one. A mention that
//! somebody corrected before is drawn like any other; left out, the model would seem better than it is.

use clickhouse::Row;
use grapevine_model::MentionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    MentionRow, Store, StoreError,
    client::millis,
    error::Doing,
    labels::CORRECTED,
    mentions::{COLUMNS, Fetched},
    pieces,
    write::array,
};

/// What people made of a brand's drawn mentions, of one model and language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// `name@version`: the newest that scored these mentions.
    pub model: String,
    /// ISO 639-1; empty where it is not known.
    pub language: String,
    /// By what people said, what the model says: negative, neutral, positive.
    pub counts: [[u32; 3]; 3],
}

#[derive(Row, Deserialize)]
struct Cell {
    model: String,
    language: String,
    /// 0 to 2.
    truth: u8,
    said: u8,
    n: u64,
}

/// Deduplication comes first: a deleted mention is not drawn.
const DRAW: &str = "SELECT id FROM mentions FINAL WHERE brand = {brand:String}
    AND created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    AND polarity != 'unscored' AND id NOT IN (SELECT id FROM labels FINAL WHERE brand = {brand:String}
        AND (field = 'polarity' AND drawn OR field = 'relevance' AND value = 'no'))
    ORDER BY rand64() LIMIT {most:UInt32}";

/// In the order of the list, which is one of chance.
const READ: &str = "SELECT $columns FROM $corrected AS mentions
    WHERE brand = {brand:String} AND id IN {ids:Array(UInt128)} ORDER BY indexOf({ids:Array(UInt128)}, id)";
const DRAWING: &str = "drawing mentions";

const CHECKED: &str = "WITH judged AS (SELECT id, value FROM labels FINAL
        WHERE brand = {brand:String} AND field = 'polarity' AND drawn AND id NOT IN (
            SELECT id FROM labels FINAL WHERE brand = {brand:String} AND field = 'relevance' AND value = 'no'))
SELECT toString(m.model) AS model, m.spoken AS language, toUInt8(indexOf(['negative', 'neutral', 'positive'], j.value) - 1) AS truth,
    toUInt8(toInt8(m.polarity) + 1) AS said, count() AS n
FROM judged AS j INNER JOIN (SELECT id, model, polarity, $spoken AS spoken FROM mentions FINAL
    WHERE brand = {brand:String} AND polarity != 'unscored' AND id IN (SELECT id FROM judged)) AS m ON j.id = m.id
GROUP BY model, language, truth, said ORDER BY model, language, truth, said";

impl Store {
    /// Mentions of a brand in the span that chance draws, each as likely as any other, of those that a model scored and that
    /// were not drawn before: at most `most`, in an order of chance. None where all are judged.
    pub async fn draw(
        &self,
        brand: &str,
        (from, to): (Timestamp, Timestamp),
        most: u32,
    ) -> Result<Vec<MentionRow>, StoreError> {
        let query = self.ask(DRAW).param("brand", brand).param("from", millis(from)).param("to", millis(to));
        let ids: Vec<u128> = query.param("most", most).fetch_all().await.doing(DRAWING)?;
        let ids: Vec<MentionId> = ids.into_iter().map(MentionId).collect();
        let query = self.read(&READ.replace("$columns", COLUMNS).replace("$corrected", CORRECTED));
        let rows: Vec<Fetched> =
            query.param("brand", brand).param("ids", array(&ids)).fetch_all().await.doing(DRAWING)?;
        Ok(rows.into_iter().map(MentionRow::from).collect())
    }

    /// What people said of drawn mentions of the brand, beside what the newest model says of them.
    pub async fn checked(&self, brand: &str) -> Result<Vec<Checked>, StoreError> {
        let query = self.read(&pieces::whole(CHECKED)).param("brand", brand);
        let cells: Vec<Cell> = query.fetch_all().await.doing("reading what people made of drawn mentions")?;
        let mut checked: Vec<Checked> = vec![];
        for Cell { model, language, truth, said, n } in cells {
            if checked.last().is_none_or(|last| last.model != model || last.language != language) {
                checked.push(Checked { model, language, counts: [[0; 3]; 3] });
            }
            let (Some(last), truth, said) = (checked.last_mut(), usize::from(truth), usize::from(said)) else {
                continue;
            };
            last.counts[truth][said] = u32::try_from(n).unwrap_or(u32::MAX);
        }
        Ok(checked)
    }
}
