use clickhouse::Row;
use grapevine_model::{MentionId, Polarity, ThemeScore};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    client::from_millis,
    error::Doing,
    labels::CORRECTED,
    pieces,
    search::{Cursor, Filters, Search},
};

/// A stored mention of one brand, for lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MentionRow {
    pub id: MentionId,
    pub brand: String,
    pub platform: String,
    pub kind: String,
    pub space: String,
    pub url: String,
    pub author: String,
    pub author_handle: String,
    pub author_name: String,
    pub author_followers: Option<u64>,
    pub created_at: Timestamp,
    pub observed_at: Timestamp,
    pub text: String,
    pub language: String,
    pub hashtags: Vec<String>,
    pub handles: Vec<String>,
    pub likes: Option<u64>,
    pub reposts: Option<u64>,
    pub replies: Option<u64>,
    pub monitor: String,
    pub team: bool,
    pub owned_space: bool,
    /// `None` where no model scored it.
    pub polarity: Option<&'static str>,
    pub confidence: Option<f32>,
    pub intent: Option<String>,
    pub hostility: Option<f32>,
    pub irony: Option<f32>,
    pub themes: Vec<ThemeScore>,
    pub model: String,
    /// `None` where stories were not told apart.
    pub story: Option<MentionId>,
    /// What people said of it; polarity and intent say so already.
    pub labels: Vec<GivenLabel>,
}

/// A label on a mention that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenLabel {
    /// `polarity`, `theme`, `intent`, `relevance`.
    pub field: String,
    pub value: String,
    /// What the newest model says; empty where it says nothing.
    pub model: String,
    pub by: String,
    pub at: Timestamp,
    /// The mention was drawn by chance, to measure the model.
    pub drawn: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
pub struct PolarityCount {
    pub brand: String,
    pub negative: u64,
    pub neutral: u64,
    pub positive: u64,
    pub unscored: u64,
}

/// Columns of [`Fetched`], for `SELECT`.
pub(crate) const COLUMNS: &str = "id, brand, platform, toString(kind) AS kind, space, url, author, author_handle, \
    author_name, author_followers, toUnixTimestamp64Milli(created_at) AS created_ms, \
    toUnixTimestamp64Micro(observed_at) AS observed_us, text, language, hashtags, handles, likes, reposts, replies, monitor, \
    team, \
    owned_space, toInt8(polarity) AS polarity, confidence, toString(intent) AS intent, hostility, irony, themes, \
    theme_probabilities, theme_rules, model, story, given, model_polarity, model_intent, model_themes";

#[derive(Row, Deserialize)]
pub(crate) struct Fetched {
    id: u128,
    brand: String,
    platform: String,
    kind: String,
    space: String,
    url: String,
    author: String,
    author_handle: String,
    author_name: String,
    author_followers: Option<u64>,
    created_ms: i64,
    observed_us: i64,
    text: String,
    language: String,
    hashtags: Vec<String>,
    handles: Vec<String>,
    likes: Option<u64>,
    reposts: Option<u64>,
    replies: Option<u64>,
    monitor: String,
    team: bool,
    owned_space: bool,
    polarity: i8,
    confidence: Option<f32>,
    intent: String,
    hostility: Option<f32>,
    irony: Option<f32>,
    themes: Vec<String>,
    theme_probabilities: Vec<f32>,
    theme_rules: Vec<bool>,
    model: String,
    story: u128,
    /// Field, value, by whom, when in microseconds, whether drawn.
    given: Vec<(String, String, String, i64, bool)>,
    model_polarity: i8,
    model_intent: String,
    model_themes: Vec<String>,
}

impl From<Fetched> for MentionRow {
    fn from(row: Fetched) -> Self {
        let polarity = named(row.polarity);
        let labels = labels(&row);
        let has_intent = named(row.model_polarity).is_some() || labels.iter().any(|label| label.field == "intent");
        Self {
            id: MentionId(row.id),
            brand: row.brand,
            platform: row.platform,
            kind: row.kind,
            space: row.space,
            url: row.url,
            author: row.author,
            author_handle: row.author_handle,
            author_name: row.author_name,
            author_followers: row.author_followers,
            created_at: from_millis(row.created_ms),
            observed_at: Timestamp::from_microsecond(row.observed_us).unwrap_or_default(),
            text: row.text,
            language: row.language,
            hashtags: row.hashtags,
            handles: row.handles,
            likes: row.likes,
            reposts: row.reposts,
            replies: row.replies,
            monitor: row.monitor,
            team: row.team,
            owned_space: row.owned_space,
            polarity,
            confidence: row.confidence,
            intent: has_intent.then_some(row.intent),
            hostility: row.hostility,
            irony: row.irony,
            themes: themes(row.themes, &row.theme_probabilities, &row.theme_rules),
            model: row.model,
            story: (row.story != 0).then_some(MentionId(row.story)),
            labels,
        }
    }
}

fn themes(names: Vec<String>, probabilities: &[f32], rules: &[bool]) -> Vec<ThemeScore> {
    let said = names.into_iter().zip(probabilities).zip(rules);
    said.map(|((theme, &probability), &rule)| ThemeScore { theme, probability, rule }).collect()
}

/// `None` where no model scored it.
fn named(code: i8) -> Option<&'static str> {
    Polarity::ALL.into_iter().find(|polarity| polarity.sign() == code).map(Polarity::name)
}

fn labels(row: &Fetched) -> Vec<GivenLabel> {
    let model = |field: &str| match field {
        "polarity" => named(row.model_polarity).unwrap_or_default().to_owned(),
        "intent" if named(row.model_polarity).is_some() => row.model_intent.clone(),
        "theme" => row.model_themes.join(", "),
        _ => String::new(),
    };
    let label = |(field, value, by, at, drawn): &(String, String, String, i64, bool)| GivenLabel {
        field: field.clone(),
        value: value.clone(),
        model: model(field),
        by: by.clone(),
        at: Timestamp::from_microsecond(*at).unwrap_or_default(),
        drawn: *drawn,
    };
    row.given.iter().map(label).collect()
}

impl Store {
    /// The newest mentions first, by creation and then by id; 1,000 at most. `before` is the last row of the page
    /// before.
    /// Without `before`, what is dated more than an hour ahead of the server's clock is left out (unless all is).
    /// Without a brand, a mention of several brands is one row, of the alphabetically first.
    pub async fn latest(
        &self,
        brand: Option<&str>,
        limit: u32,
        before: Option<(Timestamp, MentionId)>,
    ) -> Result<Vec<MentionRow>, StoreError> {
        let before = match before {
            Some((created_at, id)) => Cursor { created_at, id },
            None => {
                Cursor { created_at: self.newest().await?.unwrap_or(Timestamp::UNIX_EPOCH), id: MentionId(u128::MAX) }
            }
        };
        let to = before.created_at.saturating_add(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX);
        let filters = Filters { brand: brand.map(str::to_owned), ..Filters::default() };
        let listing = Search::new(None, self.oldest().await?.min(before.created_at), to);
        let found = self.search(&Search { filters, limit, after: Some(before), ..listing }).await?;
        Ok(found.hits.into_iter().map(|hit| hit.mention).collect())
    }

    /// Creation of the oldest row, or no later.
    async fn oldest(&self) -> Result<Timestamp, StoreError> {
        let sql = "SELECT toUnixTimestamp64Milli(min(created_at)) FROM mentions";
        let oldest: i64 = self.read(sql).fetch_one().await.doing("reading the oldest mention")?;
        Ok(from_millis(oldest))
    }

    /// Creation of the newest row. One dated far ahead does not count while there are others: every look back would
    /// begin at it, find too few rows and end in reading the whole table.
    pub(crate) async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "WITH created_at <= now64(3) + INTERVAL 1 HOUR AS past SELECT count(), \
            toUnixTimestamp64Milli(if(countIf(past) > 0, maxIf(created_at, past), max(created_at))) FROM mentions";
        let (rows, newest): (u64, i64) = self.read(sql).fetch_one().await.doing("reading the newest mentions")?;
        Ok((rows > 0).then(|| from_millis(newest)))
    }

    /// Brands that have mentions, in alphabetical order.
    pub async fn brands_seen(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT brand FROM rollup_1h GROUP BY brand HAVING sum(mentions) > 0 ORDER BY brand";
        self.read(sql).fetch_all().await.doing("listing the brands")
    }

    /// Stored rows, one per mention and brand, without the deleted.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.read("SELECT count() FROM mentions FINAL").fetch_one().await.doing("counting the mentions")
    }

    /// A mention, by brand; those that people found not relevant to a brand too, so that they can take it back.
    pub async fn mention(&self, id: MentionId) -> Result<Vec<MentionRow>, StoreError> {
        let all = CORRECTED.replace("WHERE c.irrelevant = 0", "");
        let sql = format!("SELECT {COLUMNS} FROM {all} AS mentions WHERE id = {{id:UInt128}} ORDER BY brand");
        let query = self.read(&sql).param("id", id.0.to_string());
        let rows: Vec<Fetched> = query.fetch_all().await.doing("reading a mention")?;
        Ok(rows.into_iter().map(MentionRow::from).collect())
    }

    /// Rows of each brand by polarity, from the base table and the labels of people.
    pub async fn polarity_table(&self) -> Result<Vec<PolarityCount>, StoreError> {
        let sql = "SELECT brand, countIf(polarity = 'negative') AS negative, countIf(polarity = 'neutral') AS neutral, \
            countIf(polarity = 'positive') AS positive, countIf(polarity = 'unscored') AS unscored \
            FROM $corrected AS m GROUP BY brand ORDER BY brand";
        self.read(&pieces::whole(sql)).fetch_all().await.doing("counting the mentions by polarity")
    }
}
