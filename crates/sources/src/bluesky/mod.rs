//! Every public post of Bluesky, by the first version of Jetstream's WebSocket.
//!
//! | what happens | what the source does |
//! |---|---|
//! | the server closes, or nothing (not even a pong) comes for `idle_timeout_seconds` | connects again at once if the connection gave anything, else tells its caller to wait |
//! | it connects again | asks for a few seconds more than it missed: posts come twice rather than never, and collapse by key |
//! | the reader is slow | stops reading; the server keeps what it sends for the look-back |
//! | the cursor is older than the look-back, or from the future | says so in a [`Gap`](grapevine_model::Gap), reads on from what is left |
//! | a frame cannot be read | rejects it, goes on |
//! | the author deletes a post, or the account is deleted or taken down | gives a deletion or a tombstone |
//!
//! The cursor is Jetstream's `time_us`. `complete_through` trails it by `lateness_seconds`. The frames carry no
//! handles: an author is known by its DID, which also works in a brand's `accounts`. Jetstream cannot filter by
//! keyword.

mod frame;
mod post;
mod stream;

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::frame::{Frame, MapError, map};
use self::stream::BlueskySource;
use crate::{
    Source, World,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
};

pub const KIND: &str = "bluesky";
pub const DOC: &str = "Every public post of Bluesky, live, by Jetstream. Free, and without an account.";

pub(crate) const POSTS: &str = "app.bsky.feed.post";
/// What one connection may ask for.
const MOST_DIDS: usize = 10_000;

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "endpoint",
        value_type: "string",
        default: "\"wss://jetstream2.us-east.bsky.network/subscribe\"",
        doc: "Address of a Jetstream server, version 1.",
    },
    KeyDoc {
        key: "dids",
        value_type: "list",
        default: "[]",
        doc: "Read only the posts of these accounts, named by DID (did:plc:…). Empty means everyone's.",
    },
    KeyDoc {
        key: "rewind_seconds",
        value_type: "integer",
        default: "5",
        doc: "How much is read again after a new connection, as servers' clocks differ.",
    },
    KeyDoc {
        key: "idle_timeout_seconds",
        value_type: "integer",
        default: "30",
        doc: "A connection on which nothing came for so long is given up and made anew.",
    },
    KeyDoc {
        key: "lookback_hours",
        value_type: "integer",
        default: "36",
        doc: "How far back the server can replay. What a checkpoint misses beyond that is recorded as a gap.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "10",
        doc: "How long after it was written a post may reach the stream and still count as in time.",
    },
    KeyDoc {
        key: "keep_raw",
        value_type: "boolean",
        default: "false",
        doc: "Keep each frame as it came beside its mention.",
    },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Streamed,
        backfill: "36 hours",
        edits: "all, as they happen", deletions: "all, as they happen; of a whole account, too",
        engagement: "never",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<BlueskySettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlueskySettings {
    #[serde(default = "public_endpoint")]
    endpoint: String,
    #[serde(default)]
    dids: Vec<String>,
    #[serde(default = "five")]
    rewind_seconds: u32,
    #[serde(default = "thirty")]
    idle_timeout_seconds: u32,
    #[serde(default = "thirty_six")]
    lookback_hours: u32,
    #[serde(default = "ten")]
    lateness_seconds: u32,
    #[serde(default)]
    keep_raw: bool,
}

fn public_endpoint() -> String {
    "wss://jetstream2.us-east.bsky.network/subscribe".to_owned()
}

fn five() -> u32 {
    5
}

fn ten() -> u32 {
    10
}

fn thirty() -> u32 {
    30
}

fn thirty_six() -> u32 {
    36
}

impl Settings for BlueskySettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let mut endpoint = Url::parse(&self.endpoint)
            .map_err(|error| place.value_error("endpoint", format!("is not an address: {error}")))?;
        if !matches!(endpoint.scheme(), "ws" | "wss") {
            return Err(place.value_error("endpoint", "does not start with wss:// (or ws://)"));
        }
        if self.idle_timeout_seconds == 0 {
            return Err(place.value_error("idle_timeout_seconds", "is 0: nothing could ever arrive in time"));
        }
        if self.dids.len() > MOST_DIDS {
            return Err(
                place.value_error("dids", format!("names more than {MOST_DIDS}, which one connection cannot have"))
            );
        }
        if let Some(wrong) = self.dids.iter().find(|did| !did.starts_with("did:")) {
            let message = format!("has {wrong:?}, which is no DID: look up the account's `did:plc:…`");
            return Err(place.value_error("dids", message));
        }
        endpoint.query_pairs_mut().append_pair("wantedCollections", POSTS);
        endpoint.query_pairs_mut().extend_pairs(self.dids.iter().map(|did| ("wantedDids", did)));
        Ok(Box::new(BlueskySpec {
            name: place.source_name.to_owned(),
            endpoint,
            rewind: SignedDuration::from_secs(self.rewind_seconds.into()),
            idle_timeout: Duration::from_secs(self.idle_timeout_seconds.into()),
            lookback: SignedDuration::from_hours(self.lookback_hours.into()),
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            keep_raw: self.keep_raw,
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct BlueskySpec {
    name: String,
    /// With everything but the cursor.
    endpoint: Url,
    rewind: SignedDuration,
    idle_timeout: Duration,
    lookback: SignedDuration,
    lateness: SignedDuration,
    keep_raw: bool,
}

impl SourceSpec for BlueskySpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(BlueskySource::new(self.clone(), world))
    }
}
