use jiff::Timestamp;
use serde::Serialize;

use crate::{Store, StoreError};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Brand-hours that were computed anew.
    pub hours: u64,
}

/// An hour of a brand whose rollup disagrees with the base table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub brand: String,
    pub hour: Timestamp,
    /// Mentions, negative, neutral, positive, unscored.
    pub base: [u64; 5],
    pub rollup: [u64; 5],
    /// It is marked dirty, so that the next rebuild mends it.
    pub dirty: bool,
}

impl Store {
    /// Computes the rollups of a brand anew from the base table, for every hour that touches the span.
    pub async fn rebuild(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Rebuilt, StoreError> {
        todo!("{brand} {from} {to}")
    }

    /// Rebuilds the hours that edits, deletions and late versions have touched. For the sink, when it is idle.
    pub async fn rebuild_dirty(&self) -> Result<Rebuilt, StoreError> {
        todo!()
    }

    /// Compares base and rollups, hour by hour. Empty where all agree.
    pub async fn verify(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Mismatch>, StoreError> {
        todo!("{from} {to}")
    }
}
