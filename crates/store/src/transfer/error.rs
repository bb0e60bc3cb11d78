use std::{
    io,
    path::{Path, PathBuf},
};

use crate::StoreError;

/// What can go wrong between a store and a folder.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} could not be {doing}: {source}", path.display())]
    File { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("{} is no manifest of an export that this program reads: {why}", path.display())]
    Manifest { path: PathBuf, why: String },
    #[error(
        "{} is damaged: {why}; nothing of it was read\n\
         hint: copy the folder again, or export again", path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error("{} holds a finished export\nhint: name another folder", folder.display())]
    Finished { folder: PathBuf },
    #[error(
        "{} holds the beginning of another export, of {was}\n\
         hint: repeat that one with its own options, or name another folder", folder.display()
    )]
    OtherExport { folder: PathBuf, was: String },
    #[error("the export in {} did not end\nhint: repeat `grapevine export` with its options; it goes on", folder.display())]
    Unfinished { folder: PathBuf },
    #[error("the export was made with schema {theirs}, this program knows {ours}: upgrade it")]
    NewerSchema { theirs: String, ours: &'static str },
    #[error(
        "the store is not empty: {table} has rows\n\
         hint: import into a database of its own, or say --beside, which adds to what is there and compares no figures"
    )]
    NotEmpty { table: &'static str },
    #[error(
        "{table}.{column} is of type {of_type}, which no Parquet file of this program holds\n\
         hint: export with --format ndjson, or upgrade this program"
    )]
    Column { table: String, column: String, of_type: String },
    #[error(
        "{} is no file of {table}: {why}; nothing of it was read\n\
         hint: export again, or give the file the columns that `grapevine export` gives it", path.display()
    )]
    Unfit { path: PathBuf, table: String, why: String },
    #[error(
        "{}, row {number}: {why}; the rows before it may be stored, and the import goes on at this file when it is repeated\n\
         hint: copy the folder again, or export again", path.display()
    )]
    Row { path: PathBuf, number: u64, why: String },
    #[error("a label could not be kept: {0}")]
    Labels(String),
}

pub(super) trait At<T> {
    fn at(self, path: &Path, doing: &'static str) -> Result<T, TransferError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path, doing: &'static str) -> Result<T, TransferError> {
        self.map_err(|source| TransferError::File { path: path.to_owned(), doing, source })
    }
}
