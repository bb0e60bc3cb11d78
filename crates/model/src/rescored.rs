use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{MentionKey, Scores};

/// What another model says of a mention that is stored: it takes the place of what was said of that version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rescored {
    pub key: MentionKey,
    /// Of the version that was scored. One that was edited since is not touched.
    pub observed_at: Timestamp,
    /// Absent where the model does not cover its language: it is then not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}
