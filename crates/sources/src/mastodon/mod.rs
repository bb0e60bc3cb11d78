//! Hashtags of Mastodon, read from one instance by its REST interface.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a round is due | reads each hashtag from `lateness_seconds` before the last round on, page by page, by `min_id` |
//! | a post reaches the instance late | finds it in that overlap; what it gave before and did not change is not given again |
//! | a post is edited, or its counters grow | gives it again, or a snapshot of its counters: found in the overlap and when it is checked |
//! | a post is deleted | finds it missing when it is checked, asks for it alone, and gives a deletion if it is gone |
//! | more is there than a spend cap bears | passes over some time after each full page, and says which share was read |
//! | a page leads nowhere further | ends the hashtag: the next page must begin behind the last |
//! | one hashtag is refused (403, 404) | goes on with the others, says so, and tries it again in each round |
//! | `streaming` is set, and something is streamed | gives new posts, edits and deletions between the rounds, as they happen |
//! | nothing is streamed any more | connects again after longer and longer waits, and says so; events have no ids to resume from, so that the rounds find what was missed |
//!
//! Posts are checked a quarter of an hour, an hour, six hours and a day after they were written, as far as
//! `recheck_hours` goes; Mastodon has a call for many at once since its version 4.3, and without it none are checked.
//!
//! Ids are the instance's own, so that replies find their parents: read a hashtag from one instance only.
//! `complete_through` trails a finished round by `lateness_seconds`, and stands while a hashtag is refused.

mod beside;
mod position;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;
mod status;
mod streaming;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use self::source::MastodonSource;
pub use self::status::{MapError, map};
pub use self::streaming::{Said, said, said_on_socket};
use crate::{
    Source, World,
    http::{QuotaPolicy, SPEND_KEY, SecretPlace, Spend},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
    text::hashtag,
};

pub const KIND: &str = "mastodon";
pub const DOC: &str = "Public posts with the hashtags that are named, as one Mastodon instance sees them.";

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "instance",
        value_type: "string",
        default: "",
        doc: "Address of the instance: https://mastodon.social",
    },
    KeyDoc { key: "hashtags", value_type: "list", default: "", doc: "Hashtags to read, with or without #." },
    KeyDoc {
        key: "token_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable that holds an access token with read:statuses. Some instances answer nobody without one.",
    },
    KeyDoc {
        key: "token_file",
        value_type: "string",
        default: "none",
        doc: "File that holds the access token, in place of token_env.",
    },
    KeyDoc { key: "interval_seconds", value_type: "integer", default: "60", doc: "How often the hashtags are read." },
    KeyDoc { key: "backfill_hours", value_type: "integer", default: "1", doc: "How far back the first start reads." },
    KeyDoc {
        key: "recheck_hours",
        value_type: "integer",
        default: "24",
        doc: "How long posts are checked for edits, deletion and engagement; 0 checks none.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "900",
        doc: "How long after it was written a post of another instance may arrive and still count as in time.",
    },
    KeyDoc {
        key: "streaming",
        value_type: "string",
        default: "none",
        doc: "Address of the instance's streaming server, such as wss://streaming.mastodon.social: posts, edits and deletions \
              then come as they happen, beside what is read. Needs a person's token.",
    },
    KeyDoc {
        key: "followers_of",
        value_type: "list",
        default: "[]",
        doc: "Accounts whose followers are counted once in six hours, such as acme or acme@mastodon.social.",
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
        backfill: "as far as `backfill_hours` goes",
        edits: "as they happen where `streaming` is set; in the overlap of two readings, and at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        deletions: "as they happen where `streaming` is set; at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes; never before Mastodon 4.3",
        engagement: "at 15 min, 1 h, 6 h and 24 h of age as far as `recheck_hours` goes",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<MastodonSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MastodonSettings {
    instance: String,
    hashtags: Vec<String>,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default = "one_minute")]
    interval_seconds: u32,
    #[serde(default = "one")]
    backfill_hours: u32,
    #[serde(default = "a_day")]
    recheck_hours: u32,
    #[serde(default = "a_quarter")]
    lateness_seconds: u32,
    streaming: Option<String>,
    #[serde(default)]
    followers_of: Vec<String>,
    spend: Option<Spend>,
}

fn one() -> u32 {
    1
}

fn one_minute() -> u32 {
    60
}

fn a_day() -> u32 {
    24
}

fn a_quarter() -> u32 {
    900
}

impl Settings for MastodonSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let instance = Url::parse(&self.instance)
            .map_err(|error| place.value_error("instance", format!("is no address: {error}")))?;
        if !matches!(instance.scheme(), "http" | "https") {
            return Err(place.value_error("instance", "does not start with https:// (or http://)"));
        }
        let hashtags: BTreeSet<String> = self.hashtags.iter().map(|tag| hashtag(tag)).collect();
        if hashtags.is_empty() {
            return Err(place.value_error("hashtags", "is empty: name one"));
        }
        if let Some(wrong) = hashtags.iter().find(|tag| tag.is_empty() || !tag.chars().all(is_of_tag)) {
            return Err(place.value_error("hashtags", format!("has {wrong:?}, which is no single word")));
        }
        let token = SecretPlace::of(self.token_env, self.token_file);
        let token = token.map_err(|problem| place.value_error("token_env", problem))?;
        let streaming = self.streaming.map(|address| streaming(place, &address, token.is_some())).transpose()?;
        let followers_of = self.followers_of.iter().map(|name| name.trim_start_matches('@').to_owned()).collect();
        Ok(Box::new(MastodonSpec {
            name: place.source_name.to_owned(),
            instance,
            hashtags: hashtags.into_iter().collect(),
            token,
            streaming,
            followers_of,
            interval: SignedDuration::from_secs(self.interval_seconds.into()),
            backfill: SignedDuration::from_hours(self.backfill_hours.into()),
            recheck: SignedDuration::from_hours(self.recheck_hours.into()),
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            spend: self.spend,
        }))
    }
}

fn streaming(place: Place<'_>, address: &str, has_token: bool) -> Result<Url, ConfigError> {
    let mut address =
        Url::parse(address).map_err(|error| place.value_error("streaming", format!("is no address: {error}")))?;
    if !matches!(address.scheme(), "ws" | "wss") {
        return Err(place.value_error("streaming", "does not start with wss:// (or ws://)"));
    }
    if !has_token {
        return Err(place.value_error("streaming", "needs a token: set token_env or token_file"));
    }
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v1", "streaming"]);
    }
    Ok(address)
}

fn is_of_tag(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '\u{300}'..='\u{36f}' | '\u{b7}' | '\u{200c}')
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct MastodonSpec {
    name: String,
    instance: Url,
    hashtags: Vec<String>,
    token: Option<SecretPlace>,
    interval: SignedDuration,
    backfill: SignedDuration,
    recheck: SignedDuration,
    lateness: SignedDuration,
    /// With its path.
    streaming: Option<Url>,
    followers_of: Vec<String>,
    spend: Option<Spend>,
}

impl MastodonSpec {
    /// As mentions carry it.
    fn host(&self) -> &str {
        self.instance.host_str().unwrap_or_default()
    }
}

impl SourceSpec for MastodonSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        source::policy(self.spend.clone())
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(MastodonSource::new(Arc::new(self.clone()), world))
    }
}
