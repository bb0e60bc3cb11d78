//! Answers a question to the registry: picks the statement, binds the parameters, and says how far the figures can be
//! trusted.

use clickhouse::{Row, query::Query};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    By, Column, Correction, Coverage, GapSpan, LookBack, Metric, MetricQuery, MetricTable, ModelNote, Store,
    StoreError,
    client::{from_millis, millis},
    corrected::{self, Known},
    error::Doing,
    facets::{Facets, cut_hours},
    forecast,
    labels::Mentions,
    lift, members, pieces,
    registry::{self, Shape},
    series::{self, Series},
    tiers::{Lengths, Tiers},
};

const BUCKET: i64 = 300_000;
const DEFAULT_LIMIT: u32 = 50;
const MOST_ROWS: u32 = 1000;
const DAY_SECONDS: u32 = 86_400;

/// A question after its checks: what is asked of ClickHouse. Times are milliseconds.
struct Asked<'a> {
    query: &'a MetricQuery,
    metric: &'static Metric,
    shape: &'static Shape,
    from: i64,
    to: i64,
}

#[derive(Row, Deserialize)]
struct Scored {
    /// Empty where no model scored anything.
    name: String,
    mentions: u64,
    unscored: u64,
}

impl Store {
    /// Answers one question.
    ///
    /// # Errors
    /// An unknown metric or split (the error lists the valid ones), an empty span, too many points, or a question
    /// beyond
    /// the budget of time and memory.
    pub async fn metric(&self, query: &MetricQuery) -> Result<MetricTable, StoreError> {
        let asked = check(query)?;
        let (from, to) = (from_millis(asked.from), from_millis(asked.to));
        let series = asked.series()?;
        // Side by side, in two rounds: most of the time of a small question is its way to the server and back.
        let what = || format!("{} of {}", asked.metric.id, query.brand);
        let heavy = |error| self.too_heavy(error, &what(), (from, to));
        let (through, mentions) =
            tokio::try_join!(self.recent_through(), self.labelled_as(&query.brand, asked.reads())).map_err(heavy)?;
        let sql = asked.statement(series.as_ref(), mentions, self.lengths);
        let (coverage, rows, model, removed) = tokio::try_join!(
            self.coverage_of(&asked, through),
            self.figures(&asked, &sql, through),
            self.model(&asked),
            self.removed_of(&asked, &sql),
        )
        .map_err(heavy)?;
        let coverage = coverage.without(removed);
        let coverage = match registry::lacking::note(asked.metric, asked.shape, &rows) {
            Some(reason) => coverage.and(reason.to_owned()),
            None => coverage,
        };
        let rows = self.continued(&asked, rows, &coverage).await?;
        let rows = self.lifted(&asked, rows).await?;
        let (rows, correction) = self.corrected(&asked, rows).await?;
        let columns = columns(asked.shape, query.by);
        let rows = series.map_or_else(|| rows.clone(), |series| series.fill(&rows, asked.shape.columns, &coverage));
        Ok(MetricTable {
            metric: asked.metric.info(),
            brand: query.brand.clone(),
            from,
            to,
            by: query.by,
            columns,
            rows,
            coverage,
            model,
            correction,
        })
    }

    /// Of a forecast, the rows are counts by day until here.
    async fn continued(
        &self,
        asked: &Asked<'_>,
        rows: Vec<Vec<Value>>,
        coverage: &Coverage,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        if !registry::forecast::is(asked.metric) {
            return Ok(rows);
        }
        let first = self.recent_first(&asked.query.brand).await?.map(millis);
        forecast::rows(&rows, (asked.from, asked.to), first, coverage)
    }

    /// Of a lift, without a time before that the brand's history does not hold.
    async fn lifted(&self, asked: &Asked<'_>, rows: Vec<Vec<Value>>) -> Result<Vec<Vec<Value>>, StoreError> {
        if !registry::campaigns::is_lift(asked.metric) || rows.is_empty() {
            return Ok(rows);
        }
        let first = self.recent_first(&asked.query.brand).await?;
        Ok(first.map_or(rows.clone(), |first| lift::within_history(rows, asked.shape.columns, first)))
    }

    /// The rows as the statement gives them. What came after the sources are complete, or after the end of the span, is not
    /// looked at, so that the answer about a past span stays the same.
    async fn figures(
        &self,
        asked: &Asked<'_>,
        sql: &str,
        through: Option<Timestamp>,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let horizon = through.map_or(asked.to, |through| millis(through).min(asked.to));
        rows(asked.bind(self, sql, horizon)).await
    }

    /// Of a corrected figure, the rows are counts by model and language until here.
    async fn corrected(
        &self,
        asked: &Asked<'_>,
        rows: Vec<Vec<Value>>,
    ) -> Result<(Vec<Vec<Value>>, Option<Correction>), StoreError> {
        if !registry::corrected::is(asked.metric) {
            return Ok((rows, None));
        }
        let cells = corrected::cells(rows)?;
        let brand = &asked.query.brand;
        let (cards, own) = tokio::try_join!(self.cards(), self.recent_checked(brand))?;
        let (rows, correction) = corrected::table(&cells, Known { cards: &cards, brand, own: &own });
        Ok((rows, Some(correction)))
    }

    /// What retention removed of what the statement reads.
    async fn removed_of(&self, asked: &Asked<'_>, sql: &str) -> Result<Vec<GapSpan>, StoreError> {
        if !pieces::reads_mentions(sql, asked.from, asked.to) {
            return Ok(vec![]);
        }
        self.recent_removed(&asked.query.brand, asked.begin(), from_millis(asked.to)).await
    }

    /// Coverage of the span and of what the metric looks back over.
    async fn coverage_of(&self, asked: &Asked<'_>, through: Option<Timestamp>) -> Result<Coverage, StoreError> {
        let (back, over_time) = (asked.metric.looks_back, asked.query.by.is_some());
        let coverage = self.recent_coverage(through, asked.begin(), from_millis(asked.to));
        let Some(since) = back.history_since(asked.from, asked.to, over_time) else { return coverage.await };
        let (coverage, first) = tokio::try_join!(coverage, self.recent_first(&asked.query.brand))?;
        Ok(match first.filter(|first| millis(*first) >= since + BUCKET) {
            Some(first) => coverage.and(format!("the brand's history begins at {first} only")),
            None => coverage,
        })
    }

    /// `None` of a figure that has nothing to do with it.
    async fn model(&self, asked: &Asked<'_>) -> Result<Option<ModelNote>, StoreError> {
        if !asked.metric.scored {
            return Ok(None);
        }
        self.recent_model((asked.query.brand.clone(), asked.from, asked.to)).await
    }

    /// The model that scored most of the hours that the span (in milliseconds) touches, and how much of the span is scored.
    pub(crate) async fn model_of(&self, brand: &str, from: i64, to: i64) -> Result<Option<ModelNote>, StoreError> {
        let sql = Tiers::of((from, to), None, self.lengths).of_rollups(MODEL, None);
        let query = self.ask(&pieces::whole(&sql)).param("brand", brand).param("from", from).param("to", to);
        let Scored { name, mentions, unscored } =
            query.fetch_one().await.doing("reading which model scored the span")?;
        let share_scored = 1.0 - unscored as f64 / mentions.max(1) as f64;
        Ok((!name.is_empty()).then_some(ModelNote { name, share_scored }))
    }
}

const MODEL: &str = "SELECT ifNull((SELECT CAST(model, 'Nullable(String)') FROM (
            SELECT model, negative + neutral + positive AS n, epoch, max(epoch) OVER (PARTITION BY bucket) AS top
            FROM rollup_scored WHERE brand = {brand:String} AND $bucket_hours)
        WHERE epoch = top AND n > 0 GROUP BY model ORDER BY sum(n) DESC, model LIMIT 1), '') AS name,
    sum(mentions) AS mentions, sum(unscored) AS unscored FROM rollup_epochs WHERE $buckets";

fn check(query: &MetricQuery) -> Result<Asked<'_>, StoreError> {
    let metric = registry::find(&query.metric)?;
    let fits = |shape: &&Shape| query.by.map_or(shape.by.is_empty(), |by| shape.by.contains(&by));
    let shape = metric.shapes.iter().find(fits).ok_or_else(|| unsupported(metric, query.by))?;
    let (from, to) = (millis(query.from).max(0), millis(query.to).max(0));
    if from >= to {
        return Err(StoreError::EmptySpan { from: query.from, to: query.to });
    }
    let (from, to) = match metric.buckets {
        true => (from / BUCKET * BUCKET, (to + BUCKET - 1) / BUCKET * BUCKET),
        false => (from, to),
    };
    let from = match metric.looks_back {
        LookBack::Window(_) => metric.looks_back.begin(from, to, false),
        _ => from,
    };
    if metric.id == registry::hashtags::RESEARCH && hashtag(query).is_empty() {
        return Err(StoreError::MissingParameter { metric: metric.id, parameter: "hashtag" });
    }
    Ok(Asked { query, metric, shape, from, to })
}

/// As mentions hold it.
fn hashtag(query: &MetricQuery) -> String {
    query.hashtag.as_deref().unwrap_or_default().trim().trim_start_matches('#').to_lowercase()
}

fn unsupported(metric: &'static Metric, by: Option<By>) -> StoreError {
    let valid: Vec<&str> = metric.shapes.iter().flat_map(|shape| shape.by).map(|by| by.name()).collect();
    let valid = if valid.is_empty() { "nothing".to_owned() } else { valid.join(", ") };
    StoreError::UnsupportedBy { metric: metric.id, by: by.map_or("nothing", By::name), valid }
}

impl Asked<'_> {
    /// From when to when the statement reads mentions at most.
    fn reads(&self) -> (i64, i64) {
        let back = self.metric.looks_back;
        let begin = [false, true].map(|over_time| back.begin(self.from, self.to, over_time)).into_iter().min();
        let is_bounded = pieces::is_bounded(&pieces::whole(self.shape.sql));
        (begin.filter(|_| is_bounded).unwrap_or(0).min(self.from), self.to)
    }

    fn statement(&self, series: Option<&Series>, mentions: Mentions, lengths: Lengths) -> String {
        let step = series.map(|series| series.step);
        let tiers = Tiers::of((self.from, self.to), step, lengths);
        let facets = Facets::of(tiers);
        let sql = members::put_in_at(&facets.put_in(self.shape.sql), facets != Facets::Base);
        pieces::statement(&sql, self.query.by, step.unwrap_or(1), mentions, tiers)
    }

    /// Start of what the metric counts.
    fn begin(&self) -> Timestamp {
        from_millis(self.metric.looks_back.covered(self.from, self.to, self.query.by.is_some()))
    }

    /// `None` where the answer is no series over time.
    fn series(&self) -> Result<Option<Series>, StoreError> {
        let step = match self.query.by {
            Some(By::FiveMinutes) => 300,
            Some(By::Hour) => 3600,
            Some(By::Day) => DAY_SECONDS,
            Some(By::Time) if self.shape.by.contains(&By::Hour) => series::fitting_step(self.to - self.from),
            Some(By::Time) => DAY_SECONDS,
            _ => return Ok(None),
        };
        Series::new(self.from, self.to, step).map(Some)
    }

    fn bind(&self, store: &Store, sql: &str, horizon: i64) -> Query {
        let asked = self.query;
        let (owners, accounts): (Vec<&str>, Vec<&str>) =
            store.accounts.iter().map(|(owner, account)| (owner.as_str(), account.as_str())).unzip();
        store
            .ask(sql)
            .param("brand", &asked.brand)
            .param("from", self.from)
            .param("to", self.to)
            .param("horizon", horizon)
            .param("cut", cut_hours(self.from, self.to))
            .param("limit", asked.limit.unwrap_or(DEFAULT_LIMIT).min(MOST_ROWS))
            .param("among", &asked.among)
            .param("hashtag", hashtag(asked))
            .param("campaign", asked.campaign.as_deref().unwrap_or_default())
            .param("owners", owners)
            .param("accounts", accounts)
            .param("target", asked.target_seconds.unwrap_or(DAY_SECONDS))
            .with_setting("date_time_output_format", "iso")
    }
}

fn columns(shape: &Shape, by: Option<By>) -> Vec<Column> {
    let time = matches!(by, Some(By::Time | By::FiveMinutes | By::Hour | By::Day));
    let key = by.map(|by| match time {
        true => Column { name: "time", unit: "time" },
        false => Column { name: by.name(), unit: "text" },
    });
    let covered = time.then_some(Column { name: "covered", unit: "share" });
    key.into_iter().chain(shape.columns.iter().cloned()).chain(covered).collect()
}

async fn rows(query: Query) -> Result<Vec<Vec<Value>>, StoreError> {
    let doing = "computing a metric";
    let body = query.fetch_bytes("JSONCompactEachRow").doing(doing)?.collect().await.doing(doing)?;
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|source| StoreError::Answer { doing, source })).collect()
}

/// RFC 3339, to the second where it is a whole one.
pub(crate) fn time_value(millis: i64) -> Value {
    Value::String(Timestamp::from_millisecond(millis).unwrap_or_default().to_string())
}
