//! What others push to us: a generic webhook, with presets for platforms that have one.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a delivery is not signed as agreed, or too old | answers 401 at once, says so |
//! | a delivery brings nothing that is collected (a ping) | answers 200 at once |
//! | a delivery brings records | answers 200 when the log has them; before that, 503 after 9 s: the platform sends it again |
//! | a delivery comes again | answers 200 at once, by its id; without an id its events fold by their keys |
//! | a record can not be mapped, a body not be read | rejects it, takes the rest |
//! | an older version comes behind a newer one | gives it under its own time, so that the newer one wins |
//! | what was deleted comes behind its deletion | leaves it out, while the deletion is among the last 500 |
//! | the process ends | what was not answered is sent again |
//!
//! Two secrets may be in use at once, so that one can be changed without a gap.

mod body;
mod definition;
mod position;
mod preset;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod signature;
mod source;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use jiff::SignedDuration;
use serde::Deserialize;

pub use self::preset::{TEXTS, test};
use self::{
    definition::{Definition, RawDefinition, RawRule},
    signature::Signature,
    source::Webhook,
};
use crate::{
    Source, World,
    http::SecretPlace,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
    rows::{RowMap, RowSettings},
};

pub const KIND: &str = "webhook";

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "listen",
        value_type: "string",
        default: "",
        doc: "Address and port, such as \"127.0.0.1:8787\". Several sources may share one. TLS is a proxy's work.",
    },
    KeyDoc {
        key: "path",
        value_type: "string",
        default: "the source's name",
        doc: "What stands behind /hooks/ in the address that the platform calls.",
    },
    KeyDoc {
        key: "preset",
        value_type: "string",
        default: "none",
        doc: "A platform whose deliveries are known: discourse, facebook, github, instagram, trustpilot.",
    },
    KeyDoc {
        key: "definition",
        value_type: "string",
        default: "none",
        doc: "A TOML file that describes deliveries as the presets do. Without both, `map` or `rows` says what is in them.",
    },
    KeyDoc {
        key: "platform",
        value_type: "string",
        default: "\"webhook\"",
        doc: "The platform of the mentions. Also in place of the preset's.",
    },
    KeyDoc {
        key: "signature",
        value_type: "table",
        default: "the preset's",
        doc: "{ kind = \"hmac\", header = …, prefix = \"\", encoding = \"hex\" or \"base64\", signs = \"{body}\" (with {timestamp} \
              and {id} where they are signed), timestamp_header = …, window_seconds = 300 }: HMAC-SHA256. { kind = \
              \"token\", header = … or query = … }: the secret itself. { kind = \"none\" }: whoever reaches the address \
              may send.",
    },
    KeyDoc {
        key: "secret_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable with the secret that was agreed on.",
    },
    KeyDoc { key: "secret_file", value_type: "string", default: "none", doc: "The same from a file." },
    KeyDoc {
        key: "previous_secret_env",
        value_type: "string",
        default: "none",
        doc: "A second secret that is believed too, while the first is new.",
    },
    KeyDoc { key: "previous_secret_file", value_type: "string", default: "none", doc: "The same from a file." },
    KeyDoc {
        key: "verify_token_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable with the token by which facebook and instagram ask whether the address is ours.",
    },
    KeyDoc { key: "verify_token_file", value_type: "string", default: "none", doc: "The same from a file." },
    KeyDoc {
        key: "delivery_id",
        value_type: "string",
        default: "the preset's",
        doc: "Header that is the same when a delivery is sent again.",
    },
    KeyDoc {
        key: "headers",
        value_type: "table",
        default: "{}",
        doc: "Name = header: the map may use what it says as {name}. {received_at} is always there.",
    },
    KeyDoc {
        key: "each",
        value_type: "list",
        default: "[]",
        doc: "Steps to the records in a body that holds a list: [\"data\", \"items\"]. What stands around a record is \
              found under outer. Without it, the body is one record or a list of them.",
    },
    KeyDoc {
        key: "map",
        value_type: "table",
        default: "none",
        doc: "Field of a mention = place in the record, as in the [listing.map] of a definition (docs/declarative.md); \
              `deleted` says which records are deletions. changed_at tells old versions that come late from new ones.",
    },
    KeyDoc { key: "rows", value_type: "table", default: "none", doc: crate::rows::DOC },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "60",
        doc: "How long after it was written a record may be pushed and still count as in time.",
    },
    KeyDoc {
        key: "keep_raw",
        value_type: "boolean",
        default: "false",
        doc: "Keep each record as it came beside its mention.",
    },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: "What platforms, shops and scripts post to us, signed.",
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Pushed,
        backfill: "none",
        edits: "those that are pushed",
        deletions: "those that are pushed",
        engagement: "with what is pushed",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<WebhookSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookSettings {
    listen: SocketAddr,
    path: Option<String>,
    preset: Option<String>,
    definition: Option<PathBuf>,
    platform: Option<String>,
    signature: Option<Signature>,
    secret_env: Option<String>,
    secret_file: Option<PathBuf>,
    previous_secret_env: Option<String>,
    previous_secret_file: Option<PathBuf>,
    verify_token_env: Option<String>,
    verify_token_file: Option<PathBuf>,
    delivery_id: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    each: Vec<String>,
    map: Option<toml::Table>,
    rows: Option<RowSettings>,
    #[serde(default = "one_minute")]
    lateness_seconds: u32,
    #[serde(default)]
    keep_raw: bool,
}

fn one_minute() -> u32 {
    60
}

/// The checked settings.
pub(crate) struct WebhookSpec {
    name: String,
    listen: SocketAddr,
    path: String,
    definition: Arc<Definition>,
    signature: Signature,
    /// Any of them may have signed.
    secrets: Vec<SecretPlace>,
    verify_token: Option<SecretPlace>,
    /// Of rows; a definition's rules have their own.
    each: Vec<String>,
    rows: Option<RowMap>,
    lateness: SignedDuration,
    keep_raw: bool,
}

impl Settings for WebhookSettings {
    fn into_spec(mut self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let secret = secret_place(place, "secret", self.secret_env.take(), self.secret_file.take())?;
        let previous =
            secret_place(place, "previous_secret", self.previous_secret_env.take(), self.previous_secret_file.take())?;
        let verify_token = secret_place(place, "verify_token", self.verify_token_env.take(), self.verify_token_file.take())?;
        let rows = self.rows.take().map(|rows| rows.map(place)).transpose()?;
        let definition = self.definition(place, rows.is_some())?;
        let signature = definition.signature.clone().ok_or_else(|| {
            place.value_error("signature", "is missing: say how deliveries are signed, or { kind = \"none\" } that they are not")
        })?;
        if signature.needs_secret() != secret.is_some() {
            let message = match secret {
                None => "is missing: name the environment variable that holds the secret",
                Some(_) => "has no use where the signature is of kind \"none\"",
            };
            return Err(place.value_error("secret_env", message));
        }
        if definition.challenge.is_some() && verify_token.is_none() {
            let message = "is missing: name the environment variable that holds the token you told the platform";
            return Err(place.value_error("verify_token_env", message));
        }
        let name = place.source_name.to_owned();
        let path = self.path.unwrap_or_else(|| name.clone());
        if path.is_empty() || !path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            return Err(place.value_error("path", "has other signs than a-z, 0-9, -, _ and .: give another `path`"));
        }
        Ok(Box::new(Arc::new(WebhookSpec {
            name,
            listen: self.listen,
            path,
            definition: Arc::new(definition),
            signature,
            secrets: secret.into_iter().chain(previous).collect(),
            verify_token,
            each: self.each,
            rows,
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            keep_raw: self.keep_raw,
        })))
    }
}

impl WebhookSettings {
    /// That of the preset or of the file, or one made of the table; with what the table says in place of it.
    fn definition(&self, place: Place<'_>, has_rows: bool) -> Result<Definition, ConfigError> {
        let mut definition = match (&self.preset, &self.definition, &self.map, has_rows) {
            (Some(name), None, None, false) => {
                let found = preset::find(name).map_err(|message| place.value_error("preset", message))?;
                Definition::clone(&found)
            }
            (None, Some(file), None, false) => {
                let wrong = |message: String| place.value_error("definition", message);
                let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
                preset::read(&text).map_err(|error| wrong(format!("{} {error}", file.display())))?.1
            }
            (None, None, Some(map), false) => self.of_table(place, Some(map))?,
            (None, None, None, true) => self.of_table(place, None)?,
            _ => {
                let message = "has to stand alone: one of preset, definition, map and rows says what is in a delivery";
                return Err(place.value_error("preset", message));
            }
        };
        if let Some(signature) = &self.signature {
            signature.check().map_err(|message| place.value_error("signature", message))?;
            definition.signature = Some(signature.clone());
        }
        definition.platform = self.platform.clone().unwrap_or(definition.platform);
        definition.delivery_id = self.delivery_id.clone().or(definition.delivery_id);
        definition.headers.extend(self.headers.clone());
        Ok(definition)
    }

    fn of_table(&self, place: Place<'_>, map: Option<&toml::Table>) -> Result<Definition, ConfigError> {
        let rule = |map: &toml::Table| RawRule {
            name: "record".to_owned(),
            each: self.each.clone(),
            when: None,
            map: map.clone(),
            test: Vec::new(),
        };
        let raw = RawDefinition {
            name: KIND.to_owned(),
            platform: self.platform.clone(),
            signature: None,
            delivery_id: None,
            headers: BTreeMap::new(),
            challenge: None,
            record: map.map(rule).into_iter().collect(),
        };
        Definition::parse(raw).map_err(|wrong| {
            let key = wrong.place.iter().skip(2).cloned().collect::<Vec<_>>().join(".");
            place.value_error(key, wrong.message)
        })
    }
}

fn secret_place(
    place: Place<'_>,
    name: &str,
    env: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<SecretPlace>, ConfigError> {
    SecretPlace::of(env, file).map_err(|message| place.value_error(format!("{name}_env"), message))
}

impl fmt::Debug for WebhookSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (webhook) {}/hooks/{} {:?}", self.name, self.listen, self.path, self.signature)
    }
}

impl SourceSpec for Arc<WebhookSpec> {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(Webhook::new(self.clone(), world.clone()))
    }
}
