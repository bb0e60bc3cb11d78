//! Every public post of Bluesky, by Jetstream's WebSocket, in both of its versions.
//!
//! | what happens | what the source does |
//! |---|---|
//! | the server closes, or nothing (not even a pong) comes for `idle_timeout_seconds` | connects again at once if the connection gave anything, else tells its caller to wait |
//! | it connects again | version 2: asks for the event that it read last, and passes over it; version 1, and another server: asks for a few seconds more than it missed, so that posts come twice rather than never, and collapse by key |
//! | the reader is slow | stops reading; the server keeps what it sends for the look-back |
//! | the cursor is older than what the server keeps | records a [`Gap`](grapevine_model::Gap) up to the first event that it gets: version 2 refuses the number (`CursorTooOld`) and says that it begins later, version 1 begins later in silence, which the time of the first event tells |
//! | the cursor is from the future, or its server counts anew | records a gap, reads on from now |
//! | a frame cannot be read | rejects it, goes on |
//! | the author deletes a post, or the account is deleted or taken down | gives a deletion or a tombstone |
//!
//! The cursor is the time of the last event, and its number on its server where that is known (version 2), so that both
//! versions and all servers read each other's. `complete_through` trails the time by `lateness_seconds`. The frames
//! carry no handles: an author is known by its DID, which also works in a brand's `accounts`. Jetstream cannot filter by
//! keyword. With `dids`, only version 2 can tell that it begins late: a quiet account looks the same.

mod frame;
mod position;
mod post;
mod record;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod stream;

use std::time::Duration;

use grapevine_model::Mention;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub(crate) use self::frame::PLATFORM;
pub use self::frame::{Frame, MapError, Said, map, map_v2};
use self::{record::Record, stream::BlueskySource};
use crate::{
    Source, World,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
};

pub const KIND: &str = "bluesky";
pub const DOC: &str = "Every public post of Bluesky, live, by Jetstream. Free, and without an account.";

pub(crate) const POSTS: &str = "app.bsky.feed.post";
/// Where version 2 is served.
const PATH_OF_TWO: &str = "/xrpc/network.bsky.jetstream.subscribeEvents";
/// What one connection may ask for.
const MOST_DIDS: usize = 10_000;

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "version",
        value_type: "integer",
        default: "1",
        doc: "Version of Jetstream's protocol, 1 or 2. The second resumes exactly and says so when it cannot.",
    },
    KeyDoc {
        key: "endpoint",
        value_type: "string",
        default: "a public one of the version",
        doc: "Address of a Jetstream server, such as wss://jetstream2.us-east.bsky.network/subscribe (version 1) or \
              wss://jetstream.us-west.bsky.network (version 2).",
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
        doc: "How far back a server of version 1 can replay. What a checkpoint misses beyond that is recorded as a gap.",
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
    #[serde(default = "one")]
    version: u8,
    endpoint: Option<String>,
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

fn one() -> u8 {
    1
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

/// A post by its address, `at://DID/app.bsky.feed.post/KEY`, and its record.
pub(crate) fn post_of(
    uri: &str,
    record: &Value,
    seen_at: Timestamp,
    observed_at: Timestamp,
) -> Result<Mention, MapError> {
    let mut parts = uri.strip_prefix("at://").unwrap_or_default().split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(did), Some(POSTS), Some(key), None) if did.starts_with("did:") && !key.is_empty() => {
            let record = Record::deserialize(record).map_err(|_| MapError::Missing("record"))?;
            post::map(did, key, &record, post::Times { seen_at, observed_at })
        }
        _ => Err(MapError::Missing("uri")),
    }
}

/// Which protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

impl Version {
    fn public_endpoint(self) -> &'static str {
        match self {
            Version::One => "wss://jetstream2.us-east.bsky.network/subscribe",
            Version::Two => "wss://jetstream.us-west.bsky.network",
        }
    }

    /// With everything but the cursor.
    fn address(self, mut endpoint: Url, dids: &[String]) -> Url {
        let (collections, accounts) = match self {
            Version::One => ("wantedCollections", "wantedDids"),
            Version::Two => ("collections", "dids"),
        };
        if self == Version::Two && endpoint.path() == "/" {
            endpoint.set_path(PATH_OF_TWO);
        }
        let mut query = endpoint.query_pairs_mut();
        if self == Version::Two {
            query.extend_pairs([("kinds", "commit"), ("kinds", "account")]);
        }
        query.append_pair(collections, POSTS).extend_pairs(dids.iter().map(|did| (accounts, did)));
        drop(query);
        endpoint
    }
}

impl BlueskySettings {
    fn version(&self, place: Place<'_>) -> Result<Version, ConfigError> {
        match self.version {
            1 => Ok(Version::One),
            2 => Ok(Version::Two),
            other => Err(place.value_error("version", format!("is {other}: Jetstream has versions 1 and 2"))),
        }
    }

    fn endpoint(&self, place: Place<'_>, version: Version) -> Result<Url, ConfigError> {
        let endpoint = self.endpoint.as_deref().unwrap_or(version.public_endpoint());
        let endpoint = Url::parse(endpoint)
            .map_err(|error| place.value_error("endpoint", format!("is not an address: {error}")))?;
        match matches!(endpoint.scheme(), "ws" | "wss") {
            true => Ok(endpoint),
            false => Err(place.value_error("endpoint", "does not start with wss:// (or ws://)")),
        }
    }
}

impl Settings for BlueskySettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let version = self.version(place)?;
        let endpoint = self.endpoint(place, version)?;
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
        Ok(Box::new(BlueskySpec {
            name: place.source_name.to_owned(),
            version,
            server: endpoint.authority().to_owned(),
            endpoint: version.address(endpoint, &self.dids),
            is_everyone: self.dids.is_empty(),
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
    version: Version,
    /// Whose numbers a cursor carries.
    server: String,
    /// With everything but the cursor.
    endpoint: Url,
    /// Not the posts of some accounts alone.
    is_everyone: bool,
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
