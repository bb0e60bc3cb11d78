use jiff::Timestamp;
use serde::Serialize;

use crate::{MentionRow, Store, StoreError};

/// Where the negative mentions of a span come from, beyond what is usual.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub brand: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Negative mentions in the span.
    pub observed: u64,
    /// What the week before gives for a span of this length.
    pub expected: f64,
    /// The five largest of each, by excess.
    pub platforms: Vec<Share>,
    pub authors: Vec<Share>,
    pub hashtags: Vec<Share>,
    /// Three negative mentions of different texts, the widest reach first.
    pub examples: Vec<MentionRow>,
}

/// One platform's, author's or hashtag's part in the excess.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    pub name: String,
    pub observed: u64,
    pub expected: f64,
    /// observed - expected, over the same for all, 0 to 1. Shares of hashtags can sum to more than 1.
    pub share: f64,
}

impl Store {
    /// Splits the excess of negative mentions over the week before.
    pub async fn explain(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Explanation, StoreError> {
        todo!("{brand} {from} {to}")
    }
}
