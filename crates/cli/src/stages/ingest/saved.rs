//! What a source's task keeps in the log's table of small state, and finds there at its next start.

use grapevine_log::{Log, Record};
use grapevine_model::topics;
use grapevine_sources::{Cursor, SourceError};
use serde_json::Value;

use super::{failure::Failure, mark::Mark};

/// Before a source's name: the key of its checkpoint.
pub const CHECKPOINT: &str = "checkpoint:";
/// Before a source's name: the key of what it counted of its quota and its budget.
const ALLOWANCE: &str = "allowance:";

/// What an earlier life left.
#[derive(Debug, Default)]
pub struct Saved {
    /// An error where it is there and can not be read.
    pub cursor: Option<Result<Cursor, SourceError>>,
    pub allowance: Option<Value>,
    /// How the source fared, and how far it was complete.
    pub mark: Option<Mark>,
}

pub async fn load(log: &dyn Log, name: &str) -> Result<Saved, Failure> {
    let table = log.table(topics::STATE).await?;
    let cursor = table.get(&key(CHECKPOINT, name)).map(|saved| {
        serde_json::from_slice(saved)
            .map_err(|error| SourceError::cursor_lost(format!("the saved checkpoint can not be read ({error})")))
    });
    let allowance = table.get(&key(ALLOWANCE, name)).and_then(|saved| serde_json::from_slice(saved).ok());
    Ok(Saved { cursor, allowance, mark: Mark::of(&table, name) })
}

pub fn checkpoint(name: &str, cursor: &Cursor) -> Record {
    let value = serde_json::to_vec(cursor).expect("a cursor is JSON");
    Record { key: key(CHECKPOINT, name), value, partition: Some(0) }
}

pub fn allowance(name: &str, allowance: &Value) -> Record {
    Record { key: key(ALLOWANCE, name), value: allowance.to_string().into_bytes(), partition: Some(0) }
}

fn key(prefix: &str, name: &str) -> Vec<u8> {
    format!("{prefix}{name}").into_bytes()
}
