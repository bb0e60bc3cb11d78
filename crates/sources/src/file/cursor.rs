use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Cursor;

pub(crate) const VERSION: u16 = 1;

/// How many bytes each of the two hashes covers, at most.
pub(crate) const HASHED: u64 = 1024;

/// A place in a file, with the proof that it is that file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Bytes before the next record.
    pub(crate) offset: u64,
    /// Lines before the next record.
    pub(crate) line: u64,
    /// Hash of the file's first bytes, up to `offset` and 1 KiB.
    pub(crate) head: String,
    /// Hash of the last bytes before `offset`, up to 1 KiB. Logs that begin alike differ here.
    pub(crate) tail: String,
    /// The file's number where the platform gives one, for people: a copy of the file has another and is as good.
    pub(crate) inode: u64,
    /// The newest `created_at` so far that was not in the future.
    pub(crate) newest: Option<Timestamp>,
    /// In the middle of a line that is too long, which was rejected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skipping: bool,
}

impl Position {
    pub(crate) fn start() -> Self {
        let nothing = hash(b"");
        let (head, tail) = (nothing.clone(), nothing);
        Self { offset: 0, line: 0, head, tail, inode: 0, newest: None, skipping: false }
    }

    /// `None` where the cursor is of another version or not of this source.
    pub(crate) fn of(cursor: &Cursor) -> Option<Self> {
        if cursor.version != VERSION {
            return None;
        }
        Position::deserialize(&cursor.value).ok()
    }

    pub(crate) fn cursor(&self) -> Cursor {
        let value = serde_json::to_value(self).unwrap_or_default();
        Cursor { version: VERSION, value }
    }
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}
