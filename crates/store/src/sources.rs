use jiff::Timestamp;

use crate::{Coverage, Store, StoreError};

impl Store {
    /// The time before which every one of the sources has delivered everything, on each of the partitions 0 to
    /// `partitions` - 1. `None` while one of them has not said.
    pub async fn closed_through(&self, sources: &[String], partitions: u32) -> Result<Option<Timestamp>, StoreError> {
        todo!("{sources:?} {partitions}")
    }

    /// How far the sources have come in a span, all of them that are stored.
    pub async fn coverage(&self, from: Timestamp, to: Timestamp) -> Result<Coverage, StoreError> {
        todo!("{from} {to}")
    }
}
