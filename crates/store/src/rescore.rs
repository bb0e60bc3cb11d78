//! Stored mentions read by another model, beside what is shown: a day at a time, so that a year takes no more memory than
//! a day. What a model has said already is found in `rescored`, which so is the checkpoint of whoever was interrupted.

use clickhouse::{Row, query::Query};
use grapevine_model::{Intent, MentionId, MentionKey, Polarity, Rescored, Scores, ThemeScore};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, client::from_millis, error::Doing, write::RescoredRecord};

/// A day of UTC, counted from the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day(pub u32);

impl Day {
    pub fn start(self) -> Timestamp {
        from_millis(i64::from(self.0) * 86_400_000)
    }
}

/// A stored mention that a model has not read yet.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct ToRescore {
    id: u128,
    version: u64,
    created_ms: i64,
    pub text: String,
    /// ISO 639-1, or as the platform stated it; empty where it is not known.
    pub language: String,
}

/// How two models read the same mentions of a day.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Compared {
    /// -1, 0, 1; 2 for unscored.
    pub stored: i8,
    pub new: i8,
    pub mentions: u64,
    pub same_intent: u64,
}

/// A mention that the two read differently.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct Example {
    pub stored: i8,
    pub new: i8,
    /// The new model's.
    pub confidence: Option<f32>,
    pub url: String,
    pub text: String,
}

/// One that is to be switched: its key and what the other model said.
#[derive(Row, Deserialize)]
struct Switch {
    id: u128,
    platform: String,
    instance: String,
    native_id: String,
    version: u64,
    polarity: i8,
    negative: Option<f32>,
    neutral: Option<f32>,
    positive: Option<f32>,
    confidence: Option<f32>,
    intent: String,
    hostility: Option<f32>,
    irony: Option<f32>,
    themes: Vec<String>,
    theme_probabilities: Vec<f32>,
    theme_rules: Vec<bool>,
    model: String,
}

const DAYS: &str = "SELECT DISTINCT toUInt32(toRelativeDayNum(created_at)) AS day FROM $table WHERE $of
    AND created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC') ORDER BY day";
const IN_DAY: &str = "created_at >= toDateTime({day:UInt32} * 86400, 'UTC')
    AND created_at < toDateTime(({day:UInt32} + 1) * 86400, 'UTC')";
const OF_BRAND: &str = "(empty({brand:String}) OR brand = {brand:String})";
/// What another model has to read: not what it has read, of this version, nor what is its own already.
const LACKING: &str = "FROM mentions FINAL WHERE $brand AND $day AND model != {scorer:String} AND notEmpty(trim(text))
    AND (id, version) NOT IN (SELECT id, version FROM rescored FINAL WHERE scorer = {scorer:String} AND $day)";
const BOTH: &str = "FROM (SELECT * FROM mentions FINAL WHERE $brand AND $day) AS m
    INNER JOIN (SELECT * FROM rescored FINAL WHERE scorer = {scorer:String} AND $day) AS r
    ON m.id = r.id AND m.version = r.version";

impl Store {
    /// Days that have mentions of a brand (of all, where it is empty) in the span.
    pub async fn days(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Day>, StoreError> {
        let sql = DAYS.replace("$table", "mentions").replace("$of", OF_BRAND);
        self.days_of(self.read(&sql).param("brand", brand), from, to).await
    }

    /// Days of which a model has read mentions.
    pub async fn days_rescored(&self, scorer: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Day>, StoreError> {
        let sql = DAYS.replace("$table", "rescored").replace("$of", "scorer = {scorer:String}");
        self.days_of(self.read(&sql).param("scorer", scorer), from, to).await
    }

    async fn days_of(&self, query: Query, from: Timestamp, to: Timestamp) -> Result<Vec<Day>, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let query = query.param("from", from.as_millisecond()).param("to", to.as_millisecond());
        let days: Vec<u32> = query.fetch_all().await.doing("listing the days of a span")?;
        Ok(days.into_iter().map(Day).collect())
    }

    fn of_day(&self, sql: &str, scorer: &str, brand: &str, day: Day) -> Query {
        let sql = sql.replace("$lacking", LACKING).replace("$both", BOTH).replace("$brand", OF_BRAND);
        self.read(&sql.replace("$day", IN_DAY)).param("scorer", scorer).param("brand", brand).param("day", day.0)
    }

    /// Mentions of a day that a model has not read yet; their newest version each.
    pub async fn to_rescore(
        &self,
        scorer: &str,
        brand: &str,
        day: Day,
        limit: u32,
    ) -> Result<Vec<ToRescore>, StoreError> {
        let sql =
            "SELECT id, version, toUnixTimestamp64Milli(created_at) AS created_ms, text, toString(language) AS language
            $lacking ORDER BY id LIMIT 1 BY id LIMIT {limit:UInt32}";
        let query = self.of_day(sql, scorer, brand, day).param("limit", limit);
        query.fetch_all().await.doing("reading mentions to be scored anew")
    }

    /// Keeps what a model says of these, beside what is shown. The same again changes nothing.
    pub async fn save_rescored(&self, scorer: &str, rows: &[(ToRescore, Option<Scores>)]) -> Result<(), StoreError> {
        let doing = "saving what another model says";
        let mut insert = self.writer().insert::<RescoredRecord>("rescored").await.doing(doing)?;
        for (mention, scores) in rows {
            let at = (mention.id, mention.version, mention.created_ms);
            insert.write(&RescoredRecord::of(scorer, at, scores.as_ref())).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }

    /// How what is shown of a day compares with what a model says of the same versions.
    pub async fn compare(&self, scorer: &str, brand: &str, day: Day) -> Result<Vec<Compared>, StoreError> {
        let sql = "SELECT toInt8(m.polarity) AS stored, toInt8(r.polarity) AS new, count() AS mentions,
            countIf(m.intent = r.intent) AS same_intent $both GROUP BY stored, new ORDER BY stored, new";
        self.of_day(sql, scorer, brand, day).fetch_all().await.doing("comparing two models")
    }

    /// Mentions of a day that the two read differently, those first of which the new model is most certain.
    pub async fn examples(&self, scorer: &str, brand: &str, day: Day, limit: u32) -> Result<Vec<Example>, StoreError> {
        let sql = "SELECT toInt8(m.polarity) AS stored, toInt8(r.polarity) AS new, r.confidence AS confidence,
            m.url AS url, m.text AS text $both WHERE m.polarity != r.polarity
            ORDER BY confidence DESC NULLS LAST, m.id LIMIT 1 BY m.id LIMIT {limit:UInt32}";
        let query = self.of_day(sql, scorer, brand, day).param("limit", limit);
        query.fetch_all().await.doing("looking for what two models read differently")
    }

    /// What has to go through the log so that a day shows what a model says of it: those behind `after`, by id. One that
    /// shows it already is not among them.
    pub async fn to_switch(
        &self,
        scorer: &str,
        day: Day,
        after: MentionId,
        limit: u32,
    ) -> Result<Vec<(MentionId, Rescored)>, StoreError> {
        let sql = "SELECT m.id AS id, toString(m.platform) AS platform, toString(m.instance) AS instance,
            m.native_id AS native_id, m.version AS version, toInt8(r.polarity) AS polarity, r.negative AS negative,
            r.neutral AS neutral, r.positive AS positive, r.confidence AS confidence, toString(r.intent) AS intent,
            r.hostility AS hostility, r.irony AS irony, r.themes AS themes, r.theme_probabilities AS theme_probabilities,
            r.theme_rules AS theme_rules, toString(r.model) AS model $both
            WHERE m.model != r.model AND m.id > {after:UInt128} ORDER BY m.id LIMIT 1 BY m.id LIMIT {limit:UInt32}";
        let query = self.of_day(sql, scorer, "", day).param("after", after.0.to_string()).param("limit", limit);
        let rows: Vec<Switch> = query.fetch_all().await.doing("reading what is to be switched")?;
        Ok(rows.into_iter().map(|row| (MentionId(row.id), Rescored::from(row))).collect())
    }

    /// Forgets what a model said beside what is shown. What was switched stays.
    pub async fn drop_rescored(&self, scorer: &str) -> Result<u64, StoreError> {
        let doing = "dropping what another model says";
        let count = self.read("SELECT count() FROM rescored FINAL WHERE scorer = {scorer:String}");
        let rows = count.param("scorer", scorer).fetch_one().await.doing(doing)?;
        let sql = "ALTER TABLE rescored DELETE WHERE scorer = {scorer:String}";
        self.writer().query(sql).param("scorer", scorer).execute().await.doing(doing)?;
        Ok(rows)
    }

    /// Models that have read stored mentions, with how many.
    pub async fn rescorers(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT toString(scorer) AS name, count() FROM rescored FINAL GROUP BY name ORDER BY name";
        self.read(sql).fetch_all().await.doing("listing the models beside what is shown")
    }
}

impl From<Switch> for Rescored {
    fn from(row: Switch) -> Self {
        let key = MentionKey::new(row.platform, row.instance, row.native_id);
        let observed_at = i64::try_from(row.version / 2).unwrap_or(i64::MAX);
        let themes = row.themes.into_iter().zip(row.theme_probabilities).zip(row.theme_rules);
        let themes = themes.map(|((theme, probability), rule)| ThemeScore { theme, probability, rule }).collect();
        let polarity = Polarity::ALL.into_iter().find(|polarity| polarity.sign() == row.polarity);
        let scores = polarity.map(|polarity| Scores {
            negative: row.negative.unwrap_or_default(),
            neutral: row.neutral.unwrap_or_default(),
            positive: row.positive.unwrap_or_default(),
            polarity,
            confidence: row.confidence.unwrap_or_default(),
            intent: Intent::ALL.into_iter().find(|intent| intent.name() == row.intent).unwrap_or_default(),
            hostility: row.hostility,
            irony: row.irony,
            themes,
            model: row.model,
        });
        Rescored { key, observed_at: Timestamp::from_microsecond(observed_at).unwrap_or_default(), scores }
    }
}
