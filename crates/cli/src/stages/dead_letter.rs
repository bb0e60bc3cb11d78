//! Records parked with their reason, on a topic of their own. A dead letter counts only once the log has it.

use grapevine_log::{Log, LogError, Received, Record};
use grapevine_model::topics;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A record that could not be read or stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub stage: String,
    /// Where it stood: a file's line, a topic's partition and offset.
    pub place: String,
    pub reason: String,
    pub at: Timestamp,
    pub original: Original,
    /// The record of the log that it was, so that it can be replayed to its place; absent where it was none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Origin>,
}

impl DeadLetter {
    /// Of a record that a stage read from the log.
    pub fn of_record(stage: &str, received: &Received, reason: String) -> Self {
        let Received { topic, partition, offset, key, value, .. } = received;
        Self {
            stage: stage.into(),
            place: format!("{topic} partition {partition} offset {offset}"),
            reason,
            at: Timestamp::now(),
            original: Original::of(value),
            record: Some(Origin { topic: topic.clone(), partition: *partition, key: Original::of(key) }),
        }
    }
}

/// Where a record stood. Its offset is part of [`DeadLetter::place`]: a replay gets another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub topic: String,
    pub partition: u32,
    pub key: Original,
}

/// The bytes as they came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Original {
    Utf8(String),
    /// Hexadecimal, where they are not UTF-8.
    Hex(String),
}

impl Original {
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Utf8(text.to_owned()),
            Err(_) => Self::Hex(hex::encode(bytes)),
        }
    }

    /// The bytes as they came; `None` where the hexadecimal is damaged.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Utf8(text) => Some(text.clone().into_bytes()),
            Self::Hex(digits) => hex::decode(digits).ok(),
        }
    }
}

/// Parks letters; returns once they are durable.
pub async fn park(log: &dyn Log, letters: &[DeadLetter]) -> Result<(), LogError> {
    if letters.is_empty() {
        return Ok(());
    }
    let record = |letter: &DeadLetter| Record {
        key: letter.place.clone().into_bytes(),
        value: serde_json::to_vec(letter).expect("a dead letter has string keys"),
        partition: Some(0),
    };
    log.append(topics::DEAD_LETTERS, letters.iter().map(record).collect()).await
}
