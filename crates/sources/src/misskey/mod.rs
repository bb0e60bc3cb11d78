//! Hashtags of Misskey and its kin (Sharkey, CherryPick and others with its API), read from one instance.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a round is due | reads each hashtag newest first, by `untilId`, back to `lateness_seconds` before its last round |
//! | a note of another instance arrives late | finds it in that overlap: its id is made of the time at which it was written |
//! | a page leads back, or never ends | ends the hashtag, and records a [`Gap`](grapevine_model::Gap) |
//! | one hashtag is refused | goes on with the others, says so, and tries it again in each round |
//! | reactions come, or another text (on forks that have edits) | gives a snapshot, or the note again: in the overlap and when it is checked |
//! | a note is deleted | asks for it alone when it is checked, and gives a deletion if the instance says that there is none |
//! | a note is not public | passes it over, whatever the token may see |
//!
//! Notes are checked a quarter of an hour, an hour, six hours and a day after they were written, as far as
//! `recheck_hours` goes. Ids are the instance's own: read a hashtag from one instance only. `complete_through` trails a
//! finished round by `lateness_seconds`, and stands while a hashtag is refused.

mod map;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::map::{MapError, map};
use self::source::MisskeySource;
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace},
    recheck::Plan,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
    rounds::Reach,
    text::hashtag,
};

pub const KIND: &str = "misskey";
pub const DOC: &str = "Public notes with the hashtags that are named, as one Misskey instance sees them.";

/// How old a note is when it is checked, in minutes.
const AGES: [i64; 4] = [15, 60, 360, 1440];
/// How many notes are watched for that.
const WATCHED: usize = 5000;

const fn key(key: &'static str, value_type: &'static str, default: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { key, value_type, default, doc }
}

pub const KEYS: &[KeyDoc] = &[
    key("instance", "string", "", "Address of the instance: https://misskey.io"),
    key("hashtags", "list", "", "Hashtags to read, with or without #."),
    key("token_env", "string", "none", "Environment variable that holds an access token; most instances answer without one."),
    key("token_file", "string", "none", "File that holds the access token, in place of token_env."),
    key("interval_seconds", "integer", "120", "How often the hashtags are read."),
    key("backfill_hours", "integer", "24", "How far back the first start reads."),
    key("recheck_hours", "integer", "24", "How long notes are checked for reactions and deletion; 0 checks none."),
    key(
        "lateness_seconds",
        "integer",
        "900",
        "How long after it was written a note of another instance may arrive and still count as in time.",
    ),
    key("requests_per_minute", "integer", "60", "How often the instance may be asked."),
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "as far as `backfill_hours` goes",
        edits: "in the overlap of two readings, and at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes; \
                Misskey itself has none",
        deletions: "at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        engagement: "at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        cost: Capabilities::FREE,
    },
    terms: "Each instance has rules of its own: keep to them, and to a request every second.",
    parse: parse_settings::<MisskeySettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MisskeySettings {
    instance: String,
    hashtags: Vec<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default = "two_minutes")]
    interval_seconds: u32,
    #[serde(default = "a_day")]
    backfill_hours: u32,
    #[serde(default = "a_day")]
    recheck_hours: u32,
    #[serde(default = "a_quarter")]
    lateness_seconds: u32,
    #[serde(default = "sixty")]
    requests_per_minute: u32,
}

fn two_minutes() -> u32 {
    120
}

fn a_day() -> u32 {
    24
}

fn a_quarter() -> u32 {
    900
}

fn sixty() -> u32 {
    60
}

impl Settings for MisskeySettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let instance = Url::parse(&self.instance)
            .map_err(|error| place.value_error("instance", format!("is no address: {error}")))?;
        if !matches!(instance.scheme(), "http" | "https") {
            return Err(place.value_error("instance", "does not start with https:// (or http://)"));
        }
        let hashtags: BTreeSet<String> = self.hashtags.iter().map(|tag| hashtag(tag)).collect();
        if hashtags.is_empty() || hashtags.iter().any(|tag| tag.is_empty() || tag.contains(char::is_whitespace)) {
            return Err(place.value_error("hashtags", "is empty, or has one that is no single word"));
        }
        if self.requests_per_minute == 0 {
            return Err(place.value_error("requests_per_minute", "is 0: nothing could ever be asked"));
        }
        let token = SecretPlace::of(self.token_env, self.token_file);
        let recheck = SignedDuration::from_hours(self.recheck_hours.into());
        let ages = AGES.map(SignedDuration::from_mins);
        let ages: Vec<SignedDuration> = ages.into_iter().filter(|age| *age <= recheck).collect();
        Ok(Box::new(MisskeySpec {
            name: place.source_name.to_owned(),
            instance,
            hashtags: hashtags.into_iter().collect(),
            token: token.map_err(|problem| place.value_error("token_env", problem))?,
            reach: Reach {
                interval: SignedDuration::from_secs(self.interval_seconds.into()),
                backfill: SignedDuration::from_hours(self.backfill_hours.into()),
                lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            },
            plan: Plan::new(&ages, WATCHED),
            requests_per_minute: self.requests_per_minute.into(),
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct MisskeySpec {
    name: String,
    instance: Url,
    /// Without `#`.
    hashtags: Vec<String>,
    token: Option<SecretPlace>,
    reach: Reach,
    plan: Plan,
    requests_per_minute: u64,
}

impl MisskeySpec {
    /// As mentions carry it.
    fn host(&self) -> &str {
        self.instance.host_str().unwrap_or_default()
    }
}

impl SourceSpec for MisskeySpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn terms(&self) -> &str {
        ROW.terms
    }

    fn quota(&self) -> QuotaPolicy {
        source::policy(self)
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(MisskeySource::new(Arc::new(self.clone()), world))
    }
}
