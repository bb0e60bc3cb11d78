//! Cards of models, as they are stored: what was measured of each model that ever scored.

use clickhouse::Row;
use grapevine_model::ModelCard;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, error::Doing, write::micros};

/// A card is kept as its JSON: it is read whole, or not at all.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(crate) struct CardRecord {
    pub model: String,
    pub observed_at: i64,
    pub card: String,
}

impl From<&ModelCard> for CardRecord {
    fn from(card: &ModelCard) -> Self {
        let json = serde_json::to_string(card).expect("a card has string keys");
        Self { model: card.id.clone(), observed_at: micros(card.observed_at), card: json }
    }
}

impl Store {
    /// Keeps a card, for a model that scores beside the log.
    pub async fn save_card(&self, card: &ModelCard) -> Result<(), StoreError> {
        let doing = "saving a model's card";
        let mut insert = self.writer().insert::<CardRecord>("models").await.doing(doing)?;
        insert.write(&CardRecord::from(card)).await.doing(doing)?;
        insert.end().await.doing(doing)
    }

    /// The newest card of each model.
    pub async fn cards(&self) -> Result<Vec<ModelCard>, StoreError> {
        let doing = "reading the models' cards";
        let cards: Vec<String> =
            self.read("SELECT card FROM models FINAL ORDER BY model").fetch_all().await.doing(doing)?;
        let read = |card: &String| serde_json::from_str(card).map_err(|source| StoreError::Answer { doing, source });
        cards.iter().map(read).collect()
    }
}
