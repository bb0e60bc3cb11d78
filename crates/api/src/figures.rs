//! Where figures come from: the store, or a fake in tests.

use async_trait::async_trait;
use grapevine_alerts::Episode;
use grapevine_model::MentionId;
use grapevine_store::{
    Checked, MentionRow, MetricQuery, MetricTable, Search, SourceReport, Store, StoreError, search::Found,
};
use jiff::Timestamp;

use crate::{
    error::{ApiError, ErrorCode},
    span::Span,
};

/// Answers questions about stored mentions.
#[async_trait]
pub trait Figures: Send + Sync {
    async fn metric(&self, query: &MetricQuery) -> Result<MetricTable, StoreError>;

    /// The newest mentions first; `before` is the last row of the page before.
    async fn latest(
        &self,
        brand: Option<&str>,
        limit: u32,
        before: Option<(Timestamp, MentionId)>,
    ) -> Result<Vec<MentionRow>, StoreError>;

    /// One page of what a search finds.
    async fn search(&self, search: &Search) -> Result<Found, StoreError>;

    /// A mention by brand, with those that are labelled as not relevant.
    async fn mention(&self, id: MentionId) -> Result<Vec<MentionRow>, StoreError>;

    /// Mentions that chance draws, without those that were drawn and judged before.
    async fn draw(&self, brand: &str, span: Span, most: u32) -> Result<Vec<MentionRow>, StoreError>;

    /// What people made of drawn mentions of the brand.
    async fn checked(&self, brand: &str) -> Result<Vec<Checked>, StoreError>;

    /// Episodes of alerts that overlap the span, newest first; of all brands where `brand` is `None`.
    async fn episodes(&self, brand: Option<&str>, span: Span) -> Result<Vec<Episode>, StoreError>;

    /// What the runtime last said of each source, with the counts of the last 24 hours, by name.
    async fn source_reports(&self) -> Result<Vec<SourceReport>, StoreError>;

    /// Fails where the store does not answer.
    async fn health(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl Figures for Store {
    async fn metric(&self, query: &MetricQuery) -> Result<MetricTable, StoreError> {
        Store::metric(self, query).await
    }

    async fn latest(
        &self,
        brand: Option<&str>,
        limit: u32,
        before: Option<(Timestamp, MentionId)>,
    ) -> Result<Vec<MentionRow>, StoreError> {
        Store::latest(self, brand, limit, before).await
    }

    async fn search(&self, search: &Search) -> Result<Found, StoreError> {
        Store::search(self, search).await
    }

    async fn mention(&self, id: MentionId) -> Result<Vec<MentionRow>, StoreError> {
        Store::mention(self, id).await
    }

    async fn draw(&self, brand: &str, span: Span, most: u32) -> Result<Vec<MentionRow>, StoreError> {
        Store::draw(self, brand, (span.from, span.to), most).await
    }

    async fn checked(&self, brand: &str) -> Result<Vec<Checked>, StoreError> {
        Store::checked(self, brand).await
    }

    async fn episodes(&self, brand: Option<&str>, span: Span) -> Result<Vec<Episode>, StoreError> {
        Store::episodes(self, brand, span.from, span.to).await
    }

    async fn source_reports(&self) -> Result<Vec<SourceReport>, StoreError> {
        Store::source_reports(self).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> Self {
        let code = match error {
            StoreError::UnknownMetric { .. } => ErrorCode::UnknownMetric,
            StoreError::Query(_) => ErrorCode::BadSearch,
            StoreError::UnsupportedBy { .. } | StoreError::MissingParameter { .. } => ErrorCode::BadQuery,
            StoreError::EmptySpan { .. } | StoreError::TooManyPoints { .. } => ErrorCode::BadSpan,
            StoreError::TooHeavy { .. } => ErrorCode::TimedOut,
            other if other.is_transient() => ErrorCode::StoreUnavailable,
            _ => ErrorCode::Internal,
        };
        if code != ErrorCode::Internal && code != ErrorCode::StoreUnavailable {
            return ApiError::new(code, error.to_string());
        }
        // The engine's own words can hold addresses and statements: they are for the log, not for a reader.
        tracing::warn!(%error, "the store could not answer");
        ApiError::new(code, "the store could not answer this")
    }
}
