//! What a store answers, kept and asked again.

use std::{fmt::Write, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TransferError, error::At, manifest::ANSWERS};
use crate::{
    Budget, MetricQuery, Store, StoreError,
    client::from_millis,
    error::Doing,
    registry::{self, hashtags},
};

/// Of a number.
const TOLERANCE: f64 = 1e-9;
/// A question of this kind may take as long as it takes.
const BUDGET: Budget = Budget { time: Duration::from_secs(600), memory: 8_000_000_000, rows: 1_000_000_000_000 };
/// Answers that differ are all counted; of each the first difference is told.
const TOLD: usize = 200;

/// A question and what was answered, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Answered {
    query: MetricQuery,
    /// Of the metric's definition.
    version: u16,
    /// Rows, coverage, model and correction; absent where the question was too heavy.
    #[serde(default)]
    answer: Option<Value>,
}

/// One question, asked of both stores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub metric: String,
    pub brand: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "snake_case")]
pub enum Outcome {
    Equal,
    /// The first place where the two differ.
    Unequal(String),
    NotCompared(String),
}

impl Store {
    /// A store that answers alike whatever its configuration says of sources and accounts.
    fn plain(&self, accounts: &[(String, String)]) -> Self {
        let accounts = accounts.iter().map(|(brand, account)| (brand.as_str(), account.as_str()));
        self.clone().with_sources(&[], 0).with_accounts(accounts).with_budget(BUDGET)
    }

    /// A line a question, and how many.
    pub(super) async fn answers_now(&self) -> Result<(String, u64), StoreError> {
        let (store, mut text, mut count) = (self.plain(&self.accounts), String::new(), 0);
        for query in store.questions().await? {
            let version = registry::find(&query.metric)?.version;
            let answer = match store.metric(&query).await {
                Ok(table) => Some(comparable(&table)?),
                Err(StoreError::TooHeavy { .. }) => None,
                Err(error) => return Err(error),
            };
            let line = serde_json::to_string(&Answered { query, version, answer }).map_err(answer_error)?;
            let _ = writeln!(text, "{line}");
            count += 1;
        }
        Ok((text, count))
    }

    /// Every metric, whole, of each brand: all of its history, and the last 30 and 7 days of a longer one.
    async fn questions(&self) -> Result<Vec<MetricQuery>, StoreError> {
        let doing = "listing the brands";
        let sql = "SELECT toString(brand) AS brand, toUnixTimestamp64Milli(min(created_at)),
            toUnixTimestamp64Milli(max(created_at)) FROM mentions GROUP BY brand ORDER BY brand";
        let brands: Vec<(String, i64, i64)> = self.read(sql).fetch_all().await.doing(doing)?;
        let sql = "SELECT arrayJoin(hashtags) AS tag FROM mentions FINAL WHERE brand = {brand:String}
            GROUP BY tag ORDER BY count() DESC, tag LIMIT 1";
        let mut questions = vec![];
        for (brand, oldest, newest) in brands {
            let hashtag: Option<String> = self.read(sql).param("brand", &brand).fetch_optional().await.doing(doing)?;
            let (oldest, to) = (from_millis(oldest), from_millis(newest + 1));
            // Of a history that is shorter, they would say the same again.
            let back = [30, 7]
                .map(|days| to - SignedDuration::from_hours(24 * days))
                .into_iter()
                .filter(|from| *from > oldest);
            let starts: Vec<Timestamp> = [oldest].into_iter().chain(back).collect();
            for (metric, from) in
                registry::all().iter().flat_map(|metric| starts.iter().map(move |from| (metric, *from)))
            {
                let by = match metric.shapes.iter().any(|shape| shape.by.is_empty()) {
                    true => None,
                    false => metric.shapes.first().and_then(|shape| shape.by.first()).copied(),
                };
                let hashtag = hashtag.clone().filter(|_| metric.id == hashtags::RESEARCH);
                // Nobody has a hashtag: there is none to ask about.
                if metric.id != hashtags::RESEARCH || hashtag.is_some() {
                    questions.push(MetricQuery { by, hashtag, ..MetricQuery::new(metric.id, &brand, from, to) });
                }
            }
        }
        Ok(questions)
    }

    /// Asks again what stands in the folder.
    pub(super) async fn compare_answers(
        &self,
        folder: &Path,
        accounts: &[(String, String)],
    ) -> Result<Vec<Comparison>, TransferError> {
        let path = folder.join(ANSWERS);
        let text = std::fs::read_to_string(&path).at(&path, "read")?;
        let (store, mut compared) = (self.plain(accounts), vec![]);
        for line in text.lines() {
            let kept: Answered = serde_json::from_str(line)
                .map_err(|error| TransferError::Damaged { path: path.clone(), why: error.to_string() })?;
            let outcome = store.compare_one(&kept).await?;
            let MetricQuery { metric, brand, from, to, .. } = kept.query;
            compared.push(Comparison { metric, brand, from, to, outcome });
        }
        Ok(compared)
    }

    async fn compare_one(&self, kept: &Answered) -> Result<Outcome, StoreError> {
        let not = |why: &str| Ok(Outcome::NotCompared(why.to_owned()));
        let Some(before) = &kept.answer else { return not("the question was too heavy when it was exported") };
        match registry::find(&kept.query.metric) {
            Ok(metric) if metric.version == kept.version => {}
            _ => return not("this program defines the metric otherwise"),
        }
        match self.metric(&kept.query).await {
            Ok(table) => Ok(difference(before, &comparable(&table)?, "").map_or(Outcome::Equal, Outcome::Unequal)),
            Err(StoreError::TooHeavy { .. }) => not("the question is too heavy here"),
            Err(error) => Err(error),
        }
    }
}

fn answer_error(source: serde_json::Error) -> StoreError {
    StoreError::Answer { doing: "answering", source }
}

/// All of an answer but its definition.
fn comparable(table: &crate::MetricTable) -> Result<Value, StoreError> {
    let mut value = serde_json::to_value(table).map_err(answer_error)?;
    if let Value::Object(fields) = &mut value {
        fields.remove("metric");
    }
    Ok(value)
}

/// The first place where two answers differ.
fn difference(before: &Value, now: &Value, at: &str) -> Option<String> {
    let same = match (before, now) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            return (0..).zip(a.iter().zip(b)).find_map(|(n, (a, b))| difference(a, b, &format!("{at}[{n}]")));
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            let of = |key: &str| b.get(key).unwrap_or(&Value::Null);
            return a.iter().find_map(|(key, value)| difference(value, of(key), &format!("{at}.{key}")));
        }
        _ => before == now,
    };
    let short = |value: &Value| value.to_string().chars().take(TOLD).collect::<String>();
    (!same).then(|| format!("{}: {} was exported, {} is here", at.trim_start_matches('.'), short(before), short(now)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_equal_to_the_last_places_of_a_number_and_else_the_place_is_named() {
        let answer = |value: f64| json!({"rows": [["a", value]], "model": null});
        assert_eq!(difference(&answer(0.1 + 0.2), &answer(0.3), ""), None);
        let said = difference(&answer(0.3), &answer(0.300_001), "").unwrap();
        assert_eq!(said, "rows[0][1]: 0.3 was exported, 0.300001 is here");
        assert!(difference(&json!({"rows": []}), &json!({"rows": [[1]]}), "").is_some());
        assert!(difference(&json!([null]), &json!([0]), "").is_some(), "what is not known is not 0");
    }
}
