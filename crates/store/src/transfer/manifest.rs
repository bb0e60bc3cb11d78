//! What a folder holds.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    TransferError,
    error::At,
    files::{digest, write_whole},
};

const FILE: &str = "manifest.json";
pub(super) const ANSWERS: &str = "answers.ndjson";
/// The first of files of lines, the second of Parquet files: an earlier program refuses those.
const FORMATS: [u16; 2] = [1, 2];

/// Which part of a store: all of it where nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Inclusive; of the time at which a mention was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl Scope {
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brand = self.brand.as_deref().unwrap_or("every brand");
        let end = |time: Option<Timestamp>, open: &str| time.map_or(open.to_owned(), |time| time.to_string());
        write!(f, "{brand} from {} to {}", end(self.from, "the oldest"), end(self.to, "the newest"))
    }
}

/// What files of rows are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Lines of JSON, compressed with zstd: one file a table, of mentions one a month.
    #[default]
    Ndjson,
    /// As many files as keep each of them within bounds.
    Parquet,
}

impl Rows {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: String,
    pub table: String,
    pub rows: u64,
    /// As it lies there, compressed.
    pub bytes: u64,
    pub sha256: String,
    /// The key of its last row, where another file goes on behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file.
    pub format: u16,
    /// Of this export.
    pub id: String,
    /// The last migration of the store.
    pub schema: String,
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "Rows::is_default")]
    pub rows: Rows,
    /// Brands and accounts that figures of followers were answered with.
    pub accounts: Vec<(String, String)>,
    pub began_at: Timestamp,
    /// What the newest of everything was when it began.
    pub state: String,
    pub files: Vec<FileEntry>,
    /// Something was written to the store meanwhile: files and answers may be of different moments.
    pub moved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Manifest {
    pub(super) fn begin(id: String, schema: &str, (scope, rows): (&Scope, Rows), state: String) -> Self {
        Self {
            format: FORMATS[usize::from(rows == Rows::Parquet)],
            id,
            schema: schema.to_owned(),
            scope: scope.clone(),
            rows,
            accounts: vec![],
            began_at: Timestamp::now(),
            state,
            files: vec![],
            moved: false,
            ended_at: None,
        }
    }

    /// `None` where the folder has none.
    ///
    /// # Errors
    /// One that can not be read, or is of a newer program.
    pub fn read(folder: &Path) -> Result<Option<Self>, TransferError> {
        let path = folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at(&path, "read")?,
        };
        let refused = |why: String| TransferError::Manifest { path: path.clone(), why };
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        if !FORMATS.contains(&manifest.format) {
            return Err(refused(format!("its format is {}, this program reads {FORMATS:?}", manifest.format)));
        }
        // A name leads nowhere but into the folder.
        match manifest.files.iter().find(|file| file.name.contains(['/', '\\']) || file.name.starts_with('.')) {
            Some(file) => Err(refused(format!("{:?} is no name of a file in it", file.name))),
            None => Ok(Some(manifest)),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), TransferError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TransferError::Manifest { path: folder.join(FILE), why: error.to_string() })?;
        write_whole(folder, FILE, &text)
    }

    /// The file of this name, where it is whole still.
    pub(super) fn finished(&self, folder: &Path, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name).filter(|file| file.check(folder).is_ok())
    }

    /// Names of files of the same row of files that were finished behind this one: with it they are begun anew.
    pub(super) fn drop_behind(&mut self, stem: &str, name: &str) -> Vec<String> {
        let is_behind = |file: &FileEntry| {
            file.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')) && file.name.as_str() > name
        };
        let (behind, rest) = std::mem::take(&mut self.files).into_iter().partition(is_behind);
        self.files = rest;
        behind.into_iter().map(|file: FileEntry| file.name).collect()
    }

    pub(super) fn add(&mut self, file: FileEntry) {
        self.files.retain(|known| known.name != file.name);
        self.files.push(file);
    }
}

impl FileEntry {
    /// Held against what lies there.
    pub(super) fn check(&self, folder: &Path) -> Result<(), TransferError> {
        let path = folder.join(&self.name);
        let (bytes, sha256) = digest(&path)?;
        if (bytes, &sha256) == (self.bytes, &self.sha256) {
            return Ok(());
        }
        let why =
            format!("the manifest has {} bytes of hash {}, there are {bytes} of {sha256}", self.bytes, self.sha256);
        Err(TransferError::Damaged { path, why })
    }
}
