//! Which brands a mention belongs to: the boolean query language of monitors, and one matcher for all of them.

use serde::{Deserialize, Serialize};

/// A brand, ours or a competitor's, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The name that figures are shown under. Unique.
    pub name: String,
    /// A competitor's brand: it counts in share of voice and raises no alert of its own.
    #[serde(default)]
    pub competitor: bool,
    /// Handles that speak for the brand, without `@`. What they write belongs to the brand, and counts as the team's.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Spaces that the brand owns, as sources name them. Everything posted there belongs to the brand.
    #[serde(default)]
    pub spaces: Vec<String>,
    #[serde(default, rename = "monitor")]
    pub monitors: Vec<Monitor>,
}

/// A saved boolean query that says what belongs to a brand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Unique within the brand.
    pub name: String,
    /// Words, "phrases", #hashtag, @handle, AND, OR, NOT, (groups). Words next to each other mean AND.
    pub query: String,
}
