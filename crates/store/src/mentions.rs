use grapevine_model::MentionId;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Store, StoreError};

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
    pub model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolarityCount {
    pub brand: String,
    pub negative: u64,
    pub neutral: u64,
    pub positive: u64,
    pub unscored: u64,
}

impl Store {
    /// The newest mentions first, by creation and then by id. `before` is the last row of the page before.
    pub async fn latest(
        &self,
        brand: Option<&str>,
        limit: u32,
        before: Option<(Timestamp, MentionId)>,
    ) -> Result<Vec<MentionRow>, StoreError> {
        todo!("{brand:?} {limit} {before:?}")
    }

    /// Brands that have mentions, in alphabetical order.
    pub async fn brands_seen(&self) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// Stored rows, one per mention and brand, without the deleted.
    pub async fn count(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// Rows of each brand by polarity, from the base table.
    pub async fn polarity_table(&self) -> Result<Vec<PolarityCount>, StoreError> {
        todo!()
    }
}
