mod batch;

pub use batch::{Batch, Inserted};

use crate::{Store, StoreError};

impl Store {
    /// Writes a batch. The same batch again changes nothing.
    ///
    /// # Errors
    /// After any error, insert the identical batch again: what was written is not written twice.
    pub async fn insert(&self, batch: &Batch) -> Result<Inserted, StoreError> {
        todo!("{batch:?}")
    }
}
