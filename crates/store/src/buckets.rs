use grapevine_model::Bucket;
use jiff::Timestamp;

use crate::{Store, StoreError};

impl Store {
    /// Every bucket of five minutes that starts in the span, the empty ones included.
    pub async fn buckets(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Bucket>, StoreError> {
        todo!("{brand} {from} {to}")
    }
}
