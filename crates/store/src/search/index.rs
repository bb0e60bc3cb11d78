//! The text index: optional, for it costs disk and time at every insert, and changes no answer.

use std::fmt;

use crate::{Store, StoreError, error::Doing};

/// Over the text in lower case: in it, a piece of a word is looked for among the index's words, and no text is read.
const ADD: &str = "ALTER TABLE mentions ADD INDEX IF NOT EXISTS by_text lowerUTF8(text) \
    TYPE text(tokenizer = splitByNonAlpha)";
/// Parts that are there already get it too; those that are written get it as they are written.
const FILL: &str = "ALTER TABLE mentions MATERIALIZE INDEX by_text";
const DROP: &str = "ALTER TABLE mentions DROP INDEX IF EXISTS by_text";

/// Whether there is a text index, and what it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct TextIndex {
    pub on: bool,
    /// On disk.
    pub bytes: u64,
    /// Of the whole table on disk, the index included.
    pub table_bytes: u64,
}

impl fmt::Display for TextIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.on { "on" } else { "off" })
    }
}

impl Store {
    pub(super) async fn has_text_index(&self) -> Result<bool, StoreError> {
        let sql = "SELECT count() FROM system.data_skipping_indices \
            WHERE database = currentDatabase() AND table = 'mentions' AND name = 'by_text'";
        match self.read(sql).fetch_one::<u64>().await.doing("asking for the text index") {
            Ok(indices) => Ok(indices > 0),
            // A reader that may not see the system's tables searches without it: slower, with the same answers.
            Err(error) if error.is_refusal() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Needs a user that may read the system's tables.
    pub async fn text_index(&self) -> Result<TextIndex, StoreError> {
        let on = self.has_text_index().await?;
        let sql = "SELECT sum(bytes_on_disk), \
            ifNull((SELECT sum(data_compressed_bytes) FROM system.data_skipping_indices \
                WHERE database = currentDatabase() AND table = 'mentions' AND name = 'by_text'), 0) \
            FROM system.parts WHERE database = currentDatabase() AND table = 'mentions' AND active";
        let (table_bytes, bytes): (u64, u64) = self.read(sql).fetch_one().await.doing("measuring the text index")?;
        Ok(TextIndex { on, bytes, table_bytes })
    }

    /// Adds the index and fills it, or drops it. Searches go on meanwhile, with the same answers.
    pub async fn set_text_index(&self, on: bool) -> Result<(), StoreError> {
        let statements: &[&str] = if on { &[ADD, FILL] } else { &[DROP] };
        for statement in statements {
            self.writer().query(statement).execute().await.doing("changing the text index")?;
        }
        Ok(())
    }
}
