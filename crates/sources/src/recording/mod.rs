//! What a platform really answered, kept so that it can be replayed without it, and shown to others.
//!
//! | part | does |
//! |---|---|
//! | [`Recorder`] | carries requests and keeps each exchange, without its secrets |
//! | [`Recording::hide_people`] | gives every person another name, the same one wherever they stand |
//! | [`Recording::replay`] | reads the source again from what was kept, by the clock of then |
//!
//! A recording is a folder: `source.toml` (the source's table), `definition.toml` (where it has one), `exchanges.json`,
//! and `expected.json`, what the source made of it. Sockets and deliveries are not in it.

mod keep;
mod people;
mod recorder;
mod replay;

use std::collections::BTreeMap;

use grapevine_model::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    keep::{RecordingError, read, write},
    recorder::Recorder,
    replay::Replayed,
};

/// One request and its answer, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub method: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    pub status: u16,
    /// Those that mean something to a source: limits, pages, versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// When the answer was there.
    pub at: Timestamp,
}

/// What a source asked, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The `[[source]]` table.
    pub source: toml::Table,
    /// The text of the definition that the table names.
    pub definition: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// How many times the source was polled.
    pub polls: usize,
    pub exchanges: Vec<Exchange>,
    /// What the source made of it.
    pub expected: Vec<Event>,
}
