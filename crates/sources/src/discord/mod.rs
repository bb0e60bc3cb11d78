//! Channels of Discord's servers that a bot may read: live by the gateway, and what was written before by REST.
//!
//! | what happens | what the source does |
//! |---|---|
//! | it starts | opens a session at the gateway, then reads each channel from `backfill_hours` back |
//! | a message is written, edited or deleted | is told at once; an update that has only a part is read whole |
//! | somebody reacts | counts the reactions again, half a minute later, as an event tells only of one |
//! | the connection ends, or does not answer heartbeats | connects again and resumes the session: what it missed is sent |
//! | the process starts anew within some minutes | resumes the session likewise, from the last event whose page was kept |
//! | the session is lost | begins a new one, and reads by REST what was written since, in each channel that has news |
//! | one channel or server can not be read | says so in its notice, goes on with the others |
//!
//! Edits, deletions and reactions that happen while no session stands are not seen, but for messages that are read again.
//! A message in a thread or forum post answers the one that began it, where it answers no other. Archived threads are
//! read when something is written in them. `complete_through` trails the last sign of the gateway by ten seconds.

mod api;
mod content;
mod directory;
mod gateway;
mod live;
mod map;
mod position;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;
mod words;

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

pub use self::map::{Context, MapError, map};
use self::source::DiscordSource;
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
};

pub const KIND: &str = "discord";
pub const DOC: &str = "Servers and channels of Discord that a bot of yours may read.";

const fn key(key: &'static str, value_type: &'static str, default: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { key, value_type, default, doc }
}

pub const KEYS: &[KeyDoc] = &[
    key("token_env", "string", "none", "Environment variable that holds the bot's token."),
    key("token_file", "string", "none", "File that holds the token, in place of token_env."),
    key("guilds", "list", "[]", "Ids of servers: all channels, threads and forum posts that the bot may read."),
    key("channels", "list", "[]", "Ids of single channels or forums, with their threads."),
    key("backfill_hours", "integer", "24", "How far back the first start reads."),
    key("team_roles", "list", "[]", "Names or ids of roles whose members are staff."),
    key(
        "space",
        "string",
        "\"channel\"",
        "What a mention's space is, as a brand's `spaces` name it: the name of its \"channel\" or of its \"server\".",
    ),
    key("base_url", "string", "\"https://discord.com/api/v10\"", "Address of the API."),
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Streamed,
        backfill: "as far as `backfill_hours` goes; after a lost session, all since then",
        edits: "all, as they happen; none of those made while no session stands",
        deletions: "as they happen; none of those made while no session stands, or with a whole channel",
        engagement: "the number of reactions, half a minute after it changed",
        cost: Capabilities::FREE,
    },
    terms: "Discord's developer policy: a bot reads what messages say only with the Message Content Intent, which Discord \
            approves for bots in more than 100 servers; delete what is deleted there, and train no models on it.",
    parse: parse_settings::<DiscordSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscordSettings {
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    guilds: Vec<Id>,
    #[serde(default)]
    channels: Vec<Id>,
    #[serde(default = "a_day")]
    backfill_hours: u32,
    #[serde(default)]
    team_roles: Vec<Id>,
    #[serde(default)]
    space: Space,
    #[serde(default = "public_api")]
    base_url: String,
}

/// TOML has room for an id as a number, too.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn text(&self) -> String {
        match self {
            Id::Number(id) => id.to_string(),
            Id::Text(text) => text.trim().to_owned(),
        }
    }
}

/// What a mention's space is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Space {
    #[default]
    Channel,
    Server,
}

fn a_day() -> u32 {
    24
}

fn public_api() -> String {
    "https://discord.com/api/v10".to_owned()
}

impl Settings for DiscordSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let base_url =
            Url::parse(&self.base_url).map_err(|error| place.value_error("base_url", format!("is no address: {error}")))?;
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(place.value_error("base_url", "does not start with https:// (or http://)"));
        }
        for (key, ids) in [("guilds", &self.guilds), ("channels", &self.channels)] {
            let is_id = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(wrong) = ids.iter().map(Id::text).find(|id| !is_id(id)) {
                let message = format!("has {wrong:?}, which is no id: switch on developer mode, then Copy ID in the menu");
                return Err(place.value_error(key, message));
            }
        }
        if self.guilds.is_empty() && self.channels.is_empty() {
            return Err(place.value_error("guilds", "is empty, and so is `channels`: name one id"));
        }
        let token = SecretPlace::of(self.token_env, self.token_file);
        let token = token.map_err(|problem| place.value_error("token_env", problem))?;
        Ok(Box::new(DiscordSpec {
            name: place.source_name.to_owned(),
            base_url,
            token: token.ok_or_else(|| place.value_error("token_env", "is missing: name the variable with the bot's token"))?,
            guilds: self.guilds.iter().map(Id::text).collect(),
            channels: self.channels.iter().map(Id::text).collect(),
            backfill: SignedDuration::from_hours(self.backfill_hours.into()),
            team_roles: self.team_roles.iter().map(Id::text).collect(),
            space: self.space,
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct DiscordSpec {
    name: String,
    base_url: Url,
    token: SecretPlace,
    guilds: Vec<String>,
    channels: Vec<String>,
    backfill: SignedDuration,
    team_roles: Vec<String>,
    space: Space,
}

impl SourceSpec for DiscordSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        api::policy()
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(DiscordSource::new(Arc::new(self.clone()), world))
    }
}
