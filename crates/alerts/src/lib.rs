//! Alerts: detectors over closed buckets, episodes, notifications and their receivers.
//!
//! Detectors and episodes are pure: the time comes in with the bucket. Only receivers do I/O.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One alert from its first firing to its end. What is stored, shown and notified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Depends on rule, brand and `started_at` alone, so that a rebuild gives the same id.
    pub id: String,
    /// `negative_spike`, `volume_spike`.
    pub rule: String,
    pub brand: String,
    pub state: EpisodeState,
    /// End of the bucket that fired.
    pub started_at: Timestamp,
    /// End of the bucket that ended it.
    pub resolved_at: Option<Timestamp>,
    /// Evidence when it fired, and the highest since: -log10 of how often chance alone gives as much.
    pub evidence: f64,
    pub peak_evidence: f64,
    /// Negative mentions (mentions, for a volume spike) in the window that fired, and how many were expected.
    pub observed: f64,
    pub expected: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeState {
    Firing,
    Resolved,
}
