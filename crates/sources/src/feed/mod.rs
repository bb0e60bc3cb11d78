//! Feeds: RSS, Atom and JSON Feed, with Google Alerts among them.
//!
//! | what happens | what the source does |
//! |---|---|
//! | nothing changed | is told so (`ETag`, `Last-Modified`) and gives nothing |
//! | an entry is new, or its text changed | gives it; an entry is known by its id, or by its link and title where it has none |
//! | an entry leaves the feed | nothing: feeds forget, they do not delete |
//! | no entry of the last reading is left | says so in a [`Gap`](grapevine_model::Gap): some may have come and gone in between |
//! | an entry has no date | it gets the time at which it was first seen |
//! | what comes is no feed | a failure that passes: sites show other pages while they are worked on |
//!
//! A feed never says how far it is complete: `complete_through` trails the last reading by `lateness_seconds`.

mod entry;
mod extra;
mod json;
mod parse;
mod seen;
mod sites;
mod source;

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::{
    entry::map,
    parse::{ParseError, Parsed, parse},
};
use self::{
    sites::{SLOWEST, Site},
    source::FeedSource,
};
use crate::{
    Source, World,
    http::QuotaPolicy,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
};

pub const KIND: &str = "feed";
pub const DOC: &str = "The entries of an RSS, Atom or JSON feed, such as one of Google Alerts.";

/// Sites take more frequent readers for an attack.
const SHORTEST_INTERVAL: u32 = 10;

pub const KEYS: &[KeyDoc] = &[
    KeyDoc { key: "url", value_type: "string", default: "", doc: "Address of the feed." },
    KeyDoc {
        key: "interval_seconds",
        value_type: "integer",
        default: "300",
        doc: "How often it is read; not less than 10. Reddit lets one reading a minute pass for all its feeds together: not less than 60 \
              there, 60 more for each further feed, or one for several (`/r/tea+coffee/new/.rss`). A private feed's token lifts that.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "3600",
        doc: "How long after its date an entry may appear in the feed and still count as in time.",
    },
    KeyDoc {
        key: "space",
        value_type: "string",
        default: "none",
        doc: "Space that the entries belong to, such as the name of the forum whose feed it is.",
    },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "what the feed holds",
        edits: "while the entry is in the feed", deletions: Capabilities::NEVER,
        engagement: "never",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<FeedSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedSettings {
    url: String,
    #[serde(default = "five_minutes")]
    interval_seconds: u32,
    #[serde(default = "one_hour")]
    lateness_seconds: u32,
    space: Option<String>,
}

fn five_minutes() -> u32 {
    300
}

fn one_hour() -> u32 {
    3600
}

impl Settings for FeedSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let url = Url::parse(&self.url).map_err(|error| place.value_error("url", format!("is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(place.value_error("url", "does not start with https:// (or http://)"));
        }
        if self.interval_seconds < SHORTEST_INTERVAL {
            return Err(place.value_error("interval_seconds", format!("is less than {SHORTEST_INTERVAL}")));
        }
        if Site::is_slow(&url) && i64::from(self.interval_seconds) < SLOWEST.as_secs() {
            let reason = "is less than 60, and Reddit lets one reading a minute pass: read several subreddits as one feed \
                          (/r/a+b/new/.rss), or take the address of a private feed (with `feed=` in it)";
            return Err(place.value_error("interval_seconds", reason));
        }
        Ok(Box::new(FeedSpec {
            name: place.source_name.to_owned(),
            url,
            interval: SignedDuration::from_secs(self.interval_seconds.into()),
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            space: self.space,
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct FeedSpec {
    name: String,
    url: Url,
    interval: SignedDuration,
    lateness: SignedDuration,
    space: Option<String>,
}

impl SourceSpec for FeedSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        sites::quota(&self.url)
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(FeedSource::new(Arc::new(self.clone()), world))
    }
}
