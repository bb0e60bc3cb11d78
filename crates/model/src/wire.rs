//! The JSON of a record on the log: `{"v": 4, "event": {"upsert": {…}}}`.
//!
//! | version | shape |
//! |---|---|
//! | 1 | a mention's `author` was the handle alone, as a string; `engagement` had no `impressions` and was called `counts` |
//! | 2 | no sampled spans, no health of sources; a mention had no `weight`, a heartbeat no `closes` |
//! | 3 | a mention had no detected language and no story; scores had no hostility, irony and themes |
//! | 4 | this crate's types |
//!
//! An older version is lifted to the current one while it is read. A newer one is an error that says to upgrade: a record
//! that is half understood would be stored half empty.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::Event;

/// The version that [`encode`] writes and the highest that [`decode`] reads.
pub const VERSION: u16 = 4;

/// How a record of [`VERSION`] begins.
const PREFIX: &str = r#"{"v":4,"event":"#;

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("a record is not the JSON of an event: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("a record has schema version {0}, this program reads 1 to {VERSION}: upgrade it")]
    TooNew(u16),
    #[error("a record has schema version 0, which never existed")]
    Zero,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u16,
    event: &'a Event,
}

#[derive(Deserialize)]
struct Read<'a> {
    v: u16,
    #[serde(borrow)]
    event: &'a RawValue,
}

pub fn encode(event: &Event) -> Vec<u8> {
    serde_json::to_vec(&Written { v: VERSION, event }).expect("events have string keys and finite shapes")
}

/// # Errors
/// What is no event of a version that this program reads; the message says which.
pub fn decode(record: &[u8]) -> Result<Event, WireError> {
    match as_written(record) {
        Some(event) => Ok(event),
        None => decode_any(record),
    }
}

/// The record as [`encode`] writes it, to the byte: read in one pass. `None` where it is anything else.
fn as_written(record: &[u8]) -> Option<Event> {
    let event = record.strip_prefix(PREFIX.as_bytes())?.strip_suffix(b"}")?;
    serde_json::from_str(simdutf8::basic::from_utf8(event).ok()?).ok()
}

/// In any order of keys and of any version, in two passes: the version has to be known first.
fn decode_any(record: &[u8]) -> Result<Event, WireError> {
    let read: Read<'_> = serde_json::from_slice(record)?;
    match read.v {
        // What came after version 2 has a default.
        2 | 3 | VERSION => Ok(serde_json::from_str(read.event.get())?),
        0 => Err(WireError::Zero),
        1 => {
            let mut event: Value = serde_json::from_str(read.event.get())?;
            lift_1_to_2(&mut event);
            Ok(serde_json::from_value(event)?)
        }
        newer => Err(WireError::TooNew(newer)),
    }
}

fn lift_1_to_2(event: &mut Value) {
    if let Some(mention) = event.get_mut("upsert").and_then(Value::as_object_mut) {
        if let Some(Value::String(handle)) = mention.get("author").cloned() {
            mention.insert("author".into(), serde_json::json!({ "native_id": handle, "handle": handle }));
        }
        if let Some(counts) = mention.remove("counts") {
            mention.insert("engagement".into(), counts);
        }
    }
}

#[cfg(test)]
mod tests;
