//! Channels of a Slack workspace that an app is a member of: by the Web API, and by what Slack sends by itself.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a round is due | reads each channel from `follow_hours` back, newest first, and the threads that changed |
//! | a message is edited, deleted, liked or answered | finds that in the next round, or is told by Slack at once |
//! | a message is missing from its channel | asks for it alone, and gives a deletion if it is gone |
//! | an answer is edited, and its thread looks as before | sees it when the thread is read again, after `thread_minutes` |
//! | Slack sends an event (with `listen`) | checks the signature, answers when the log has it; one sent twice counts once |
//! | an event comes behind a later edit or deletion | passes it over |
//! | Slack held events back, as they were too many | reads a round at once |
//! | the process starts again | a round begins when the checkpoint says that it is due: a restart costs no round of its own |
//! | one channel can not be read | says so in its notice, goes on with the others |
//! | a page leads nowhere further | ends the channel: each page must have older messages than the last |
//!
//! A message's id is `channel/ts`. Names of members are asked for where a message says something new, and remembered; one that could
//! not be asked for is asked for when the message is seen again. `complete_through` trails the last
//! whole round by a minute. Answers to messages that are older than `follow_hours` are seen only where Slack sends them.

mod api;
mod hook;
mod map;
mod mrkdwn;
mod people;
mod position;
mod round;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod signature;
mod source;
mod workspace;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::{
    map::{Context, MapError, Said, map, map_event},
    people::{People, Person},
};
use self::source::SlackSource;
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
};

pub const KIND: &str = "slack";
pub const DOC: &str = "Channels of a Slack workspace that an app of yours is a member of.";

const fn key(key: &'static str, value_type: &'static str, default: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { key, value_type, default, doc }
}

pub const KEYS: &[KeyDoc] = &[
    key("token_env", "string", "none", "Environment variable that holds the app's bot token (xoxb-…)."),
    key("token_file", "string", "none", "File that holds the token, in place of token_env."),
    key("channels", "list", "[]", "Names or ids of channels to read. Empty means every one that the app is a member of."),
    key("interval_seconds", "integer", "60; 900 with listen", "How often the channels are read."),
    key("backfill_hours", "integer", "24", "How far back the first start reads."),
    key(
        "follow_hours",
        "integer",
        "24",
        "How long a message is looked at again, each round: for edits, deletion, reactions and answers.",
    ),
    key("thread_minutes", "integer", "60", "After how long a thread that looks unchanged is read again, for edits in it."),
    key(
        "requests_per_minute",
        "integer",
        "50",
        "How often messages may be asked for: 50 for an app of your own workspace, 1 for one that is distributed \
         outside of the Marketplace.",
    ),
    key("page_size", "integer", "200", "Messages on a page: 999 at most, 15 for an app that is distributed."),
    key("staff", "list", "[]", "Ids of members (U…) that count as staff."),
    key("admins_are_staff", "boolean", "false", "Whether administrators and owners of the workspace count as staff."),
    key("listen", "string", "none", "Address to take Slack's events at, such as 0.0.0.0:8090. None takes none."),
    key("path", "string", "the source's name", "Slack's Request URL is /hooks/<path> there."),
    key("signing_secret_env", "string", "none", "Environment variable that holds the app's signing secret; with listen."),
    key("signing_secret_file", "string", "none", "File that holds the signing secret, in place of signing_secret_env."),
    key("base_url", "string", "\"https://slack.com/api\"", "Address of the Web API."),
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "as far as `backfill_hours` goes",
        edits: "each round for `follow_hours`, of answers after `thread_minutes`; with `listen` all, as they happen",
        deletions: "each round for `follow_hours`, of answers when their thread is read; with `listen` all, as they happen",
        engagement: "each round for `follow_hours`; with `listen` reactions as they happen",
        cost: Capabilities::FREE,
    },
    terms: "Slack's API terms (2025): messages may be read for the workspace's own use; bulk export, lasting copies for \
            others and training of language models on them are forbidden. Apps that are distributed outside of the \
            Marketplace may ask for messages once a minute, 15 at a time.",
    parse: parse_settings::<SlackSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlackSettings {
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    channels: Vec<String>,
    interval_seconds: Option<u32>,
    #[serde(default = "a_day")]
    backfill_hours: u32,
    #[serde(default = "a_day")]
    follow_hours: u32,
    #[serde(default = "sixty")]
    thread_minutes: u32,
    #[serde(default = "fifty")]
    requests_per_minute: u32,
    #[serde(default = "two_hundred")]
    page_size: u32,
    #[serde(default)]
    staff: Vec<String>,
    #[serde(default)]
    admins_are_staff: bool,
    listen: Option<SocketAddr>,
    path: Option<String>,
    signing_secret_env: Option<String>,
    signing_secret_file: Option<PathBuf>,
    #[serde(default = "web_api")]
    base_url: String,
}

fn a_day() -> u32 {
    24
}

fn sixty() -> u32 {
    60
}

fn fifty() -> u32 {
    50
}

fn two_hundred() -> u32 {
    200
}

fn web_api() -> String {
    "https://slack.com/api".to_owned()
}

impl Settings for SlackSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let base_url =
            Url::parse(&self.base_url).map_err(|error| place.value_error("base_url", format!("is no address: {error}")))?;
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(place.value_error("base_url", "does not start with https:// (or http://)"));
        }
        if !(1..=999).contains(&self.page_size) {
            return Err(place.value_error("page_size", "is none of 1 to 999"));
        }
        if self.requests_per_minute == 0 {
            return Err(place.value_error("requests_per_minute", "is 0: nothing could ever be asked"));
        }
        if self.follow_hours == 0 {
            return Err(place.value_error("follow_hours", "is 0: what is written between two rounds would be lost"));
        }
        let hook = self.hook(place)?;
        let token = SecretPlace::of(self.token_env, self.token_file);
        let token = token.map_err(|problem| place.value_error("token_env", problem))?;
        let interval = self.interval_seconds.unwrap_or(if hook.is_some() { 900 } else { 60 });
        Ok(Box::new(SlackSpec {
            name: place.source_name.to_owned(),
            base_url,
            token: token.ok_or_else(|| place.value_error("token_env", "is missing: name the variable with the bot token"))?,
            channels: self.channels.iter().map(|name| name.trim().trim_start_matches('#').to_owned()).collect(),
            interval: SignedDuration::from_secs(interval.into()),
            backfill: SignedDuration::from_hours(self.backfill_hours.into()),
            follow: SignedDuration::from_hours(self.follow_hours.into()),
            threads: SignedDuration::from_mins(self.thread_minutes.into()),
            requests_per_minute: self.requests_per_minute.into(),
            page_size: self.page_size,
            people: People::with_staff(self.staff, self.admins_are_staff),
            hook,
        }))
    }
}

impl SlackSettings {
    fn hook(&self, place: Place<'_>) -> Result<Option<Hook>, ConfigError> {
        let secret = SecretPlace::of(self.signing_secret_env.clone(), self.signing_secret_file.clone());
        let secret = secret.map_err(|problem| place.value_error("signing_secret_env", problem))?;
        match (self.listen, secret) {
            (Some(listen), Some(secret)) => {
                let path = self.path.clone().unwrap_or_else(|| place.source_name.to_owned());
                Ok(Some(Hook { listen, path, secret }))
            }
            (None, None) => Ok(None),
            (Some(_), None) => Err(place.value_error("signing_secret_env", "is missing: without it anybody could send events")),
            (None, Some(_)) => Err(place.value_error("listen", "is missing beside the signing secret")),
        }
    }
}

/// Where Slack sends its events.
#[derive(Debug, Clone)]
struct Hook {
    listen: SocketAddr,
    path: String,
    secret: SecretPlace,
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct SlackSpec {
    name: String,
    base_url: Url,
    token: SecretPlace,
    /// Names without `#`, or ids.
    channels: Vec<String>,
    interval: SignedDuration,
    backfill: SignedDuration,
    follow: SignedDuration,
    threads: SignedDuration,
    requests_per_minute: u64,
    page_size: u32,
    /// Nobody yet, but who counts as staff.
    people: People,
    hook: Option<Hook>,
}

impl SourceSpec for SlackSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        api::policy(self.requests_per_minute)
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(SlackSource::new(Arc::new(self.clone()), world))
    }
}
