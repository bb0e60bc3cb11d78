//! Groups and channels of Telegram that a bot is a member of, by the Bot API's long poll.
//!
//! | what happens | what the source does |
//! |---|---|
//! | messages and channel posts, new and edited | gives them, with their topics, replies and forwards |
//! | reactions in a chat where the bot is an administrator | gives their number; Telegram sends it some minutes late |
//! | a page is read | acknowledges it with the next request, whose offset comes from the cursor that was saved |
//! | nobody read for more than 24 hours | says so in a [`Gap`](grapevine_model::Gap): Telegram keeps updates no longer |
//! | a week passes without an update | names no offset: ids begin anew, maybe lower |
//! | a group becomes a supergroup | follows it under its new id |
//! | the bot is removed from a chat | says so in its notice, goes on with the others |
//! | another process reads with the same token, or a webhook is set | says what to do about it |
//!
//! A message's id is `chat/message`, as ids of messages count within a chat only. Each picture of an album is a mention of
//! its own; the caption stands at the first. Private chats are passed over. Telegram tells bots of no deletion.

mod chats;
mod content;
mod entities;
mod map;
mod position;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;

use std::{path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;

use self::source::TelegramSource;
pub use self::map::{Chat, MapError, Said, Update, map};
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
};

pub const KIND: &str = "telegram";
pub const DOC: &str = "Groups and channels of Telegram that a bot of yours is a member of.";

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "token_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable that holds the bot's token, as @BotFather gave it.",
    },
    KeyDoc {
        key: "token_file",
        value_type: "string",
        default: "none",
        doc: "File that holds the token, in place of token_env.",
    },
    KeyDoc {
        key: "chats",
        value_type: "list",
        default: "[]",
        doc: "Chats to read, as @name or by number (-1001234567890). Empty means every group and channel that the bot is in.",
    },
    KeyDoc {
        key: "long_poll_seconds",
        value_type: "integer",
        default: "5",
        doc: "How long Telegram may wait for news before it answers that there is none; 50 at most.",
    },
    KeyDoc {
        key: "count_members_hours",
        value_type: "integer",
        default: "24",
        doc: "How often the members of each of `chats` are counted; 0 counts none.",
    },
    KeyDoc {
        key: "base_url",
        value_type: "string",
        default: "\"https://api.telegram.org\"",
        doc: "Address of the Bot API: another one for a server of your own.",
    },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "24 hours, of what was sent since the bot is a member",
        edits: "all, as they happen",
        deletions: Capabilities::NEVER,
        engagement: "the number of reactions, as it changes, where the bot is an administrator",
        cost: Capabilities::FREE,
    },
    terms: "Telegram's terms for bot developers: collect from a chat only what its members know of, and delete on request. \
            A bot is told of no deletion, so that what is deleted there has to be deleted here by hand.",
    parse: parse_settings::<TelegramSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelegramSettings {
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    chats: Vec<ChatName>,
    #[serde(default = "five")]
    long_poll_seconds: u32,
    #[serde(default = "a_day")]
    count_members_hours: u32,
    #[serde(default = "public_api")]
    base_url: String,
}

/// As a person writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum ChatName {
    Number(i64),
    Text(String),
}

fn five() -> u32 {
    5
}

fn a_day() -> u32 {
    24
}

fn public_api() -> String {
    "https://api.telegram.org".to_owned()
}

impl Settings for TelegramSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let base_url =
            Url::parse(&self.base_url).map_err(|error| place.value_error("base_url", format!("is no address: {error}")))?;
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(place.value_error("base_url", "does not start with https:// (or http://)"));
        }
        if self.long_poll_seconds > 50 {
            return Err(place.value_error("long_poll_seconds", "is more than 50: an answer is waited for a minute at most"));
        }
        let token = SecretPlace::of(self.token_env, self.token_file);
        let token = token.map_err(|problem| place.value_error("token_env", problem))?;
        let token = token.ok_or_else(|| {
            place.value_error("token_env", "is missing: name the variable with the token that @BotFather gave")
        })?;
        let chats = self.chats.into_iter().map(|chat| match chat {
            ChatName::Number(id) => Ok(chats::Name::Id(id)),
            ChatName::Text(name) => chats::Name::parse(&name).ok_or_else(|| {
                place.value_error("chats", format!("has {name:?}: write @name, or the chat's number such as -1001234567890"))
            }),
        });
        Ok(Box::new(TelegramSpec {
            name: place.source_name.to_owned(),
            base_url,
            token,
            chats: chats.collect::<Result<_, _>>()?,
            long_poll_seconds: self.long_poll_seconds,
            count_members: (self.count_members_hours > 0)
                .then(|| SignedDuration::from_hours(self.count_members_hours.into())),
        }))
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct TelegramSpec {
    name: String,
    base_url: Url,
    token: SecretPlace,
    chats: Vec<chats::Name>,
    long_poll_seconds: u32,
    /// How often; `None` is never.
    count_members: Option<SignedDuration>,
}

impl SourceSpec for TelegramSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn quota(&self) -> QuotaPolicy {
        source::policy()
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(TelegramSource::new(Arc::new(self.clone()), world))
    }
}
