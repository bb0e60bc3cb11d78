//! Alerts: detectors over closed buckets, episodes, notifications and their receivers.
//!
//! Detectors and episodes are pure: the time comes in with the bucket. Only receivers do I/O.
//!
//! | stage | type | takes | gives |
//! |---|---|---|---|
//! | detection | [`Watch`] (a [`Detector`] and its open [`Episode`]) | closed [`Bucket`](grapevine_model::Bucket)s in order | [`Transition`]s |
//! | message | [`Notification`] | an episode, a receiver, [`Background`] from the store | a JSON body and an idempotency key |
//! | delivery | [`Outbox`] | notifications, [`Outcome`]s | what is due, and [`Record`]s to store first |
//! | sending | [`Webhook`] | a due notification | an [`Outcome`] |

mod address;
mod config;
pub mod csv_detect;
mod episodes;
mod negative_spike;
mod notification;
mod outbox;
mod reading;
pub mod signature;
pub mod tail;
mod volume_spike;
mod webhook;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use config::{ReceiverConfig, ReceiverError, Secret};
pub use episodes::{Detector, Transition, Watch, episode_id};
pub use negative_spike::{NegativeSpike, NegativeSpikeSettings};
pub use notification::{BODY_VERSION, Background, Example, Notification, Share, notification_key};
pub use outbox::{Entry, Outbox, Record, RestoreError, Status};
pub use reading::Reading;
pub use volume_spike::VolumeSpike;
pub use webhook::{Outcome, Webhook};

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
