//! Sources: configured connections to platforms.
//!
//! A source fetches pages and maps them to [`Event`]s. Fetching is apart from a pure mapping. A cursor leaves a source
//! inside a [`Page`] and becomes a checkpoint only after the log has acknowledged the page's events.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod html;
pub mod http;
mod pace;
pub mod registry;
pub mod text;
mod world;

/// A kind of source is a module with a `ROW`; its line here is all that makes it known.
macro_rules! kinds {
    ($($module:ident),* $(,)?) => {
        $(pub mod $module;)*

        /// The kinds that are programmed.
        pub const KINDS: &[&registry::KindRow] = &[$(&$module::ROW),*];
    };
}

kinds! {
    bluesky,
    feed,
    file,
    hackernews,
    mastodon,
    declarative,
}

use async_trait::async_trait;
use grapevine_model::Event;
use jiff::Timestamp;
pub use registry::{Clock, ConfigError, SourceSpec, SystemClock, parse};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
pub use world::{Random, Variables, World};

/// Position in a platform's API: opaque to everyone but the source that made it, and versioned by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub version: u16,
    pub value: serde_json::Value,
}

impl Cursor {
    pub(crate) fn of(version: u16, position: &impl Serialize) -> Result<Self, SourceError> {
        let value = serde_json::to_value(position);
        Ok(Self {
            version,
            value: value.map_err(|error| SourceError::Config(format!("a cursor is no JSON: {error}")))?,
        })
    }

    /// The position inside; an error for a person where this program does not know its version.
    pub(crate) fn read<T: DeserializeOwned>(&self, version: u16) -> Result<T, SourceError> {
        let unusable = |problem: String| {
            SourceError::Config(format!(
                "the saved checkpoint {problem}: use the version of Grapevine that wrote it, or rename the source to begin anew"
            ))
        };
        if self.version != version {
            return Err(unusable(format!("has version {}, and this program reads {version}", self.version)));
        }
        T::deserialize(&self.value).map_err(|error| unusable(format!("cannot be read ({error})")))
    }
}

/// What one poll gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub events: Vec<Event>,
    /// What could not be mapped, each with its reason; the rest of the page goes on.
    pub rejected: Vec<Rejected>,
    /// Where to read on once this page's events are durable.
    pub cursor: Cursor,
    /// Every mention created before this time that the source will ever give is in this page or an earlier one.
    pub complete_through: Option<Timestamp>,
    pub state: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More is waiting: poll again at once.
    Behind,
    /// All there is has been read; poll again later, or wait for what is pushed.
    CaughtUp,
    /// Nothing will ever follow.
    Ended,
}

/// A piece of a payload that could not be mapped. It becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Where it stood, for a person: `posts.ndjson line 17 (byte 4096)`.
    pub place: String,
    pub reason: String,
    pub raw: Vec<u8>,
}

/// A configured connection to one platform.
#[async_trait]
pub trait Source: Send {
    /// Can it connect? If not, why, in words that a person can act on.
    async fn check(&mut self) -> Result<(), SourceError>;

    /// The next page after `cursor` (from the beginning where there is none). A stream returns what has arrived within a
    /// short wait, which may be nothing. Dropping the future loses nothing: the same cursor gives the same events again.
    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError>;

    /// The events of the page that carried this cursor are durable: a platform that wants an acknowledgement gets it now.
    async fn settle(&mut self, _cursor: &Cursor) -> Result<(), SourceError> {
        Ok(())
    }

    /// What a person should know while it goes on: a part of it can not be read, and why.
    fn notice(&self) -> Option<String> {
        None
    }

    /// Maps a piece again that an earlier poll rejected ([`Rejected::raw`]), by the settings of today. `observed_at` is
    /// the time of that poll: what was observed since then stays newer.
    ///
    /// # Errors
    /// Why it still can not be mapped, in words.
    fn remap(&self, _raw: &[u8], _observed_at: Timestamp) -> Result<Vec<Event>, String> {
        Err("a source of this kind maps no single piece again: let it read on from before it".to_owned())
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    #[error("{0}")]
    Transient(String),
    #[error("limited by the platform until {until}: {message}")]
    RateLimited { until: Timestamp, message: String },
    #[error("not allowed: {0}")]
    Auth(String),
    #[error("{0}")]
    Config(String),
    #[error("gone: {0}")]
    Gone(String),
}

impl SourceError {
    pub fn is_transient(&self) -> bool {
        matches!(self, SourceError::Transient(_) | SourceError::RateLimited { .. })
    }
}
