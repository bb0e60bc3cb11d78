//! The kinds of source there are: typed settings in, an erased factory out.
//!
//! A new kind is a module with a settings type, a table of its keys, and one row of [`KINDS`](crate::KINDS).

use std::{collections::HashSet, fmt, time::Duration};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::{Source, World, declarative, http::QuotaPolicy};

/// Tells the time, so that tests can.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A source as it stands in the configuration, checked as far as that goes without I/O.
pub trait SourceSpec: fmt::Debug + Send + Sync {
    fn name(&self) -> &str;
    fn kind(&self) -> &'static str;
    /// What the platform demands of those who read it; empty where nothing is known.
    fn terms(&self) -> &str {
        ""
    }
    /// What the platform allows, as the source keeps to it; nothing stated where it keeps to what it is told alone.
    fn quota(&self) -> QuotaPolicy {
        QuotaPolicy::default()
    }
    /// How long the closing of buckets waits for it, where its table does not say.
    fn holds_back(&self) -> HoldsBack {
        HoldsBack::default()
    }
    /// Does no I/O: [`Source::check`] and [`Source::poll`] do.
    fn build(&self, world: &World) -> Box<dyn Source>;
}

/// How long the closing of buckets waits for a source that lags. What comes later than that is stored and counted as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldsBack {
    /// As long as it takes: nothing of it is ever late.
    Always,
    For(SignedDuration),
}

impl Default for HoldsBack {
    fn default() -> Self {
        HoldsBack::For(SignedDuration::from_mins(15))
    }
}

impl HoldsBack {
    const KEY: &'static str = "holds_back";

    fn parse(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(HoldsBack::Always);
        }
        match text.parse::<SignedDuration>() {
            Ok(time) if !time.is_negative() => Ok(HoldsBack::For(time)),
            _ => Err(format!("is {text:?}: write a span such as \"15m\", or \"always\"")),
        }
    }

    /// As a source's table has it; else as its kind has it.
    pub fn of(table: &toml::Table, spec: &dyn SourceSpec) -> Self {
        let set = table.get(Self::KEY).and_then(toml::Value::as_str).and_then(|text| Self::parse(text).ok());
        set.unwrap_or_else(|| spec.holds_back())
    }
}

/// One key of a kind's settings, for the reference page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDoc {
    pub key: &'static str,
    /// `string`, `integer`, `boolean`, `table` or `list`.
    pub value_type: &'static str,
    /// As it would be written in TOML; empty where the key is required.
    pub default: &'static str,
    pub doc: &'static str,
}

/// How what a platform has comes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The source asks.
    Polled,
    /// A connection stays open.
    Streamed,
    /// The platform calls an address of ours.
    Pushed,
}

impl Arrival {
    pub fn name(self) -> &'static str {
        match self {
            Arrival::Polled => "polled",
            Arrival::Streamed => "streamed",
            Arrival::Pushed => "pushed",
        }
    }
}

/// What a kind of source can do, in words for the reference page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub arrival: Arrival,
    /// How far back it can read what is older than the source; `none`, or how far.
    pub backfill: &'static str,
    /// Which edits it sees of what it gave before; `never`, or which.
    pub edits: &'static str,
    /// Which deletions it sees; `never`, or which.
    pub deletions: &'static str,
    /// When counters of what it gave before are read again; `never`, or when.
    pub engagement: &'static str,
    /// What a record costs; `free`, or a price.
    pub cost: &'static str,
}

impl Capabilities {
    pub const NEVER: &'static str = "never";
    pub const FREE: &'static str = "free";
}

/// One kind of source.
#[derive(Debug)]
pub struct KindRow {
    pub kind: &'static str,
    pub doc: &'static str,
    pub keys: &'static [KeyDoc],
    pub capabilities: Capabilities,
    /// What the platform demands of those who read it; empty where nothing is known.
    pub terms: &'static str,
    pub(crate) parse: fn(Place<'_>, toml::Table) -> Result<Box<dyn SourceSpec>, ConfigError>,
}

/// Every kind: those that are programmed, then those that the program's definitions describe.
pub fn kinds() -> impl Iterator<Item = &'static KindRow> {
    crate::KINDS.iter().copied().chain(declarative::rows())
}

/// The keys that every source has.
pub const COMMON_KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "name",
        value_type: "string",
        default: "",
        doc: "Unique among the sources. Checkpoints are saved under it.",
    },
    KeyDoc { key: "kind", value_type: "string", default: "", doc: "What kind of source it is." },
    KeyDoc {
        key: "holds_back",
        value_type: "string",
        default: "\"15m\"",
        doc: "How long the closing of five-minute buckets, and so every alert, waits for this source while it lags: a span, \
              or `always` (the default of files). What comes later is stored, shown and counted as late.",
    },
];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("a source has no `name`: give it one, such as name = \"forum\"")]
    Unnamed,
    #[error("two sources are named {0:?}: rename one, as checkpoints are saved under the name")]
    Duplicate(String),
    #[error("source {source_name:?} has no `kind`: it is one of {valid}")]
    NoKind { source_name: String, valid: String },
    #[error("source {source_name:?} has kind {kind:?}, which there is not: it is one of {valid}")]
    UnknownKind { source_name: String, kind: String, valid: String },
    /// The message names the key.
    #[error("source {source_name:?} ({kind}): {message}")]
    Settings { source_name: String, kind: &'static str, message: String },
    #[error("source {source_name:?} ({kind}): `{key}` {message}")]
    Value { source_name: String, kind: &'static str, key: String, message: String },
}

impl ConfigError {
    /// The configuration has to change: trying again does not help.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Which source is being parsed, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub source_name: &'a str,
    pub kind: &'static str,
}

impl Place<'_> {
    pub fn value_error(&self, key: impl Into<String>, message: impl Into<String>) -> ConfigError {
        let (source_name, key, message) = (self.source_name.to_owned(), key.into(), message.into());
        ConfigError::Value { source_name, kind: self.kind, key, message }
    }
}

/// Settings of one kind as TOML gives them.
pub(crate) trait Settings: DeserializeOwned {
    /// Checks what the types alone do not.
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError>;
}

pub(crate) fn parse_settings<S: Settings>(
    place: Place<'_>,
    table: toml::Table,
) -> Result<Box<dyn SourceSpec>, ConfigError> {
    let settings: S = toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| ConfigError::Settings {
        source_name: place.source_name.to_owned(),
        kind: place.kind,
        message: error.to_string().trim().replace('\n', " "),
    })?;
    settings.into_spec(place)
}

/// Parses one `[[source]]` table.
pub fn parse(table: &toml::Table) -> Result<Box<dyn SourceSpec>, ConfigError> {
    let mut table = table.clone();
    let text = |value: Option<toml::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let name = text(table.remove("name")).filter(|name| !name.trim().is_empty()).ok_or(ConfigError::Unnamed)?;
    let Some(kind) = text(table.remove("kind")) else {
        return Err(ConfigError::NoKind { source_name: name, valid: kind_names() });
    };
    let Some(row) = kinds().find(|row| row.kind == kind) else {
        return Err(ConfigError::UnknownKind { source_name: name, kind, valid: kind_names() });
    };
    let place = Place { source_name: &name, kind: row.kind };
    if let Some(holds_back) = table.remove(HoldsBack::KEY) {
        let text = holds_back.as_str().unwrap_or_default();
        HoldsBack::parse(text).map_err(|message| place.value_error(HoldsBack::KEY, message))?;
    }
    (row.parse)(place, table)
}

/// Parses every `[[source]]` table. Names are unique.
pub fn parse_all(tables: &[toml::Table]) -> Result<Vec<Box<dyn SourceSpec>>, ConfigError> {
    let specs: Vec<_> = tables.iter().map(parse).collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    match specs.iter().find(|spec| !seen.insert(spec.name())) {
        Some(again) => Err(ConfigError::Duplicate(again.name().to_owned())),
        None => Ok(specs),
    }
}

/// Every key of every kind as (kind, key), the common ones first for each; for the generated reference.
pub fn reference() -> Vec<(&'static str, KeyDoc)> {
    kinds().flat_map(|row| COMMON_KEYS.iter().chain(row.keys).map(|key| (row.kind, *key))).collect()
}

/// The kind whose name is most like this one, if any is.
pub fn nearest_kind(name: &str) -> Option<&'static str> {
    let (distance, kind) = kinds().map(|row| (strsim::damerau_levenshtein(name, row.kind), row.kind)).min()?;
    (distance <= 2.max(name.len() / 3)).then_some(kind)
}

fn kind_names() -> String {
    kinds().map(|row| format!("{:?}", row.kind)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(&toml::from_str(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_table_says_what_and_whose() {
        assert!(error("kind = \"file\"").starts_with("a source has no `name`"));
        assert!(error("name = \"a\"").starts_with("source \"a\" has no `kind`: it is one of \"bluesky\", \""));
        let unknown = error("name = \"a\"\nkind = \"fax\"");
        assert!(
            unknown.starts_with("source \"a\" has kind \"fax\", which there is not: it is one of \"bluesky\", \""),
            "{unknown}"
        );
        let missing = error("name = \"a\"\nkind = \"file\"");
        assert_eq!(missing, "source \"a\" (file): missing field `path`");
    }

    #[test]
    fn names_are_unique() {
        let table: toml::Table = toml::from_str("name = \"a\"\nkind = \"file\"\npath = \"x.csv\"").unwrap();
        let error = parse_all(&[table.clone(), table]).unwrap_err();
        assert_eq!(error, ConfigError::Duplicate("a".into()));
    }

    /// serde lists the keys it knows when it meets one that it does not.
    #[test]
    fn the_reference_has_exactly_the_keys_that_are_read() {
        for row in crate::KINDS.iter().filter(|row| row.kind != declarative::KIND) {
            let table = format!("name = \"a\"\nkind = {:?}\nno_such_key = 1", row.kind);
            let message = error(&table);
            assert!(message.contains("unknown field `no_such_key`"), "{message}");
            let (_, listed) = message.split_once("expected one of ").expect("serde lists the keys");
            let read: Vec<&str> = listed.split('`').skip(1).step_by(2).take(row.keys.len() + 1).collect();
            let documented: Vec<&str> = row.keys.iter().map(|key| key.key).collect();
            assert_eq!(read, documented, "{}", row.kind);
            assert!(row.keys.iter().all(|key| !key.doc.is_empty()));
        }
        assert_eq!(reference().len(), kinds().map(|row| row.keys.len() + COMMON_KEYS.len()).sum::<usize>());
    }
}
