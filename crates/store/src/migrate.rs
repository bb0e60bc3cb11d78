use serde::Serialize;

use crate::{Store, StoreError};

/// A migration that this call applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Such as `0001_mentions`.
    pub name: String,
}

impl Store {
    /// Creates the database where it is missing and applies the migrations that it lacks. Safe to repeat, and to repeat
    /// after a crash half-way.
    ///
    /// # Errors
    /// A migration that was applied with other contents.
    pub async fn migrate(&self) -> Result<Vec<Applied>, StoreError> {
        todo!()
    }
}
