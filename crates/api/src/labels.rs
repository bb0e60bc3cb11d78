//! Labels of people, as the page sees them and as it gives them.

use async_trait::async_trait;
use grapevine_model::{Label, LabelRecord};
use grapevine_store::MentionRow;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Takes what people say: the log in the binary, a list in tests.
#[async_trait]
pub trait Labels: Send + Sync {
    /// Returns once all of them are durable. The error is for the log of the process.
    async fn append(&self, records: Vec<LabelRecord>) -> Result<(), String>;
}

/// What a person said of one field of a mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LiveLabel {
    /// 32 hexadecimal digits.
    pub mention: String,
    pub brand: String,
    #[schema(example = "polarity")]
    pub field: String,
    /// Absent where the label was taken back.
    #[schema(example = "negative")]
    pub value: Option<String>,
    /// What the newest model says; absent where it says nothing, or it is not known here.
    pub model: Option<String>,
    pub by: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<&LabelRecord> for LiveLabel {
    fn from(record: &LabelRecord) -> Self {
        let key = record.key();
        let (value, by) = match record {
            LabelRecord::Label(label) => (Some(label.correction.value()), &label.by),
            LabelRecord::Withdrawn(withdrawal) => (None, &withdrawal.by),
        };
        Self {
            mention: key.mention.to_string(),
            brand: key.brand,
            field: key.field.name().to_owned(),
            value,
            model: None,
            by: by.clone(),
            at: record.at(),
        }
    }
}

impl From<&Label> for LiveLabel {
    fn from(label: &Label) -> Self {
        LabelRecord::Label(label.clone()).into()
    }
}

impl From<LabelRecord> for LiveLabel {
    fn from(record: LabelRecord) -> Self {
        Self::from(&record)
    }
}

/// Those that stand on a stored mention of a brand.
pub(crate) fn standing(row: &MentionRow) -> Vec<LiveLabel> {
    let label = |given: &grapevine_store::GivenLabel| LiveLabel {
        mention: row.id.to_string(),
        brand: row.brand.clone(),
        field: given.field.clone(),
        value: Some(given.value.clone()),
        model: (!given.model.is_empty()).then(|| given.model.clone()),
        by: given.by.clone(),
        at: given.at,
    };
    row.labels.iter().map(label).collect()
}
