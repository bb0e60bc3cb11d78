use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Campaign, Engagement, Mention, MentionKey, ModelCard, Rescored, SourceHealth, Survey};

/// What a source emits, and what travels through the log.
///
/// The pipeline drops none of these without counting it under a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A mention, new or changed. The newest `observed_at` wins.
    Upsert(Box<Mention>),
    Delete(Deletion),
    AuthorTombstone(AuthorTombstone),
    EngagementSnapshot(EngagementSnapshot),
    AccountSnapshot(AccountSnapshot),
    Campaign(Box<Campaign>),
    Survey(Box<Survey>),
    Gap(Gap),
    Sampled(Sampled),
    Heartbeat(Heartbeat),
    SourceHealth(Box<SourceHealth>),
    ModelCard(Box<ModelCard>),
    Rescored(Box<Rescored>),
}

impl Event {
    /// Events with the same key stay in order, on one partition. `None` for those that concern every partition:
    /// the ingestor appends a copy of them to each.
    pub fn partition_key(&self) -> Option<String> {
        match self {
            Event::Upsert(mention) => Some(mention.key.to_string()),
            Event::Delete(deletion) => Some(deletion.key.to_string()),
            Event::EngagementSnapshot(snapshot) => Some(snapshot.key.to_string()),
            Event::AccountSnapshot(snapshot) => Some(format!("{}:{}", snapshot.platform, snapshot.account)),
            Event::Campaign(row) => Some(format!("{}:campaign:{}", row.platform, row.campaign)),
            Event::Survey(row) => Some(format!("{}:survey:{}", row.platform, row.id)),
            Event::SourceHealth(health) => Some(format!("source:{}", health.source)),
            Event::ModelCard(card) => Some(format!("model:{}", card.id)),
            Event::Rescored(rescored) => Some(rescored.key.to_string()),
            Event::AuthorTombstone(_) | Event::Gap(_) | Event::Sampled(_) | Event::Heartbeat(_) => None,
        }
    }

    /// Label for counters and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Upsert(_) => "upsert",
            Event::Delete(_) => "delete",
            Event::AuthorTombstone(_) => "author_tombstone",
            Event::EngagementSnapshot(_) => "engagement_snapshot",
            Event::AccountSnapshot(_) => "account_snapshot",
            Event::Campaign(_) => "campaign",
            Event::Survey(_) => "survey",
            Event::Gap(_) => "gap",
            Event::Sampled(_) => "sampled",
            Event::Heartbeat(_) => "heartbeat",
            Event::SourceHealth(_) => "source_health",
            Event::ModelCard(_) => "model_card",
            Event::Rescored(_) => "rescored",
        }
    }
}

/// The author or the platform removed a mention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub key: MentionKey,
    pub observed_at: Timestamp,
}

/// An account is gone, and everything it wrote with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorTombstone {
    pub platform: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    pub author: String,
    pub observed_at: Timestamp,
}

/// Engagement of a mention that was seen before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngagementSnapshot {
    pub key: MentionKey,
    pub observed_at: Timestamp,
    pub engagement: Engagement,
}

/// Followers of an account that belongs to a brand or to a competitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountSnapshot {
    pub platform: String,
    pub account: String,
    pub observed_at: Timestamp,
    pub followers: u64,
}

/// A span that a source could not read. Figures over it are partial, and say so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    pub source: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
}

/// A span of which a source read a part, because its budget does not pay for all of it. The mentions of it that were read
/// weigh the inverse of the rate, see [`Mention::weight`]; figures count them once each, and say that they are partial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    pub source: String,
    /// By creation.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Share of what was there that was read: 0 (nothing) to 1.
    pub rate: f32,
    /// Why, in words.
    pub reason: String,
}

/// A source's word on how far it has come: every mention created before `complete_through` that it will ever give is in
/// the log, before this event, on this partition.
///
/// Once the sink has read it from every partition, buckets up to `complete_through` are closed. Later arrivals are late:
/// they are stored and counted as such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub source: String,
    pub complete_through: Timestamp,
    pub observed_at: Timestamp,
    /// The source has read all there is and follows new posts (or has ended); it is not catching up with old ones.
    pub caught_up: bool,
    /// Buckets need not wait for this source beyond this time, though it is not complete up to then: it holds back no
    /// longer than its configuration allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
}
