//! Sources: configured connections to platforms.
//!
//! A source fetches pages and maps them to [`Event`]s. Fetching is apart from a pure mapping. A cursor leaves a source
//! inside a [`Page`] and becomes a checkpoint only after the log has acknowledged the page's events.

mod bot;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod html;
pub mod http;
mod json;
mod loose;
mod markdown;
mod pace;
pub mod push;
pub mod recheck;
pub mod recording;
pub mod registry;
mod rounds;
pub mod rows;
pub mod socket;
pub mod stream;
pub mod text;
mod world;

/// A kind of source is a module with a `ROW`; its line here is all that makes it known. Behind the `+` stands its module
/// of shapes: by them it comes under the conformance kit, into the matrix and into the simulator.
macro_rules! kinds {
    ($($module:ident $(+ $shape:ident)?),* $(,)?) => {
        $(pub mod $module;)*

        /// The kinds that are programmed.
        pub const KINDS: &[&registry::KindRow] = &[$(&$module::ROW),*];

        /// How the platform of each kind tells a story.
        #[cfg(any(test, feature = "conformance"))]
        pub fn shapes() -> Vec<std::sync::Arc<dyn conformance::shape::Shape>> {
            [$($($module::$shape::shapes(),)?)*].concat()
        }
    };
}

kinds! {
    bluesky + shape,
    bluesky_search + shape,
    discord + shape,
    feed,
    file + shape,
    hackernews,
    mastodon + shape,
    misskey + shape,
    slack + shape,
    telegram + shape,
    webhook + shape,
    x + shape,
    declarative + shapes,
}

use async_trait::async_trait;
use grapevine_model::{Event, Usage};
use jiff::{SignedDuration, Timestamp};
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

    /// The position inside.
    ///
    /// # Errors
    /// [`SourceError::CursorLost`] where it has another version, or can not be read.
    pub(crate) fn read<T: DeserializeOwned>(&self, version: u16) -> Result<T, SourceError> {
        if self.version != version {
            let reason = format!("the saved checkpoint has version {}, and this program reads {version}", self.version);
            return Err(SourceError::cursor_lost(reason));
        }
        T::deserialize(&self.value)
            .map_err(|error| SourceError::cursor_lost(format!("the saved checkpoint can not be read ({error})")))
    }
}

/// How far a checkpoint may lie ahead of this machine's clock.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// A checkpoint of a time that is still to come reads nothing until then.
///
/// # Errors
/// [`SourceError::CursorLost`] where it is so.
pub(crate) fn is_not_ahead(position: Option<Timestamp>, now: Timestamp) -> Result<(), SourceError> {
    match position.filter(|position| position.duration_since(now) > AHEAD) {
        None => Ok(()),
        Some(position) => Err(SourceError::cursor_lost(format!(
            "the saved checkpoint lies in the future, at {position:.0}, where this machine's clock says {now:.0}"
        ))),
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

    /// What it counted of the platform's quota and of its own budget, for [`Source::resume`] after a restart; `None` where
    /// nothing is worth keeping. Of a source that asks by [`http::Client`] it is [`http::Client::allowance`].
    fn allowance(&self) -> Option<serde_json::Value> {
        None
    }

    /// Goes on counting from what an earlier life of this source had counted. Called once, before the first poll; what can
    /// not be read (of another version, of other settings) is left out.
    fn resume(&mut self, _saved: &serde_json::Value) {}

    /// How much was asked and what is left of it, for people.
    fn usage(&self) -> Usage {
        Usage::default()
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
    /// The cursor is of no use: too old for the platform, from the future, of an unknown version, or unreadable. Who polls
    /// says so as a gap and polls again without a cursor; it is not an end of the source.
    #[error("{reason}; it begins anew")]
    CursorLost {
        /// What was created before is read; where the source can not tell, its last word on how complete it is stands.
        from: Option<Timestamp>,
        /// What was created since then will be read anew; now, where the source can not read back.
        to: Option<Timestamp>,
        reason: String,
    },
}

impl SourceError {
    /// A cursor that tells nothing any more, of a source that begins anew with what is new.
    pub fn cursor_lost(reason: impl Into<String>) -> Self {
        SourceError::CursorLost { from: None, to: None, reason: reason.into() }
    }

    /// Its class, as a label for counters.
    pub fn class(&self) -> &'static str {
        match self {
            SourceError::Transient(_) => "transient",
            SourceError::RateLimited { .. } => "limited",
            SourceError::Auth(_) => "auth",
            SourceError::Config(_) => "config",
            SourceError::Gone(_) => "gone",
            SourceError::CursorLost { .. } => "cursor_lost",
        }
    }

    pub fn is_transient(&self) -> bool {
        matches!(self, SourceError::Transient(_) | SourceError::RateLimited { .. })
    }
}
