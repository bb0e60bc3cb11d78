//! Posts from a file: NDJSON or CSV, read once or followed while it grows, or Parquet; or [rows](crate::rows) of an
//! export.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a line cannot be read or mapped | rejects it with its place, goes on |
//! | a line is longer than 4 MiB | rejects its beginning, skips to the next line |
//! | the last line has no line end | waits for the rest in follow mode, else takes it as it is |
//! | the file was renamed and a new one stands in its place | reads the old one to its end, then the new one from its start |
//! | the file was cut, replaced or changed before the cursor | says so in a [`Gap`](grapevine_model::Gap), begins at its start |
//! | the process ended between two pages | reads on at the saved cursor, which proves its place by two hashes |
//! | the file is compressed (gzip, zstd) or UTF-16 | reads what it says; it can not be followed |
//! | an export begins with lines about itself | finds the header by the columns that rows need |
//!
//! Memory is bounded by the page (500 lines or 1 MiB, or one line of up to 4 MiB), whatever the file's size.
//!
//! `complete_through` rests on the order of the file: it trails the newest `created_at` by `lateness_seconds`, and the
//! clock once a followed file is read to its end. With `ordered = false` nothing is promised before that end. Posts from
//! the future do not count.

mod bytes;
mod cursor;
mod fields;
mod lines;
mod map;
mod page;
mod parquet;
mod record;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod tail;
pub(crate) mod time;
mod utf16;

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use grapevine_model::Event;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;

use self::{fields::FieldMap, page::Reader, record::Format};
use crate::{
    Cursor, Page, Progress, Source, SourceError, World,
    registry::{Arrival, Capabilities, ConfigError, HoldsBack, KeyDoc, Place, Settings, SourceSpec, KindRow, parse_settings},
    rows::{RowMap, RowSettings},
};

pub const KIND: &str = "file";
pub const DOC: &str = "Posts from an NDJSON, CSV or Parquet file, read once or followed while it grows; campaigns, \
                       survey responses and counts of followers from the exports of their platforms.";

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "path",
        value_type: "string",
        default: "",
        doc: "The file. A relative path starts at the working directory.",
    },
    KeyDoc {
        key: "format",
        value_type: "string",
        default: "by the extension",
        doc: "`ndjson` (one JSON object a line), `csv` (with a header) or `parquet`. Known from .ndjson, .jsonl, .json, \
              .csv, .tsv, .parquet, also before .gz and .zst: what is compressed, or UTF-16, is seen.",
    },
    KeyDoc {
        key: "delimiter",
        value_type: "string",
        default: "\",\", for .tsv \"\\t\"",
        doc: "What separates CSV fields: one ASCII character. Of an export, comma, tab or semicolon are tried.",
    },
    KeyDoc {
        key: "follow",
        value_type: "boolean",
        default: "false",
        doc: "Wait for lines that are appended, instead of ending at the end.",
    },
    KeyDoc {
        key: "ordered",
        value_type: "boolean",
        default: "true",
        doc: "The lines stand in the order of their created_at. With false, no span counts as complete before the file is \
              read to its end for the first time.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "60",
        doc: "How much older than a line before it a line may be in an ordered file, and how late it may be appended.",
    },
    KeyDoc {
        key: "keep_raw",
        value_type: "boolean",
        default: "false",
        doc: "Keep each line as it came beside its mention.",
    },
    KeyDoc {
        key: "fields",
        value_type: "table",
        default: "{}",
        doc: "Field of a mention = place in the record: a key or column, dots for keys within (user.name), \"=value\" for \
              a constant, \"=\" for none. Fields that are not named stand under their own name. Needed: id, created_at, \
              text, and author or author_id. Also: platform (\"file\" if absent), instance, author_name, followers, \
              is_team, is_bot, kind, space, url, language, media, parent, root, parent_author, likes, reposts, replies, quotes, \
              bookmarks, impressions, stars; hashtags, handles and links, which are otherwise read from the text.",
    },
    KeyDoc { key: "rows", value_type: "table", default: "none", doc: crate::rows::DOC },
];

/// How often a followed file is looked at while a poll waits, and for how long one poll waits.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);
const LOOKS: usize = 5;

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Polled,
        backfill: "the whole file",
        edits: "a line that gives the same id again", deletions: Capabilities::NEVER,
        engagement: "a line that gives the same id again",
        cost: Capabilities::FREE,
    },
    terms: "",
    parse: parse_settings::<FileSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSettings {
    path: PathBuf,
    format: Option<FormatName>,
    delimiter: Option<String>,
    #[serde(default)]
    follow: bool,
    #[serde(default = "yes")]
    ordered: bool,
    #[serde(default = "one_minute")]
    lateness_seconds: u32,
    #[serde(default)]
    keep_raw: bool,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    rows: Option<RowSettings>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Ndjson,
    Csv,
    Parquet,
}

fn yes() -> bool {
    true
}

fn one_minute() -> u32 {
    60
}

impl Settings for FileSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let format = self.format(place)?;
        let fields = FieldMap::new(&self.fields, place)?;
        let rows = self.rows.map(|rows| rows.map(place)).transpose()?;
        if rows.is_some() && !self.fields.is_empty() {
            return Err(place.value_error("fields", "is for mentions: name the columns under rows.columns"));
        }
        if format == Format::Parquet && self.follow {
            return Err(place.value_error("follow", "is for files of lines: a Parquet file does not grow"));
        }
        Ok(Box::new(FileSpec {
            name: place.source_name.to_owned(),
            path: self.path,
            format,
            delimiter_is_given: self.delimiter.is_some(),
            follow: self.follow,
            ordered: self.ordered,
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            keep_raw: self.keep_raw,
            fields,
            rows,
        }))
    }
}

impl FileSettings {
    fn format(&self, place: Place<'_>) -> Result<Format, ConfigError> {
        let path = self.path.to_string_lossy().to_ascii_lowercase();
        let path = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(&path);
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_owned();
        let name = match (self.format, extension.as_str()) {
            (Some(name), _) => name,
            (None, "ndjson" | "jsonl" | "json") => FormatName::Ndjson,
            (None, "csv" | "tsv") => FormatName::Csv,
            (None, "parquet" | "pq") => FormatName::Parquet,
            (None, _) => {
                let message = format!("is missing, and {:?} does not tell it: write \"ndjson\", \"csv\" or \"parquet\"", self.path);
                return Err(place.value_error("format", message));
            }
        };
        match (name, self.delimiter.as_deref(), self.delimiter.as_deref().map(str::as_bytes)) {
            (FormatName::Ndjson, None, _) => Ok(Format::Ndjson),
            (FormatName::Parquet, None, _) => Ok(Format::Parquet),
            (FormatName::Ndjson | FormatName::Parquet, Some(_), _) => Err(place.value_error("delimiter", "is for CSV only: remove it")),
            (FormatName::Csv, None, _) => Ok(Format::Csv { delimiter: if extension == "tsv" { b'\t' } else { b',' } }),
            (FormatName::Csv, _, Some(&[delimiter])) if !matches!(delimiter, b'"' | b'\n' | b'\r') => {
                Ok(Format::Csv { delimiter })
            }
            _ => Err(place.value_error("delimiter", "is not one ASCII character, such as \",\", \";\" or \"\\t\"")),
        }
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct FileSpec {
    name: String,
    path: PathBuf,
    format: Format,
    /// In the configuration, not by the extension.
    delimiter_is_given: bool,
    follow: bool,
    ordered: bool,
    lateness: SignedDuration,
    keep_raw: bool,
    fields: FieldMap,
    /// The records are no mentions.
    rows: Option<RowMap>,
}

impl FileSpec {
    fn failure(&self, error: &io::Error) -> SourceError {
        let message = format!("cannot read {}: {error}: check `path` of source {:?}", self.path.display(), self.name);
        match error.kind() {
            io::ErrorKind::NotFound if self.follow => SourceError::Transient(message),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => SourceError::Config(message),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => SourceError::Config(message),
            _ => SourceError::Transient(message),
        }
    }

    fn wrong_header(&self, message: &str) -> SourceError {
        SourceError::Config(format!("the header of {}: {message}", self.path.display()))
    }

    fn file_name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

impl SourceSpec for FileSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    /// Nobody but its reader makes it lag: a replay of old posts gives the alerts that live reading would have given.
    fn holds_back(&self) -> HoldsBack {
        HoldsBack::Always
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        let reader = Reader::new(self.clone(), world.clock.clone());
        Box::new(FileSource { clock: world.clock.clone(), reader: Arc::new(Mutex::new(reader)), follow: self.follow })
    }
}

struct FileSource {
    clock: Arc<dyn crate::Clock>,
    reader: Arc<Mutex<Reader>>,
    follow: bool,
}

impl FileSource {
    /// Files block, so they are read on a thread that may. What a page depends on is in the cursor: a page that nobody
    /// waits for any more is read again.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let reader = self.reader.clone();
        tokio::task::spawn_blocking(move || work(&mut reader.lock()))
            .await
            .map_err(|error| SourceError::Transient(format!("reading was interrupted: {error}")))?
    }
}

#[async_trait]
impl Source for FileSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.blocking(Reader::check).await
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut looks = 0;
        loop {
            let cursor = cursor.cloned();
            let page = self.blocking(move |reader| reader.page(cursor.as_ref())).await?;
            let is_idle = page.state == Progress::CaughtUp && page.events.is_empty() && page.rejected.is_empty();
            if !is_idle || !self.follow || looks == LOOKS {
                return Ok(page);
            }
            looks += 1;
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    fn notice(&self) -> Option<String> {
        self.reader.lock().notice()
    }

    /// Of a CSV file the header is read; nothing else is.
    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        self.reader.lock().remap(raw, observed_at)
    }
}
