//! Out of the store.

use std::{fs, path::Path};

use clickhouse::query::Query;
use jiff::Timestamp;

use super::{
    FileEntry, Manifest, Scope, Told, TransferError,
    error::At,
    files::{Draft, digest, write_whole},
    manifest::ANSWERS,
    tables::{MENTIONS, TABLES, Table},
};
use crate::{Store, StoreError, client::millis, error::Doing};

const DOING: &str = "exporting";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Exporting<'a> {
    /// Made where it is missing.
    pub folder: &'a Path,
    pub scope: Scope,
}

/// What lies in the folder now.
#[derive(Debug, Clone)]
pub struct Exported {
    pub manifest: Manifest,
    /// Files that an earlier run had finished.
    pub kept: u64,
    /// Answers that a copy will be held against; none of a part of a store.
    pub answers: u64,
}

impl Store {
    /// Writes what is stored into a folder. Repeated after a crash, it goes on behind the last file that was finished.
    /// Hours that wait to be rebuilt are rebuilt, for the answers.
    ///
    /// # Errors
    /// A folder that holds a finished export, or the beginning of another.
    pub async fn export(&self, exporting: &Exporting<'_>, told: Told<'_>) -> Result<Exported, TransferError> {
        let Exporting { folder, scope } = exporting;
        fs::create_dir_all(folder).at(folder, "made")?;
        let mut manifest = self.begin_export(folder, scope).await?;
        let mut kept = 0;
        for (table, month) in self.parts(scope).await? {
            let name = file_name(table, month);
            if manifest.finished(folder, &name).is_some() {
                kept += 1;
                continue;
            }
            let file = self.export_file(folder, (table, month), scope, told).await?;
            manifest.add(file);
            manifest.write(folder)?;
            self.step("export-file-written");
        }
        let mut answers = 0;
        if scope.is_all() {
            // A copy has no marks: its figures are those of the mentions, and so must be these.
            let _ = self.rebuild_marked().await?;
            let (text, count) = self.answers_now().await?;
            write_whole(folder, ANSWERS, text.as_bytes())?;
            let (bytes, sha256) = digest(&folder.join(ANSWERS))?;
            let (name, table) = (ANSWERS.to_owned(), String::new());
            manifest.add(FileEntry { name, table, rows: count, bytes, sha256 });
            answers = count;
        }
        manifest.moved = self.newest_of_all().await? != manifest.state;
        manifest.ended_at = Some(Timestamp::now());
        manifest.write(folder)?;
        Ok(Exported { manifest, kept, answers })
    }

    async fn begin_export(&self, folder: &Path, scope: &Scope) -> Result<Manifest, TransferError> {
        let folder = || folder.to_owned();
        match Manifest::read(&folder())? {
            Some(manifest) if manifest.ended_at.is_some() => Err(TransferError::Finished { folder: folder() }),
            Some(manifest) if manifest.scope != *scope || manifest.schema != Self::schema() => {
                Err(TransferError::OtherExport { folder: folder(), was: manifest.scope.to_string() })
            }
            Some(manifest) => Ok(manifest),
            None => {
                let id: String = self.read("SELECT lower(hex(rand64()))").fetch_one().await.doing(DOING)?;
                let mut manifest = Manifest::begin(id, Self::schema(), scope, self.newest_of_all().await?);
                manifest.accounts = self.accounts.to_vec();
                manifest.write(&folder())?;
                Ok(manifest)
            }
        }
    }

    /// Rebuilds what is marked now; what is marked meanwhile is left to the sink.
    pub(super) async fn rebuild_marked(&self) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let hours = self.rebuild_dirty().await?.hours;
            all += hours;
            // One call takes so many at most.
            if hours < self.most_rows.div_ceil(10) {
                return Ok(all);
            }
        }
    }

    /// Differs once anything was written.
    async fn newest_of_all(&self) -> Result<String, StoreError> {
        let sql = "SELECT toString(((SELECT max(version) FROM mentions), (SELECT max(version) FROM labels),
            (SELECT max((written_at, last_offset)) FROM batches), (SELECT count() FROM rescored),
            (SELECT count() FROM expired)))";
        self.read(sql).fetch_one().await.doing("looking for what is newest")
    }

    /// Tables, of mentions by month.
    async fn parts(&self, scope: &Scope) -> Result<Vec<(&'static Table, u32)>, StoreError> {
        let months = bind(self.writer().query_raw(&Table::months(scope)), scope);
        let months: Vec<u32> = months.fetch_all().await.doing(DOING)?;
        let parts = TABLES.iter().flat_map(|table| {
            let of: &[u32] = if table.name == MENTIONS { &months } else { &[0] };
            of.iter().map(move |month| (table, *month))
        });
        Ok(parts.collect())
    }

    async fn export_file(
        &self,
        folder: &Path,
        (table, month): (&Table, u32),
        scope: &Scope,
        told: Told<'_>,
    ) -> Result<FileEntry, TransferError> {
        let name = file_name(table, month);
        let mut draft = Draft::begin(folder, name.clone())?;
        let query = bind(self.writer().query_raw(&table.select(scope)), scope)
            .param("month", month)
            .with_setting("date_time_output_format", "simple")
            .with_setting("output_format_json_quote_64bit_integers", "1")
            .with_setting("output_format_json_quote_denormals", "1")
            .with_setting("output_format_json_escape_forward_slashes", "0");
        let mut rows = query.fetch_bytes("JSONEachRow").doing(DOING)?;
        while let Some(bytes) = rows.next().await.doing(DOING)? {
            let before = draft.rows;
            draft.write(&bytes)?;
            told(&name, draft.rows - before);
        }
        self.step("export-file-drafted");
        draft.finish(folder, table.name)
    }
}

/// `month` is 0 for what is one file.
fn file_name(table: &Table, month: u32) -> String {
    match month {
        0 => format!("{}.ndjson.zst", table.name),
        month => format!("{}-{month}.ndjson.zst", table.name),
    }
}

fn bind(query: Query, scope: &Scope) -> Query {
    query
        .param("brand", scope.brand.as_deref().unwrap_or_default())
        .param("from", scope.from.map_or(0, millis))
        .param("to", scope.to.map_or(0, millis))
}
