//! Everything that can not be computed again, from store to store, as a folder of files.
//!
//! | file | holds |
//! |---|---|
//! | `mentions-202603.ndjson.zst` | the mentions that were created in a month, in every version, deletions too |
//! | `TABLE.ndjson.zst` | a table of `tables::TABLES`, with the newest version of each row (`labels`: every version) |
//! | `answers.ndjson` | every metric, whole, for a few spans of each brand: what a copy has to answer as well |
//! | `manifest.json` | each file that is finished, with its rows, bytes and hash; the schema; whether the export ended |
//!
//! The engine writes and reads the rows (`JSONEachRow`), piece by piece: memory does not grow with what is stored. Parquet is
//! not offered, for the embedded engine gives and takes a file of it only as a whole, in memory.
//!
//! **Interrupted at any point, each side goes on when it is repeated.** A file becomes one under its name when it is whole and on
//! disk; the manifest names it after that. The other side keeps in its table `imported` which files it has read. A file that
//! was read in part is read again: its pieces have tokens, and equal rows fold in every table.
//!
//! **Figures follow.** Rollups are not in an export. A row of mentions comes without its epoch, thus under epoch 0; when all of a file
//! can be seen, its hours are marked, and any rebuild that saw the mark has a higher epoch: see the proof in `rollup`. Labels come
//! before the mentions, through the log ([`crate::Store::import`] hands them out first), and so count as soon as their mention comes.

mod answers;
mod error;
mod export;
mod files;
mod import;
mod lines;
mod manifest;
mod tables;

pub use answers::{Comparison, Outcome};
pub use error::TransferError;
pub use export::{Exported, Exporting};
pub use import::{Imported, Importing};
pub use manifest::{FileEntry, Manifest, Scope};

/// Told of progress: the file, and the rows that were written or read since the last call.
pub type Told<'a> = &'a dyn Fn(&str, u64);
