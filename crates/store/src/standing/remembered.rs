//! Standing questions that are written down: what was asked of a process is computed by the next one before somebody asks it.
//!
//! Questions alone, never answers: these name people, and belong to what is stored at their time.

use clickhouse::Row;
use jiff::Timestamp;
use serde::Serialize;

use super::{MOST, Question};
use crate::{MetricQuery, Store, StoreError, client::from_millis, error::Doing};

/// A question whose span moves with the time, as it was asked at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub query: MetricQuery,
    pub at: Timestamp,
}

#[derive(Row, Serialize)]
struct Written {
    question: String,
    query: String,
    at: i64,
}

impl Store {
    /// Writes down what was asked; of one question the last time counts.
    pub async fn remember_asked(&self, asked: &[Asked]) -> Result<(), StoreError> {
        let doing = "writing down what was asked";
        let mut insert = self.writer().insert::<Written>("asked_questions").await.doing(doing)?;
        for Asked { query, at } in asked {
            // Its fields are texts and numbers: this can not fail.
            let json = |text: serde_json::Result<String>| text.unwrap_or_default();
            let question = json(serde_json::to_string(&Question::of(query, *at)));
            let query = json(serde_json::to_string(query));
            insert.write(&Written { question, query, at: at.as_millisecond() }).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }

    /// What was asked since then, the last first. What another version wrote and this one can not read is left out.
    pub async fn asked_since(&self, since: Timestamp) -> Result<Vec<Asked>, StoreError> {
        let sql = "SELECT query, toUnixTimestamp64Milli(at) AS ms FROM asked_questions FINAL
            WHERE at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') ORDER BY at DESC, question LIMIT {most:UInt64}";
        let query = self.read(sql).param("since", since.as_millisecond()).param("most", MOST);
        let rows: Vec<(String, i64)> = query.fetch_all().await.doing("reading what was asked")?;
        let asked =
            |(query, ms): (String, i64)| Some(Asked { query: serde_json::from_str(&query).ok()?, at: from_millis(ms) });
        Ok(rows.into_iter().filter_map(asked).collect())
    }
}
