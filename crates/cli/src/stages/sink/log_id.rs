//! A random name that the log keeps. Offsets mean something within one log only: one that was begun anew starts at 0.

use std::collections::BTreeMap;

use anyhow::Context;
use grapevine_log::{Log, Record};
use grapevine_model::topics;

/// Under which the log keeps it, on the topic of the stages' state.
pub const KEY: &[u8] = b"log:id";

/// The log's name; it gets one where it has none.
pub async fn of(log: &dyn Log) -> anyhow::Result<String> {
    let saved = |table: &BTreeMap<Vec<u8>, Vec<u8>>| table.get(KEY).map(|id| String::from_utf8_lossy(id).into_owned());
    if let Some(id) = saved(&log.table(topics::STATE).await?) {
        return Ok(id);
    }
    let value = format!("{:016x}", rand::random::<u64>()).into_bytes();
    log.append(topics::STATE, vec![Record { key: KEY.to_vec(), value, partition: Some(0) }]).await?;
    // Where two begin at once, both take the one that stands.
    saved(&log.table(topics::STATE).await?).context("the log's id could not be saved")
}
