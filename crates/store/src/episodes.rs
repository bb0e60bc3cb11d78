use grapevine_alerts::Episode;
use jiff::Timestamp;

use crate::{Store, StoreError};

impl Store {
    /// Writes an episode. The newest write of an id replaces the older ones.
    pub async fn save_episode(&self, episode: &Episode) -> Result<(), StoreError> {
        todo!("{episode:?}")
    }

    /// Episodes that overlap the span, newest first; of all brands where `brand` is `None`.
    pub async fn episodes(
        &self,
        brand: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Episode>, StoreError> {
        todo!("{brand:?} {from} {to}")
    }
}
