//! Shapes of other crates' types, for the OpenAPI document only: those crates know nothing of HTTP.
//!
//! A test holds each against what is really sent.
#![expect(dead_code, reason = "only their derived schemas are used")]

use utoipa::ToSchema;

/// Entry of the metric registry.
#[derive(ToSchema)]
pub(crate) struct MetricInfo {
    id: String,
    title: String,
    definition: String,
    formula: String,
    unit: String,
    denominator: String,
    version: u16,
    /// Whose definition it is; `ours` where there is no standard.
    source: String,
    /// `awareness`, `community`.
    roles: Vec<String>,
    partial_when: String,
    /// The ways it can be split.
    by: Vec<String>,
}

/// A figure or a list of them.
#[derive(ToSchema)]
pub(crate) struct MetricTable {
    metric: MetricInfo,
    brand: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    by: Option<String>,
    columns: Vec<Column>,
    /// One value per column. `null` is "not known", never zero. Times are RFC 3339 in UTC.
    rows: Vec<Vec<serde_json::Value>>,
    coverage: Coverage,
    model: Option<ModelNote>,
    /// For figures that are corrected for what the model gets wrong.
    correction: Option<Correction>,
    /// Where `max_age` was given and this was computed before: when.
    #[schema(format = DateTime)]
    as_of: Option<String>,
}

/// Which measurements a figure is corrected by, and what is left out of it.
#[derive(ToSchema)]
pub(crate) struct Correction {
    measured: Vec<Measured>,
    left_out: Vec<LeftOut>,
    /// In words.
    note: String,
}

/// Mentions that were corrected, and by what.
#[derive(ToSchema)]
pub(crate) struct Measured {
    model: String,
    /// ISO 639-1; empty where it is not known, and the model's languages together stand for it.
    language: String,
    set: String,
    n: u64,
    /// 0 to 1.
    macro_recall: f64,
    mentions: u64,
}

/// Scored mentions that can not be corrected, and why.
#[derive(ToSchema)]
pub(crate) struct LeftOut {
    model: String,
    language: String,
    mentions: u64,
    reason: String,
}

#[derive(ToSchema)]
pub(crate) struct Column {
    name: String,
    unit: String,
}

/// How much of the span the sources have covered.
#[derive(ToSchema)]
pub(crate) struct Coverage {
    #[schema(format = DateTime)]
    complete_through: Option<String>,
    gaps: Vec<Gap>,
    /// Spans of which a source read a part, because its budget does not pay for all of it.
    sampled: Vec<Sampled>,
    partial: bool,
    note: String,
}

#[derive(ToSchema)]
pub(crate) struct Gap {
    source: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    reason: String,
}

/// Counts are of what was read: a rate of 0.25 means that about four times as much was there.
#[derive(ToSchema)]
pub(crate) struct Sampled {
    source: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// Share of what was there that was read, 0 to 1.
    rate: f64,
    reason: String,
}

/// The newest report of a source. Counts are of the last 24 hours.
#[derive(ToSchema)]
pub(crate) struct SourceReport {
    source: String,
    kind: String,
    /// `starting`, `catching_up`, `live`, `waiting`, `retrying`, `stalled`, `ended`, `failed`.
    state: String,
    #[schema(format = DateTime)]
    since: String,
    /// What is wrong and what to do about it; empty where nothing is.
    message: String,
    /// When it was reported.
    #[schema(format = DateTime)]
    observed_at: String,
    /// Everything created before is read.
    #[schema(format = DateTime)]
    complete_through: Option<String>,
    /// When a page was last read and kept.
    #[schema(format = DateTime)]
    last_success: Option<String>,
    requests: u64,
    /// Mentions and other events that it gave.
    records: u64,
    /// Pieces that could not be mapped.
    rejected: u64,
    /// Failed polls by class: `transient`, `limited`, `auth`, `config`, `gone`, `cursor_lost`, `log`.
    errors: std::collections::BTreeMap<String, u64>,
    quota: Vec<QuotaUse>,
    /// Absent without a cap.
    spend: Option<SpendUse>,
}

/// How much a source asked of its platform, and what is left of it.
#[derive(ToSchema)]
pub(crate) struct Usage {
    /// Since the source was started.
    requests: u64,
    /// Absent where the platform states none.
    #[schema(required = false)]
    quota: Vec<QuotaUse>,
    /// Absent without a cap.
    #[schema(required = false)]
    spend: Option<SpendUse>,
}

/// A limit and what was used of the window that is open.
#[derive(ToSchema)]
pub(crate) struct QuotaUse {
    /// Such as `requests per 15m`.
    what: String,
    used: u64,
    allowed: u64,
}

/// A spend cap and what was spent of it in the month that runs.
#[derive(ToSchema)]
pub(crate) struct SpendUse {
    records: u64,
    /// USD.
    spent: f64,
    /// USD a month.
    cap: f64,
    /// Share of what is there that is read, 0 to 1.
    share: f64,
}

/// The model that gave polarity and intent.
#[derive(ToSchema)]
pub(crate) struct ModelNote {
    name: String,
    /// Scored mentions / mentions, 0 to 1.
    share_scored: f64,
}

/// One alert from its first firing to its end.
#[derive(ToSchema)]
pub(crate) struct Episode {
    id: String,
    rule: String,
    brand: String,
    /// `firing`, `resolved`.
    state: String,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    resolved_at: Option<String>,
    evidence: f64,
    peak_evidence: f64,
    observed: f64,
    expected: f64,
}
