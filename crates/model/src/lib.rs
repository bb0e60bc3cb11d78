//! The domain of Grapevine: mentions, events about them, and the wire format they travel in.
//!
//! Nothing here does I/O, reads a clock or knows a platform. Every other crate speaks these types.
//!
//! - [`Mention`] is one post, reply, repost, quote, review or message that was observed.
//! - [`Event`] is what sources emit: a mention, its deletion, a snapshot of its engagement, an imported row, a gap, a
//!   sampled span, a heartbeat, a source's health, a model's card, what
//!   another model says.
//! - [`wire`] turns events into the JSON records of the log, with a schema version.

mod amount;
mod bucket;
mod currency;
mod event;
pub mod forgotten;
mod health;
mod id;
pub mod label;
mod mention;
mod model_card;
mod rescored;
mod rows;
mod scores;
pub mod wire;

pub use amount::{Amount, ParseAmountError};
pub use bucket::Bucket;
pub use currency::is_currency;
pub use event::{AccountSnapshot, AuthorTombstone, Deletion, EngagementSnapshot, Event, Gap, Heartbeat, Sampled};
pub use health::{QuotaUse, SourceHealth, SpendUse, Usage};
pub use id::{MentionId, MentionKey, ParseMentionIdError};
pub use label::{Before, Correction, Label, LabelError, LabelField, LabelKey, LabelRecord, Withdrawal};
pub use mention::{Author, BrandMatch, Engagement, Kind, Media, Mention};
pub use model_card::{Confusion, ModelCard};
pub use rescored::Rescored;
pub use rows::{Campaign, CampaignFigures, Scale, Survey};
pub use scores::{Intent, MAY_BE_IRONIC, Polarity, Scores, ThemeScore};

/// Topics of the log. A topic is a Kafka topic (or its embedded equivalent), never the subject of a text.
pub mod topics {
    /// Events as sources emitted them. Keyed by [`Event::partition_key`](crate::Event::partition_key).
    pub const RAW: &str = "mentions.raw";
    /// The same events, each mention with its brands and scores. Same key, so same order per mention.
    pub const SCORED: &str = "mentions.scored";
    /// Records that could not be read or stored, with the reason.
    pub const DEAD_LETTERS: &str = "mentions.dlq";
    /// What people say about mentions, see [`label`](crate::label). Compacted.
    pub const LABELS: &str = "labels";
    /// Durable small state: checkpoints of sources, frontiers of alerts, the name of the log. Compacted.
    pub const STATE: &str = "state";
    /// Deletion requests, see [`forgotten`](crate::forgotten). Compacted.
    pub const FORGOTTEN: &str = "forgotten";
    /// Notifications of alerts and what became of each. Compacted.
    pub const OUTBOX: &str = "alerts.outbox";
}
