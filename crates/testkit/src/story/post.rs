use grapevine_model::{Kind, Polarity};
use jiff::Timestamp;
use serde::Serialize;

/// One line of the story as NDJSON. Field names are those that the file source reads without a map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoryPost {
    pub id: String,
    /// `forum`, `boards` or `microblog`.
    pub platform: String,
    pub instance: String,
    pub created_at: Timestamp,
    /// Handle, without `@`.
    pub author: String,
    pub author_id: String,
    pub author_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    pub is_team: bool,
    pub text: String,
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    pub url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    pub language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_author: Option<String>,
    pub likes: u64,
    pub reposts: u64,
    pub replies: u64,
    pub quotes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
    /// What its author meant, for tests of the model and of alerts. The pipeline does not read it.
    pub intended: Polarity,
    /// The brand that it was written about.
    #[serde(skip)]
    pub about: &'static str,
}

impl StoryPost {
    /// Does it belong to the brand of this name, as the monitors of [`config_toml`](super::config_toml) see it?
    pub fn mentions(&self, brand: &str) -> bool {
        self.about == brand || self.text.to_lowercase().contains(&brand.to_lowercase())
    }

    /// Its line of NDJSON, without the line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a post is plain data")
    }
}
