//! What every source has to show, against a scripted platform, without a network and on a fake clock.
//!
//! A new source comes under it with its [`Shape`]: how its platform tells a [`story`]. It stands beside the
//! source, as in `mastodon/shape.rs`, and becomes known by the `+ shape` of the source's line in `lib.rs`. From the shape
//! and a fixed short story the kit makes a [`Case`]; the simulator of `grapevine-testkit` serves the same shape over real
//! HTTP from a long one.
//!
//! A case is the source's settings and a [`Platform`]: a function from a request to an answer, which changes from round to
//! round. The kit plays it through, kills the source at every page, spoils every answer, and fills one row of the matrix
//! in `docs/sources.md`.

mod capture;
mod check;
mod checks;
mod clock;
mod cursors;
mod hooks;
mod line;
mod live;
mod matrix;
mod mutate;
mod play;
mod pushed;
pub mod shape;
mod shaped;
mod spoilt;
mod standard;
pub mod story;
mod transport;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use self::check::{Check, Outcome};
pub use self::checks::run;
pub use self::clock::StepClock;
pub use self::matrix::{Row, page};
pub use self::transport::Scripted;
use self::{shape::Shape, story::Moment};
use crate::{Source, World, http::Request};

/// Makes the source, as a new process would.
pub type Factory = Arc<dyn Fn(&World) -> Box<dyn Source> + Send + Sync>;

/// The factory of a `[[source]]` table.
///
/// # Panics
/// Where the table is none of a source.
pub fn configured(table: &str) -> Factory {
    let table: toml::Table = toml::from_str(table).unwrap_or_else(|error| panic!("the case's table: {error}"));
    let spec = crate::parse(&table).unwrap_or_else(|error| panic!("the case's table: {error}"));
    Arc::new(move |world| spec.build(world))
}

/// A source and the platform that it is tried on.
#[derive(Clone)]
pub struct Case {
    /// As the matrix calls it.
    pub name: &'static str,
    pub kind: &'static str,
    pub build: Factory,
    /// Environment variable and value of the secret, if it has one. The platform refuses requests without it.
    pub secret: Option<(&'static str, &'static str)>,
    pub platform: Arc<dyn Platform>,
    /// What lies between two rounds: not less than the source's interval.
    pub every: SignedDuration,
    /// So many requests the platform takes in any such span.
    pub allowed: (usize, SignedDuration),
}

/// A platform as far as one source sees it.
pub trait Platform: Send + Sync {
    /// A pure function of its arguments.
    fn answer(&self, when: When, request: &Request) -> Answer;

    /// How often it changes, and is read to its end again.
    fn rounds(&self) -> usize;

    /// What must have come of it in the end.
    fn expected(&self) -> Vec<Expected>;

    /// The shape behind it; nothing where the platform is written by hand.
    fn shape(&self) -> Option<Arc<dyn Shape>> {
        None
    }

    /// A platform that is a folder stands there as it is now.
    fn write(&self, _when: When) -> std::io::Result<()> {
        Ok(())
    }

    /// Where its story stands.
    fn moment(&self, _when: When) -> Moment {
        Moment::default()
    }
}

/// Where a platform stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub round: usize,
    /// How many requests it answered since it stands there. Something new after the first is what arrives while a
    /// source pages.
    pub requests: usize,
    pub now: Timestamp,
}

/// What must be known of one mention after the last round.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub native_id: String,
    /// False where the platform deleted it.
    pub is_there: bool,
    pub created_at: Timestamp,
    pub parent: Option<String>,
    pub text: String,
    /// Where the source reads them again.
    pub likes: Option<u64>,
    /// It came while the source was paging.
    pub came_late: bool,
}

impl Expected {
    /// A post that is there from the start of a round.
    pub fn new(native_id: impl Into<String>, created_at: Timestamp, text: impl Into<String>) -> Self {
        let (native_id, text) = (native_id.into(), text.into());
        Self { native_id, is_there: true, created_at, parent: None, text, likes: None, came_late: false }
    }

    pub fn replying_to(self, parent: impl Into<String>) -> Self {
        Self { parent: Some(parent.into()), ..self }
    }

    pub fn deleted(self) -> Self {
        Self { is_there: false, ..self }
    }

    pub fn late(self) -> Self {
        Self { came_late: true, ..self }
    }
}

/// One answer of a scripted platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(body: &serde_json::Value) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string().into(),
        }
    }

    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn header_map(&self) -> HeaderMap {
        let parse = |(name, value): &(String, String)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
        };
        self.headers.iter().filter_map(parse).collect()
    }
}
