//! Labels that stand, with the mentions that they are about.

use clickhouse::Row;
use grapevine_model::{LabelField, MentionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

/// Which labels are wanted.
#[derive(Debug, Clone, Default)]
pub struct LabelFilter {
    pub brand: Option<String>,
    pub field: Option<LabelField>,
    pub mention: Option<MentionId>,
    /// Given since then, …
    pub from: Option<Timestamp>,
    /// … and before then.
    pub to: Option<Timestamp>,
    /// On mentions that chance drew, or on others.
    pub drawn: Option<bool>,
}

/// A label that stands. What is about the mention is absent where it is not stored, or was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelRow {
    pub mention: MentionId,
    pub brand: String,
    pub field: String,
    pub value: String,
    pub by: String,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What the model had said when the label was given, and which one.
    pub before: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Chance drew the mention.
    pub drawn: bool,
    pub said_of: Option<SaidOf>,
}

/// The mention of a label, and what the newest model says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SaidOf {
    pub text: String,
    /// Empty where it is not known.
    pub language: String,
    pub platform: String,
    pub url: String,
    pub created_at: Timestamp,
    /// `None` where no model scored it.
    pub polarity: Option<String>,
    pub intent: Option<String>,
    pub model: String,
}

#[derive(Row, Deserialize)]
struct Fetched {
    id: u128,
    brand: String,
    field: String,
    value: String,
    by: String,
    at_us: i64,
    note: String,
    before: String,
    model: String,
    drawn: bool,
    found: bool,
    text: String,
    language: String,
    platform: String,
    url: String,
    created_ms: i64,
    polarity: String,
    intent: String,
    scored_by: String,
}

const LIST: &str = "WITH listed AS (SELECT * FROM labels FINAL WHERE $which ORDER BY at DESC, id, brand, field
        LIMIT {limit:UInt64} OFFSET {offset:UInt64})
SELECT l.id AS id, toString(l.brand) AS brand, toString(l.field) AS field, l.value AS value,
    toString(l.by) AS by, toUnixTimestamp64Micro(l.at) AS at_us, l.note AS note, l.before AS before,
    toString(l.model) AS model, l.drawn AS drawn, toBool(m.version > 0) AS found, m.text AS text, toString(m.language) AS language,
    toString(m.platform) AS platform, m.url AS url, toUnixTimestamp64Milli(m.created_at) AS created_ms,
    toString(m.polarity) AS polarity, toString(m.intent) AS intent, toString(m.model) AS scored_by
FROM listed AS l
LEFT ANY JOIN (SELECT brand, id, text, language, platform, url, created_at, polarity, intent, model, version
    FROM mentions FINAL WHERE id IN (SELECT id FROM listed)) AS m
ON l.brand = m.brand AND l.id = m.id
ORDER BY at_us DESC, id, brand, field";
const WHICH: &str = "({brand:String} = '' OR brand = {brand:String})
    AND ({field:String} = '' OR toString(field) = {field:String}) AND ({mention:UInt128} = 0 OR id = {mention:UInt128})
    AND ({any:Bool} OR drawn = {drawn:Bool})
    AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')";
/// 2100-01-01: as far as a row's time goes.
const END: i64 = 4_102_444_800_000;

impl Store {
    /// Labels that stand, the newest first: at most `limit`, after the first `offset`.
    pub async fn labels(&self, filter: &LabelFilter, limit: u64, offset: u64) -> Result<Vec<LabelRow>, StoreError> {
        let rows: Vec<Fetched> = self
            .read(&LIST.replace("$which", WHICH))
            .param("brand", filter.brand.as_deref().unwrap_or_default())
            .param("field", filter.field.map_or("", LabelField::name))
            .param("mention", filter.mention.map_or(0, |id| id.0).to_string())
            .param("from", filter.from.map_or(0, millis).max(0))
            .param("to", filter.to.map_or(END, millis).min(END))
            .param("any", filter.drawn.is_none())
            .param("drawn", filter.drawn.unwrap_or_default())
            .param("limit", limit)
            .param("offset", offset)
            .fetch_all()
            .await
            .doing("listing labels")?;
        Ok(rows.into_iter().map(LabelRow::from).collect())
    }
}

impl From<Fetched> for LabelRow {
    fn from(row: Fetched) -> Self {
        let scored = row.polarity != "unscored";
        let said_of = row.found.then(|| SaidOf {
            text: row.text,
            language: row.language,
            platform: row.platform,
            url: row.url,
            created_at: from_millis(row.created_ms),
            polarity: scored.then_some(row.polarity),
            intent: scored.then_some(row.intent),
            model: row.scored_by,
        });
        Self {
            mention: MentionId(row.id),
            brand: row.brand,
            field: row.field,
            value: row.value,
            by: row.by,
            at: Timestamp::from_microsecond(row.at_us).unwrap_or_default(),
            note: row.note,
            before: row.before,
            model: row.model,
            drawn: row.drawn,
            said_of,
        }
    }
}
