use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use grapevine_alerts::{Episode, EpisodeState};
use grapevine_api::{
    ApiParts, ApiState, AskedBefore, AskedToForget, BrandEntry, Figures, ForgetError, ForgetRequest, Forgetting,
    Labels, LiveEvent, PipelineStatus, Settings, Span, app, token,
};
use grapevine_model::{
    LabelRecord, MentionId, QuotaUse, SpendUse, ThemeScore,
    forgotten::{Remains, Request as Asked, Run},
};
use grapevine_store::{
    Asked as AskedQuestion, Checked, Column, Correction, Coverage, GapSpan, GivenLabel, LeftOut, Measured, MentionRow,
    MetricQuery, MetricTable, ModelNote, Search, SourceReport, StoreError, registry,
    search::{Cursor, Found, Hit, Progress, Removed},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tower::ServiceExt;

pub const TOKEN: &str = "gv_test";
pub const NOW: &str = "2026-03-08T12:00:00Z";

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Remembers the questions and answers each with the same table.
#[derive(Default)]
pub struct FakeStore {
    pub asked: Mutex<Vec<MetricQuery>>,
    pub before: Mutex<Option<(Timestamp, MentionId)>>,
    pub searched: Mutex<Option<Search>>,
    /// That stand on every mention.
    pub labels: Mutex<Vec<GivenLabel>>,
    /// Answers never come.
    pub stuck: bool,
    /// How long a metric takes.
    pub takes: Duration,
}

#[async_trait]
impl Figures for FakeStore {
    async fn metric(&self, query: &MetricQuery) -> Result<MetricTable, StoreError> {
        if self.stuck {
            std::future::pending::<()>().await;
        }
        self.asked.lock().unwrap().push(query.clone());
        tokio::time::sleep(self.takes).await;
        let metric = registry::find(&query.metric)?.info();
        if query.brand == "Broken" {
            return Err(StoreError::DatabaseName { name: "secret".into() });
        }
        Ok(table(metric, query))
    }

    async fn latest(
        &self,
        brand: Option<&str>,
        limit: u32,
        before: Option<(Timestamp, MentionId)>,
    ) -> Result<Vec<MentionRow>, StoreError> {
        *self.before.lock().unwrap() = before;
        Ok((0..limit.min(3)).map(|i| row(brand.unwrap_or("Grove"), i)).collect())
    }

    async fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let hit = Hit {
            mention: MentionRow { text: "so 🔥 good".into(), ..row("Grove", 1) },
            highlights: std::iter::once(8..12).collect(),
        };
        let progress = Progress {
            count: 1,
            at_least: true,
            stopped: true,
            looked_at: 200_000,
            of: Some(3_000_000),
            reached: search.from,
            indexed: false,
        };
        *self.searched.lock().unwrap() = Some(search.clone());
        let next = Some(Cursor { created_at: time("2026-03-08T11:00:00Z"), id: MentionId(1) });
        let removed = Removed {
            brand: "Grove".into(),
            platform: "bluesky".into(),
            from: search.from,
            to: time("2026-02-20T00:00:00Z"),
        };
        Ok(Found { hits: vec![hit], next, progress, removed: vec![removed] })
    }

    async fn mention(&self, id: MentionId) -> Result<Vec<MentionRow>, StoreError> {
        let labels = self.labels.lock().unwrap().clone();
        let row = |brand: &str| MentionRow { id, labels: labels.clone(), ..row(brand, 0) };
        // Mention 404 is not stored.
        Ok(if id.0 == 404 { vec![] } else { vec![row("Brightleaf"), row("Grove")] })
    }

    async fn draw(&self, brand: &str, _: Span, most: u32) -> Result<Vec<MentionRow>, StoreError> {
        Ok((0..most.min(2)).map(|i| row(brand, i)).collect())
    }

    async fn checked(&self, _: &str) -> Result<Vec<Checked>, StoreError> {
        let of = |language: &str, counts| Checked { model: "minilm@1".into(), language: language.into(), counts };
        Ok(vec![of("de", [[4, 1, 0], [0, 2, 0], [0, 0, 3]]), of("en", [[10, 2, 1], [3, 9, 2], [0, 1, 8]])])
    }

    async fn episodes(&self, brand: Option<&str>, span: Span) -> Result<Vec<Episode>, StoreError> {
        Ok(vec![Episode {
            id: "e1".into(),
            rule: "negative_spike".into(),
            brand: brand.unwrap_or("Grove").into(),
            state: EpisodeState::Firing,
            started_at: span.from,
            resolved_at: None,
            evidence: 3.0,
            peak_evidence: 4.5,
            observed: 41.0,
            expected: 3.2,
        }])
    }

    async fn source_reports(&self) -> Result<Vec<SourceReport>, StoreError> {
        Ok(vec![SourceReport {
            source: "x".into(),
            kind: "x".into(),
            state: "waiting".into(),
            since: time("2026-03-08T11:40:00Z"),
            message: "waits for its quota".into(),
            observed_at: time(NOW),
            complete_through: Some(time("2026-03-08T11:30:00Z")),
            last_success: None,
            requests: 8,
            records: 20,
            rejected: 2,
            errors: [("limited".to_owned(), 4)].into(),
            quota: vec![QuotaUse { what: "requests per 15m".into(), used: 450, allowed: 450 }],
            spend: Some(SpendUse { records: 4000, spent: 20.0, cap: 100.0, share: 0.5 }),
        }])
    }

    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn table(metric: grapevine_store::MetricInfo, query: &MetricQuery) -> MetricTable {
    let gap = GapSpan { source: "reddit".into(), from: query.from, to: query.to, reason: "rate limit".into() };
    MetricTable {
        metric,
        brand: query.brand.clone(),
        from: query.from,
        to: query.to,
        by: query.by,
        columns: vec![Column { name: "net_sentiment", unit: "points" }],
        rows: vec![vec![json!(12.5)]],
        coverage: Coverage {
            complete_through: Some(query.to),
            gaps: vec![gap],
            sampled: Vec::new(),
            partial: true,
            note: "reddit has a gap".into(),
        },
        model: Some(ModelNote { name: "minilm@1".into(), share_scored: 0.98 }),
        correction: (query.metric == "net_sentiment_corrected").then(correction),
    }
}

fn correction() -> Correction {
    let (model, language) = ("minilm@1".to_owned(), "en".to_owned());
    let reason = "no confusion of minilm@1 is measured in de".to_owned();
    let measured =
        Measured { model: model.clone(), language, set: "set".into(), n: 2000, macro_recall: 0.73, mentions: 90 };
    let left_out = LeftOut { model, language: "de".into(), mentions: 10, reason: reason.clone() };
    Correction { measured: vec![measured], left_out: vec![left_out], note: reason }
}

fn row(brand: &str, i: u32) -> MentionRow {
    MentionRow {
        id: MentionId(u128::from(i)),
        brand: brand.into(),
        platform: "bluesky".into(),
        kind: "post".into(),
        space: String::new(),
        url: "https://social.example/1".into(),
        author: "did:1".into(),
        author_handle: "ada".into(),
        author_name: String::new(),
        author_followers: Some(12),
        created_at: time("2026-03-08T11:00:00Z"),
        observed_at: time("2026-03-08T11:00:05Z"),
        text: "good".into(),
        language: String::new(),
        hashtags: vec![],
        handles: vec![],
        likes: None,
        reposts: None,
        replies: None,
        monitor: "words".into(),
        team: false,
        owned_space: false,
        polarity: Some("positive"),
        confidence: Some(0.9),
        intent: Some("praise".into()),
        hostility: Some(0.02),
        irony: Some(0.25),
        themes: vec![ThemeScore { theme: "product quality".into(), probability: 0.9, rule: false }],
        model: "minilm@1".into(),
        story: None,
        labels: vec![],
    }
}

/// Remembers the labels.
#[derive(Default)]
pub struct FakeLog {
    pub appended: Mutex<Vec<LabelRecord>>,
    pub down: AtomicBool,
}

#[async_trait]
impl Labels for FakeLog {
    async fn append(&self, records: Vec<LabelRecord>) -> Result<(), String> {
        if self.down.load(Relaxed) {
            return Err("the disk at /secret is full".into());
        }
        self.appended.lock().unwrap().extend(records);
        Ok(())
    }
}

/// An API over a fake store, and the handles that a test may want.
pub struct Api {
    pub router: Router,
    pub store: Arc<FakeStore>,
    pub live: broadcast::Sender<LiveEvent>,
    pub log: Arc<FakeLog>,
    pub settings: Settings,
}

/// What pages asked, while the test runs.
#[derive(Default)]
pub struct FakeMemory(Mutex<Vec<AskedQuestion>>);

#[async_trait]
impl AskedBefore for FakeMemory {
    async fn remember(&self, asked: &[AskedQuestion]) -> Result<(), StoreError> {
        self.0.lock().unwrap().extend_from_slice(asked);
        Ok(())
    }

    async fn since(&self, time: Timestamp) -> Result<Vec<AskedQuestion>, StoreError> {
        Ok(self.0.lock().unwrap().iter().filter(|asked| asked.at >= time).cloned().collect())
    }
}

/// Takes every request but those about `x:twice`, `x:log` and `x:store`. Another process takes so many.
#[derive(Default)]
pub struct FakeDesk(pub AtomicUsize);

fn asked(by: &str, running: bool) -> ForgetRequest {
    let remains = Remains { place: "mentions.raw".into(), records: Some(2), until: None, why: "kept by Kafka".into() };
    let run = Run {
        began_at: time(NOW),
        found: [("mentions".to_owned(), 3)].into(),
        hours: vec![("Grove".into(), 1_772_960_400)],
        remains: vec![remains],
        ended_at: None,
    };
    let (id, reason) = ("0c1f2e3d".to_owned(), "letter 12".to_owned());
    let request =
        Asked { id, at: time(NOW), by: by.into(), reason, subjects: 2, digest: String::new(), runs: vec![run] };
    ForgetRequest::of(&request, running, None)
}

#[async_trait]
impl Forgetting for FakeDesk {
    async fn begin(&self, request: AskedToForget) -> Result<ForgetRequest, ForgetError> {
        match request.authors.first().map_or("", String::as_str) {
            "x:twice" => Err(ForgetError::Unclear("x:twice is on several instances: a, b".into())),
            "x:log" => Err(ForgetError::Log("broker secret.example is gone".into())),
            "x:store" => Err(ForgetError::Store("at secret.example".into())),
            _ => Ok(asked(&request.by, true)),
        }
    }

    async fn requests(&self) -> Result<Vec<ForgetRequest>, ForgetError> {
        Ok(vec![asked("ada", false); 1 + self.0.load(Relaxed)])
    }
}

impl Api {
    pub fn new() -> Self {
        Self::over(FakeStore::default())
    }

    pub fn over(store: FakeStore) -> Self {
        let store = Arc::new(store);
        let settings = Settings {
            host_names: vec!["grapevine.example".into()],
            time_limit: Duration::from_millis(200),
            ..Settings::new(token::hash(TOKEN))
        };
        let log = Arc::new(FakeLog::default());
        let parts = ApiParts { labels: log.clone(), ..parts(store.clone(), settings.clone()) };
        let live = parts.live.clone();
        Self { router: app(ApiState::new(parts)), store, live, log, settings }
    }

    /// With the token.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).header("authorization", format!("Bearer {TOKEN}"))).await
    }

    pub async fn send(&self, request: axum::http::request::Builder) -> Answer {
        self.send_body(request, Body::empty()).await
    }

    pub async fn send_body(&self, request: axum::http::request::Builder, body: Body) -> Answer {
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 10_000_000).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }
}

pub fn parts(figures: Arc<dyn Figures>, settings: Settings) -> ApiParts {
    let brand = |name: &str, competitor| BrandEntry { name: name.into(), competitor };
    ApiParts {
        figures,
        asked_before: Arc::new(FakeMemory::default()),
        brands: vec![brand("Grove", false), brand("Broken", false), brand("Brightleaf", true)],
        labels: Arc::new(FakeLog::default()),
        forgetting: Arc::new(FakeDesk::default()),
        live: broadcast::channel(4).0,
        status: Arc::new(|| PipelineStatus {
            version: "0.1.0".into(),
            started_at: time(NOW),
            stages: vec![],
            sources: vec![],
            model: None,
            engine_restarts: 0,
            invariants: vec![],
        }),
        metrics_text: Arc::new(|| "grapevine_mentions_total 5\n".into()),
        clock: Arc::new(|| time(NOW)),
        settings,
    }
}

pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:8080")
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn code(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.json()["code"].as_str().unwrap())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
