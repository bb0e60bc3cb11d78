//! Hacker News, item by item, from its public Firebase tables.
//!
//! | what happens | what the source does |
//! |---|---|
//! | an item is new | reads it: ids are given in order, so every id up to the newest is asked for |
//! | an item is null, though its id is given | asks again for `lookback_minutes`; until then nothing later counts as complete |
//! | an item stays null for longer, or too many are | gives it up, and says so in a [`Gap`](grapevine_model::Gap) |
//! | one item fails (403, 404, or three polls in a row), and the newest id does not | takes it for one that is null, says so, goes on |
//! | an item changed in text or counters | is told by the list of changes, reads it again |
//! | an item is deleted, or killed by moderators | gives a deletion |
//! | more is there than a spend cap bears | reads a share of the new ids, always the same ones, and says which share |
//! | the process ends | reads on where the checkpoint stands: it holds the next id, the ids to ask again and the changes to read |
//!
//! Without a checkpoint it begins `backfill_items` before the newest item. Comments name their parent; the API does not
//! name the story that a thread belongs to.

mod item;
mod position;
mod source;

use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::item::{MapError, map};
use self::source::HackerNewsSource;
use crate::{
    Source, World,
    http::{QuotaPolicy, SPEND_KEY, Spend},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
};

pub const KIND: &str = "hackernews";
pub const DOC: &str = "Every story, comment, job and poll of Hacker News. Free, and without an account.";

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "endpoint",
        value_type: "string",
        default: "\"https://hacker-news.firebaseio.com/v0\"",
        doc: "Address of the API.",
    },
    KeyDoc {
        key: "interval_seconds",
        value_type: "integer",
        default: "30",
        doc: "How often new and changed items are asked for.",
    },
    KeyDoc {
        key: "backfill_items",
        value_type: "integer",
        default: "0",
        doc: "How many of the newest items are read at the first start. A day has about 15000.",
    },
    KeyDoc {
        key: "lookback_minutes",
        value_type: "integer",
        default: "60",
        doc: "How long an item that is not there yet is asked for again.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "60",
        doc: "How long after it was written an item may get its id and still count as in time.",
    },
    KeyDoc {
        key: "requests_per_hour",
        value_type: "integer",
        default: "10000",
        doc: "The most that is asked of the API in any hour.",
    },
    SPEND_KEY,
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "as many items as `backfill_items` says",
        edits: "those that the list of changes names",
        deletions: "those that the list of changes names; killed items, too",
        engagement: "those that the list of changes names",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<HackerNewsSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HackerNewsSettings {
    #[serde(default = "public_endpoint")]
    endpoint: String,
    #[serde(default = "thirty")]
    interval_seconds: u32,
    #[serde(default)]
    backfill_items: u64,
    #[serde(default = "sixty")]
    lookback_minutes: u32,
    #[serde(default = "sixty")]
    lateness_seconds: u32,
    #[serde(default = "ten_thousand")]
    requests_per_hour: u64,
    spend: Option<Spend>,
}

fn public_endpoint() -> String {
    "https://hacker-news.firebaseio.com/v0".to_owned()
}

fn thirty() -> u32 {
    30
}

fn sixty() -> u32 {
    60
}

fn ten_thousand() -> u64 {
    10_000
}

impl Settings for HackerNewsSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let endpoint = Url::parse(self.endpoint.trim_end_matches('/'))
            .map_err(|error| place.value_error("endpoint", format!("is no address: {error}")))?;
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(place.value_error("endpoint", "does not start with https:// (or http://)"));
        }
        if self.requests_per_hour == 0 {
            return Err(place.value_error("requests_per_hour", "is 0: nothing could ever be read"));
        }
        Ok(Box::new(HackerNewsSpec {
            name: place.source_name.to_owned(),
            endpoint,
            interval: SignedDuration::from_secs(self.interval_seconds.into()),
            backfill_items: self.backfill_items,
            lookback: SignedDuration::from_mins(self.lookback_minutes.into()),
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            requests_per_hour: self.requests_per_hour,
            spend: self.spend,
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct HackerNewsSpec {
    name: String,
    endpoint: Url,
    interval: SignedDuration,
    backfill_items: u64,
    lookback: SignedDuration,
    lateness: SignedDuration,
    requests_per_hour: u64,
    spend: Option<Spend>,
}

impl SourceSpec for HackerNewsSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        source::policy(self)
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(HackerNewsSource::new(Arc::new(self.clone()), world))
    }
}
