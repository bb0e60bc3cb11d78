//! Searches of Bluesky, asked at an account's own server, with the counters of what they found.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a round is due | reads each search from `lateness_seconds` before its last round on, newest first, by cursor |
//! | a cursor comes again, or leads nowhere | ends the search: a round reads each cursor once |
//! | a search has more pages than can be turned | reads what can be, and records a [`Gap`](grapevine_model::Gap) |
//! | one search is refused | goes on with the others, says so, and tries it again in each round |
//! | counters of a post grow | gives a snapshot of them: found in the overlap, and when the post is read again |
//! | a post is deleted | finds it missing when it is read again, and again in the next round, and gives a deletion |
//! | the session ends | renews it, or begins another, once |
//!
//! Posts are read again (25 at once) a quarter of an hour, an hour, six hours and a day after they were written, as far as
//! `recheck_hours` goes. The mentions have the keys of the stream's, so that both may run: the stream is complete and
//! never counts, a search knows counters and handles. What was written before the account's server was asked first, the
//! search finds too. `complete_through` trails a finished round by `lateness_seconds`, and stands while a search is refused.

mod session;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;
mod view;

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use self::source::SearchSource;
pub use self::view::map;
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace},
    recheck::Plan,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
    rounds::Reach,
};

pub const KIND: &str = "bluesky_search";
pub const DOC: &str = "Posts of Bluesky that a search finds, with their counters, and follower counts of accounts.";

/// How old a post is when it is read again, in minutes.
const AGES: [i64; 4] = [15, 60, 360, 1440];
/// How many posts are watched for that.
const WATCHED: usize = 5000;

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "host",
        value_type: "string",
        default: "\"https://bsky.social\"",
        doc: "Address of the server that has the account.",
    },
    KeyDoc { key: "account", value_type: "string", default: "", doc: "Handle of the account that asks." },
    KeyDoc {
        key: "password_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable that holds an app password of that account.",
    },
    KeyDoc {
        key: "password_file",
        value_type: "string",
        default: "none",
        doc: "File that holds the app password, in place of password_env.",
    },
    KeyDoc {
        key: "searches",
        value_type: "list",
        default: "",
        doc: "What is searched, each as in the app's search field: \"acme kettle\", #acme, from:acme.example, lang:de.",
    },
    KeyDoc {
        key: "followers_of",
        value_type: "list",
        default: "[]",
        doc: "Accounts whose followers are counted once in six hours, by handle or DID.",
    },
    KeyDoc { key: "interval_seconds", value_type: "integer", default: "300", doc: "How often the searches are read." },
    KeyDoc { key: "backfill_hours", value_type: "integer", default: "24", doc: "How far back the first start reads." },
    KeyDoc {
        key: "recheck_hours",
        value_type: "integer",
        default: "24",
        doc: "How long posts are read again for their counters and deletion; 0 reads none again.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "900",
        doc: "How long after it was written a post may be found first and still count as in time.",
    },
    KeyDoc { key: "keep_raw", value_type: "boolean", default: "false", doc: "Keep each post as it came beside its mention." },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "as far as `backfill_hours` goes",
        edits: "in the overlap of two readings, and when a post is read again; the app itself has none",
        deletions: "at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        engagement: "at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        cost: Capabilities::FREE,
    },
    terms: "Bulk use of the search is discouraged: for everything that is written, use the stream.",
    parse: parse_settings::<SearchSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchSettings {
    #[serde(default = "public_host")]
    host: String,
    account: String,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    searches: Vec<String>,
    #[serde(default)]
    followers_of: Vec<String>,
    #[serde(default = "five_minutes")]
    interval_seconds: u32,
    #[serde(default = "a_day")]
    backfill_hours: u32,
    #[serde(default = "a_day")]
    recheck_hours: u32,
    #[serde(default = "a_quarter")]
    lateness_seconds: u32,
    #[serde(default)]
    keep_raw: bool,
}

fn public_host() -> String {
    "https://bsky.social".to_owned()
}

fn five_minutes() -> u32 {
    300
}

fn a_day() -> u32 {
    24
}

fn a_quarter() -> u32 {
    900
}

impl Settings for SearchSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let host =
            Url::parse(&self.host).map_err(|error| place.value_error("host", format!("is no address: {error}")))?;
        if !matches!(host.scheme(), "http" | "https") {
            return Err(place.value_error("host", "does not start with https:// (or http://)"));
        }
        let password = SecretPlace::of(self.password_env, self.password_file)
            .map_err(|problem| place.value_error("password_env", problem))?
            .ok_or_else(|| place.value_error("password_env", "is missing: it names where an app password is"))?;
        let mut searches: Vec<String> = self.searches.iter().map(|search| search.trim().to_owned()).collect();
        searches.dedup();
        if searches.is_empty() || searches.iter().any(String::is_empty) {
            return Err(place.value_error("searches", "is empty, or has an empty one: name what is searched"));
        }
        let recheck = SignedDuration::from_hours(self.recheck_hours.into());
        let ages = AGES.map(SignedDuration::from_mins);
        let ages: Vec<SignedDuration> = ages.into_iter().filter(|age| *age <= recheck).collect();
        Ok(Box::new(SearchSpec {
            name: place.source_name.to_owned(),
            host,
            account: self.account,
            password,
            searches,
            followers_of: self.followers_of.iter().map(|name| name.trim_start_matches('@').to_owned()).collect(),
            reach: Reach {
                interval: SignedDuration::from_secs(self.interval_seconds.into()),
                backfill: SignedDuration::from_hours(self.backfill_hours.into()),
                lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            },
            plan: Plan::new(&ages, WATCHED),
            keep_raw: self.keep_raw,
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct SearchSpec {
    name: String,
    host: Url,
    account: String,
    password: SecretPlace,
    searches: Vec<String>,
    followers_of: Vec<String>,
    reach: Reach,
    plan: Plan,
    keep_raw: bool,
}

impl SourceSpec for SearchSpec {
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
        session::policy()
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(SearchSource::new(Arc::new(self.clone()), world))
    }
}
