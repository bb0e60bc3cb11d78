//! Platforms that are described, not programmed.
//!
//! A definition is a TOML file: what it asks for in settings, how requests look, where the next page is, and where each
//! field of a mention stands in a record. Those that are part of the program are kinds of their own
//! (`kind = "discourse"`); `kind = "declarative"` reads one from a file.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a record can not be mapped | rejects it with its place, goes on |
//! | a post comes late, is edited, gets likes | reads the look-back again: gives what changed, and only that |
//! | a page's token comes again | the run ends |
//! | the platform does not know a page's token any more | reads the listing anew from its mark |
//! | the platform goes back fewer pages than are missing | says so in a [`Gap`](grapevine_model::Gap) |
//! | one listing is limited, fails, or is gone | reads the others meanwhile, says so, asks it again later |
//! | a record of a listing is new, or has grown | the listing that is read for each of them gets its turn |
//! | a post reaches an age to be read again | asks for it by its id: gives what changed, or that it is gone |
//! | more than ten posts in a row are said to be gone | does not believe it |
//! | a listing that may be empty by mistake is empty | learns nothing from it; in the middle of a run it gives a gap |
//! | the process ended between two pages | reads on at the page that was next |
//!
//! A cursor holds a mark for each partition, which moves only when a run has ended.

mod auth;
mod body;
mod check;
mod condition;
mod definition;
mod error;
mod expression;
mod map;
mod nested;
mod paging;
mod part;
mod partition;
mod path;
mod reading;
mod recent;
mod request;
mod settings;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shapes;
mod shipped;
mod sketch;
mod source;
mod state;
mod take;
mod template;
mod test;
mod trial;
mod turns;

use std::{collections::HashSet, fmt, path::PathBuf, sync::Arc};

pub(crate) use self::{
    condition::Condition,
    error::{Under, Wrong},
    expression::Scope,
    map::{FieldMap, Gives, Mapped, Origin},
    test::{compare, fields},
};
pub use self::{
    definition::Definition,
    error::DefinitionError,
    settings::{Setting, SettingType},
    shipped::{TEXTS, rows},
    sketch::{Answer as SampleAnswer, Sketch, sketch},
    test::{Report, TestResult, test},
    trial::Sample,
};
use self::{settings::Values, source::DeclarativeSource};
use crate::{
    Source, World,
    http::QuotaPolicy,
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, SourceSpec},
};

pub const KIND: &str = "declarative";

/// The row for definitions that users write.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: "A platform that a TOML file describes.",
    keys: &[KeyDoc {
        key: "definition",
        value_type: "string",
        default: "",
        doc: "The file. A relative path starts at the folder of the configuration. Its settings are keys of the same table.",
    }],
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "as the definition says",
        edits: "as the definition says",
        deletions: "as the definition says",
        engagement: "as the definition says",
        cost: "as the definition says",
    },
    terms: "",
    parse: parse_file,
};

/// The checked settings.
pub(crate) struct DeclarativeSpec {
    name: String,
    kind: &'static str,
    definition: Arc<Definition>,
    values: Values,
}

impl fmt::Debug for DeclarativeSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}) {:?}", self.name, self.definition.name, self.values)
    }
}

fn parse_shipped(place: Place<'_>, table: toml::Table) -> Result<Box<dyn SourceSpec>, ConfigError> {
    let definition = shipped::find(place.kind)
        .ok_or_else(|| place.value_error("kind", "names no definition that is part of the program"))?;
    spec(place, definition, table)
}

fn parse_file(place: Place<'_>, mut table: toml::Table) -> Result<Box<dyn SourceSpec>, ConfigError> {
    let file = match table.remove("definition") {
        Some(toml::Value::String(file)) => PathBuf::from(file),
        _ => return Err(place.value_error("definition", "is missing: name the TOML file that describes the platform")),
    };
    let wrong = |message: String| place.value_error("definition", message);
    let text = std::fs::read_to_string(&file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    let definition = Definition::parse(&text).map_err(|error| wrong(format!("{} {error}", file.display())))?;
    spec(place, Arc::new(definition), table)
}

fn spec(place: Place<'_>, definition: Arc<Definition>, table: toml::Table) -> Result<Box<dyn SourceSpec>, ConfigError> {
    let values = Values::read(&definition.settings, table).map_err(|(key, message)| place.value_error(key, message))?;
    let spec = DeclarativeSpec { name: place.source_name.to_owned(), kind: place.kind, definition, values };
    if partition::partitions(&spec.definition, &spec.values).is_empty() {
        let lists = spec.definition.listings.iter().flat_map(|listing| listing.each.values()).map(String::as_str);
        let mut seen = HashSet::new();
        let lists: Vec<&str> = lists.filter(|list| seen.insert(*list)).collect();
        return Err(place.value_error(lists.join("`, `"), "are all empty: name what is to be read in one of them"));
    }
    Ok(Box::new(Arc::new(spec)))
}

impl SourceSpec for Arc<DeclarativeSpec> {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn terms(&self) -> &str {
        &self.definition.terms
    }

    fn quota(&self) -> QuotaPolicy {
        self.definition.quota.clone()
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(DeclarativeSource::new(self.clone(), world.clone()))
    }
}
