//! Everything that can not be computed again, from store to store, as a folder of files.
//!
//! | file | holds |
//! |---|---|
//! | `mentions-202603.ndjson.zst` | the mentions that were created in a month, in every version, deletions too |
//! | `TABLE.ndjson.zst` | a table of `tables::TABLES`, with the newest version of each row (`labels`: every version) |
//! | `answers.ndjson` | every metric, whole, for a few spans of each brand: what a copy has to answer as well |
//! | `manifest.json` | each file that is finished, with its rows, bytes and hash; the schema; whether the export ended |
//!
//! Of Parquet, each table, and each month of mentions, is as many files as keep each within bounds: `mentions-202603-00001.parquet`.
//!
//! The engine writes the rows, as lines (`JSONEachRow`) piece by piece: memory does not grow with what is stored. The embedded
//! engine gives a Parquet file only as a whole, in memory. So where the next file ends is looked up first, by the sizes of rows
//! in the order of the table's key; a file holds what lies between two keys, and the manifest names the second, where the
//! next begins. Both kinds are read here as lines: who is kept out, labels and the engine see no difference.
//!
//! **Interrupted at any point, each side goes on when it is repeated.** A file becomes one under its name when it is whole and on
//! disk; the manifest names it after that. The other side keeps in its table `imported` which files it has read. A file that
//! was read in part is read again: its pieces have tokens, and equal rows fold in every table.
//!
//! **Figures follow.** Rollups are not in an export. A row of mentions comes without its epoch, thus under epoch 0; when all of a file
//! can be seen, its hours are marked, and any rebuild that saw the mark has a higher epoch: see the proof in `rollup`. Labels come
//! before the mentions, through the log ([`crate::Store::import`] hands them out first), and so count as soon as their mention comes.

mod answers;
mod columns;
mod error;
mod export;
mod files;
mod import;
mod lines;
mod manifest;
mod parquet;
mod tables;

pub use answers::{Comparison, Outcome};
pub use error::TransferError;
pub(crate) use export::MOST_OF_A_FILE;
pub use export::{Exported, Exporting};
pub use import::{Imported, Importing};
pub use manifest::{FileEntry, Manifest, Rows, Scope};

/// Told of progress: the file, and the rows that were written or read since the last call.
pub type Told<'a> = &'a dyn Fn(&str, u64);
