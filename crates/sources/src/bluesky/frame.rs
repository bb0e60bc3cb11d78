use grapevine_model::{AuthorTombstone, Deletion, Event, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    POSTS, post,
    record::{Account, Commit, Message},
};
use crate::loose;

pub(crate) const PLATFORM: &str = "bluesky";

/// What one event of Jetstream said.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When the server saw it, in microseconds since the Unix epoch; the cursor of version 1.
    pub time_us: i64,
    /// Its number on this server; the cursor of version 2, which alone has it.
    pub seq: Option<u64>,
    /// `None` where it is nothing that is collected: a like, a new handle, an account that came back.
    pub event: Option<Event>,
}

/// What one frame of version 2 said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Event(Frame),
    /// The server begins elsewhere than it was asked to: `OutdatedCursor`, `FutureCursor`.
    Info { name: String, message: String },
    /// The server ends the connection: `ConsumerTooSlow`.
    Failed { error: String, message: String },
}

/// Why a frame could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("a frame is not JSON: {0}")]
    NotJson(String),
    #[error("a frame has no `{0}`, or not of the type it should have")]
    Missing(&'static str),
}

impl MapError {
    /// The same frame gives the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Turns one frame of version 1 into what it means. Pure; it refuses what it does not understand, and never panics.
pub fn map(frame: &[u8], observed_at: Timestamp) -> Result<Frame, MapError> {
    let not_json = |error: serde_json::Error| MapError::NotJson(error.to_string());
    let text = loose::utf8(frame).map_err(not_json)?;
    match serde_json::from_str::<Message<'_>>(text) {
        Ok(message) => of_message(&message, observed_at),
        Err(_) => {
            // A key that stands twice in an object: the last one counts.
            let value: Value = serde_json::from_str(text).map_err(not_json)?;
            let message = Message::deserialize(&value).map_err(not_json)?;
            of_message(&message, observed_at)
        }
    }
}

fn of_message(message: &Message<'_>, observed_at: Timestamp) -> Result<Frame, MapError> {
    let time_us = message.time_us.0.and_then(|time| i64::try_from(time).ok()).ok_or(MapError::Missing("time_us"))?;
    let seen_at = Timestamp::from_microsecond(time_us).map_err(|_| MapError::Missing("time_us"))?;
    let did = message.did.get().ok_or(MapError::Missing("did"))?;
    let event = match message.kind.get().ok_or(MapError::Missing("kind"))? {
        "commit" => {
            let commit = message.commit.get().ok_or(MapError::Missing("commit"))?;
            of_commit(did, commit, post::Times { seen_at, observed_at })?
        }
        "account" => {
            let account = message.account.get().ok_or(MapError::Missing("account"))?;
            of_account(did, account, observed_at)
        }
        _ => None,
    };
    Ok(Frame { time_us, seq: None, event })
}

/// Turns one frame of version 2 into what it means, as [`map`] does.
pub fn map_v2(frame: &[u8], observed_at: Timestamp) -> Result<Said, MapError> {
    let frame: Value = serde_json::from_slice(frame).map_err(|error| MapError::NotJson(error.to_string()))?;
    let words = |value: &Value, key: &str| text(value, key).unwrap_or_default().to_owned();
    if text(&frame, "$type") == Some("error") {
        return Ok(Said::Failed { error: words(&frame, "error"), message: words(&frame, "message") });
    }
    let payload = frame.get("payload").filter(|payload| payload.is_object()).ok_or(MapError::Missing("payload"))?;
    let kind = text(payload, "$type").ok_or(MapError::Missing("payload.$type"))?;
    let kind = kind.rsplit('#').next().unwrap_or(kind);
    if kind == "info" {
        return Ok(Said::Info { name: words(payload, "name"), message: words(payload, "message") });
    }
    of_payload(kind, payload, observed_at).map(Said::Event)
}

fn of_payload(kind: &str, payload: &Value, observed_at: Timestamp) -> Result<Frame, MapError> {
    let seq = payload.get("seq").and_then(Value::as_u64).ok_or(MapError::Missing("payload.seq"))?;
    // The first is what a cursor of time goes by.
    let times = ["witnessedAt", "time"].iter().filter_map(|key| text(payload, key));
    let seen_at: Timestamp = times.filter_map(|time| time.parse().ok()).next().ok_or(MapError::Missing("payload.time"))?;
    let did = text(payload, "did").ok_or(MapError::Missing("payload.did"))?;
    let event = match kind {
        "commit" => {
            let commit = Commit::deserialize(payload).map_err(|_| MapError::Missing("payload"))?;
            of_commit(did, &commit, post::Times { seen_at, observed_at })?
        }
        "account" => {
            let account = payload.get("account").and_then(|account| Account::deserialize(account).ok());
            of_account(did, &account.ok_or(MapError::Missing("payload.account"))?, observed_at)
        }
        _ => None,
    };
    Ok(Frame { time_us: seen_at.as_microsecond(), seq: Some(seq), event })
}

/// A member that is a text.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn of_commit(did: &str, commit: &Commit<'_>, times: post::Times) -> Result<Option<Event>, MapError> {
    if commit.collection.get().ok_or(MapError::Missing("commit.collection"))? != POSTS {
        return Ok(None);
    }
    let record_key = commit.rkey.get().ok_or(MapError::Missing("commit.rkey"))?;
    match commit.operation.get().ok_or(MapError::Missing("commit.operation"))? {
        "create" | "update" => {
            let record = commit.record.get().ok_or(MapError::Missing("commit.record"))?;
            let mention = post::map(did, record_key, record, times)?;
            Ok(Some(Event::Upsert(Box::new(mention))))
        }
        "delete" => {
            let key = MentionKey::new(PLATFORM, "", post::uri(did, record_key));
            Ok(Some(Event::Delete(Deletion { key, observed_at: times.observed_at })))
        }
        _ => Err(MapError::Missing("commit.operation")),
    }
}

/// An account that was deactivated or suspended may come back: only what is final removes what it wrote.
fn of_account(did: &str, account: &Account<'_>, observed_at: Timestamp) -> Option<Event> {
    let is_gone = matches!(account.status.get(), Some("deleted" | "takendown"));
    let is_active = account.active.0.unwrap_or(true);
    (is_gone && !is_active).then(|| {
        let (platform, author) = (PLATFORM.to_owned(), did.to_owned());
        Event::AuthorTombstone(AuthorTombstone { platform, instance: String::new(), author, observed_at })
    })
}
