//! Into a store.

use std::{collections::BTreeMap, path::Path};

use clickhouse::{Row, insert_formatted::InsertFormatted};
use grapevine_model::{LabelRecord, forgotten::Suppressions};
use serde::Deserialize;

use super::{
    Comparison, FileEntry, Manifest, Rows, Told, TransferError,
    files::Lines,
    lines::{self, Kept},
    manifest::ANSWERS,
    parquet,
    tables::{EPOCH, EXPIRED, LABELS, MENTIONS, TABLES},
};
use crate::{Store, StoreError, error::Doing};

const DOING: &str = "importing";
/// Rows of one insert, and bytes: the engine holds about so much.
const PIECE: (u64, u64) = (100_000, 128 << 20);
/// Bytes that are sent at once.
const SENT: usize = 256 << 10;
/// Labels that are appended together.
const TOGETHER: usize = 10_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Importing<'a> {
    pub folder: &'a Path,
    /// Also where there is something already: then figures are not compared.
    pub beside: bool,
    /// Rows that these name stay out.
    pub suppressions: &'a Suppressions,
}

/// What became of a folder.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    pub id: String,
    /// Rows that were read now, by table.
    pub rows: BTreeMap<String, u64>,
    /// Files that an earlier run had read.
    pub kept: u64,
    /// Rows of what is to stay forgotten.
    pub refused: u64,
    /// Of the store's hours, those that were computed anew.
    pub hours: u64,
    pub compared: Vec<Comparison>,
    /// Why nothing was compared.
    pub not_compared: Option<String>,
    /// The exported store was written to while it was exported.
    pub moved: bool,
}

#[derive(Row, Deserialize)]
struct Done {
    file: String,
    sha256: String,
}

impl Store {
    /// Reads a folder that [`Store::export`] wrote, and asks again what it answered. Labels are handed to `labels`, which
    /// returns once the log has them; here they are applied after that. Repeated after a crash, it goes on behind
    /// the last file that was read.
    ///
    /// # Errors
    /// An export that did not end or is damaged (before anything is read), a store that is not empty.
    pub async fn import(
        &self,
        importing: &Importing<'_>,
        labels: impl AsyncFn(&[LabelRecord]) -> Result<(), String>,
        told: Told<'_>,
    ) -> Result<Imported, TransferError> {
        let Importing { folder, .. } = *importing;
        let manifest = whole(folder)?;
        // All of them can be read, before any of them is.
        for file in in_order(&manifest) {
            let _ = self.lines(&folder.join(&file.name), (&manifest, file)).await?;
        }
        let done = self.files_done(&manifest.id).await?;
        let beside = match done.get("") {
            Some(began) => began == "beside",
            None => self.begin_import(&manifest.id, importing.beside).await?,
        };
        let mut imported = Imported { id: manifest.id.clone(), moved: manifest.moved, ..Imported::default() };
        for file in in_order(&manifest) {
            if done.get(&file.name) == Some(&file.sha256) {
                imported.kept += 1;
                continue;
            }
            let refused = self.read_in(importing, (&manifest, file), &labels, told).await?;
            *imported.rows.entry(file.table.clone()).or_default() += file.rows - refused;
            imported.refused += refused;
        }
        tokio::try_join!(self.place_engagement(), self.list_all_labelled())?;
        imported.hours = self.rebuild_marked().await?;
        imported.not_compared = reason_not_to_compare(&manifest, beside, imported.refused, importing.suppressions);
        if imported.not_compared.is_none() {
            imported.compared = self.compare_answers(folder, &manifest.accounts).await?;
        }
        Ok(imported)
    }

    /// One file, whose hours are marked before it is noted as read. How many rows were refused.
    async fn read_in(
        &self,
        importing: &Importing<'_>,
        (manifest, file): (&Manifest, &FileEntry),
        labels: &impl AsyncFn(&[LabelRecord]) -> Result<(), String>,
        told: Told<'_>,
    ) -> Result<u64, TransferError> {
        let (path, suppressions) = (importing.folder.join(&file.name), importing.suppressions);
        let (export, lines) = (&manifest.id, self.lines(&path, (manifest, file)).await?);
        let refused = match file.table.as_str() {
            LABELS => self.import_labels((&path, lines), suppressions, labels).await?,
            _ => self.import_rows((&path, lines), (export, file), suppressions, told).await?,
        };
        if file.table == MENTIONS {
            self.mark_all(&file.name).await?;
        }
        if EXPIRED.contains(&file.table.as_str()) {
            self.mark_expired().await?;
        }
        self.note(export, &file.name, (&file.sha256, file.rows)).await?;
        self.step("import-file-read");
        Ok(refused)
    }

    async fn lines(&self, path: &Path, (manifest, file): (&Manifest, &FileEntry)) -> Result<Lines, TransferError> {
        match manifest.rows {
            Rows::Ndjson => Lines::ndjson(path),
            Rows::Parquet => {
                let mut columns = self.columns(&file.table).await?;
                columns.retain(|column| file.table != MENTIONS || column.name != EPOCH);
                let is_older = manifest.schema.as_str() < Self::schema();
                let rows = parquet::Rows::open(path, (&file.table, &columns), is_older)?;
                Ok(Lines::Parquet(Box::new(rows)))
            }
        }
    }

    async fn files_done(&self, export: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = "SELECT file, sha256 FROM imported FINAL WHERE export = {export:String}";
        let done: Vec<Done> = self.read(sql).param("export", export).fetch_all().await.doing(DOING)?;
        Ok(done.into_iter().map(|row| (row.file, row.sha256)).collect())
    }

    /// Whether there was something before.
    async fn begin_import(&self, export: &str, beside: bool) -> Result<bool, TransferError> {
        let mut first = None;
        for table in TABLES.iter().filter(|table| table.content) {
            let sql = format!("SELECT toUInt8(1) FROM {} LIMIT 1", table.name);
            let any: Option<u8> = self.read(&sql).fetch_optional().await.doing("looking whether the store is empty")?;
            first = first.or(any.map(|_| table.name));
        }
        match first {
            Some(table) if !beside => return Err(TransferError::NotEmpty { table }),
            _ => self.note(export, "", (if first.is_some() { "beside" } else { "empty" }, 0)).await?,
        }
        Ok(first.is_some())
    }

    async fn note(&self, export: &str, file: &str, (sha256, rows): (&str, u64)) -> Result<(), StoreError> {
        let sql = "INSERT INTO imported (export, file, sha256, rows)
            SELECT {export:String}, {file:String}, {sha256:String}, {rows:UInt64}";
        let note = self.writer().query_raw(sql).param("export", export).param("file", file);
        note.param("sha256", sha256).param("rows", rows).execute().await.doing(DOING)
    }

    /// Marks the hours of a file of mentions, once all of it can be seen.
    async fn mark_all(&self, file: &str) -> Result<(), StoreError> {
        let month: String = file.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let sql = "INSERT INTO rollup_hours (brand, hour, marks)
            SELECT brand, toStartOfHour(created_at) AS hour, 1 FROM mentions
            WHERE toYYYYMM(created_at) = {month:UInt32} GROUP BY brand, hour";
        self.writer().query_raw(sql).param("month", month).execute().await.doing("marking hours to be rebuilt")
    }

    /// Marks the hours whose mentions are gone, as [`Self::mark_all`]; only with the last of the files they are right.
    async fn mark_expired(&self) -> Result<(), StoreError> {
        let sql = "INSERT INTO rollup_hours (brand, hour, marks)
            SELECT brand, toStartOfHour(bucket) AS hour, 1 FROM expired_counts GROUP BY brand, hour";
        self.writer().query_raw(sql).execute().await.doing("marking hours to be rebuilt")
    }

    /// How many rows were refused.
    async fn import_rows(
        &self,
        (path, mut lines): (&Path, Lines),
        (export, file): (&str, &FileEntry),
        suppressions: &Suppressions,
        told: Told<'_>,
    ) -> Result<u64, TransferError> {
        let (mut line, mut pieces, mut refused) = (vec![], 0, 0);
        let begin = |number: u64| Piece::begin(self, &file.table, &format!("import:{export}:{}:{number}", file.sha256));
        let mut piece = begin(0);
        loop {
            let is_end = !lines.next(&mut line)?;
            if is_end || piece.rows >= PIECE.0 || piece.bytes >= PIECE.1 {
                pieces += 1;
                let read = std::mem::replace(&mut piece, begin(pieces));
                told(&file.name, read.rows);
                read.end().await?;
                self.step("import-piece-read");
            }
            if is_end {
                return Ok(refused);
            }
            let damaged =
                |error: serde_json::Error| TransferError::Damaged { path: path.into(), why: error.to_string() };
            match lines::judge(suppressions, &file.table, &line).map_err(damaged)? {
                Kept::AsItIs => piece.add(&line).await?,
                Kept::Cleared(line) => piece.add(&line).await?,
                Kept::Not => refused += 1,
            }
        }
    }

    async fn import_labels(
        &self,
        (path, mut lines): (&Path, Lines),
        suppressions: &Suppressions,
        labels: &impl AsyncFn(&[LabelRecord]) -> Result<(), String>,
    ) -> Result<u64, TransferError> {
        let (mut records, mut refused, mut line) = (vec![], 0, vec![]);
        while lines.next(&mut line)? {
            let record = lines::label(&line).map_err(|why| TransferError::Damaged { path: path.to_owned(), why })?;
            match suppressions.has_mention(record.key().mention) {
                true => refused += 1,
                false => records.push(record),
            }
            if records.len() == TOGETHER {
                self.give(&std::mem::take(&mut records), labels).await?;
            }
        }
        self.give(&records, labels).await?;
        Ok(refused)
    }

    async fn give(
        &self,
        records: &[LabelRecord],
        labels: &impl AsyncFn(&[LabelRecord]) -> Result<(), String>,
    ) -> Result<(), TransferError> {
        if records.is_empty() {
            return Ok(());
        }
        labels(records).await.map_err(TransferError::Labels)?;
        let _ = self.apply_labels(records).await?;
        Ok(())
    }
}

/// One insert.
struct Piece {
    insert: InsertFormatted,
    buffer: Vec<u8>,
    rows: u64,
    bytes: u64,
}

impl Piece {
    /// Nothing is sent before there is a row.
    fn begin(store: &Store, table: &str, token: &str) -> Self {
        let insert = store
            .writer()
            .insert_formatted_with(format!("INSERT INTO {table} FORMAT JSONEachRow"))
            .with_setting("insert_deduplication_token", token)
            // Times in the files are in UTC, as the columns are; a column that is not known here is an error.
            .with_setting("input_format_skip_unknown_fields", "0")
            // The same bytes become the same blocks.
            .with_setting("input_format_parallel_parsing", "0")
            .with_setting("max_insert_threads", "1");
        Self { insert, buffer: Vec::with_capacity(SENT), rows: 0, bytes: 0 }
    }

    async fn add(&mut self, line: &[u8]) -> Result<(), StoreError> {
        self.rows += 1;
        self.bytes += line.len() as u64;
        self.buffer.extend_from_slice(line);
        if self.buffer.len() >= SENT { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(SENT));
        self.insert.send(bytes.into()).await.doing(DOING)
    }

    async fn end(mut self) -> Result<(), StoreError> {
        if self.rows == 0 {
            return Ok(());
        }
        if !self.buffer.is_empty() {
            self.send().await?;
        }
        self.insert.end().await.doing(DOING)
    }
}

/// The manifest of a folder whose files are all as they were written.
fn whole(folder: &Path) -> Result<Manifest, TransferError> {
    let Some(manifest) = Manifest::read(folder)? else {
        let why = "there is none\nhint: name a folder that `grapevine export` wrote".to_owned();
        return Err(TransferError::Manifest { path: folder.join("manifest.json"), why });
    };
    if manifest.ended_at.is_none() {
        return Err(TransferError::Unfinished { folder: folder.to_owned() });
    }
    if manifest.schema.as_str() > Store::schema() {
        return Err(TransferError::NewerSchema { theirs: manifest.schema, ours: Store::schema() });
    }
    let path = || folder.join("manifest.json");
    let known = |file: &&FileEntry| file.name == ANSWERS || TABLES.iter().any(|table| table.name == file.table);
    if let Some(file) = manifest.files.iter().find(|file| !known(file)) {
        let why = format!("{:?} is no table that is imported", file.table);
        return Err(TransferError::Manifest { path: path(), why });
    }
    manifest.files.iter().try_for_each(|file| file.check(folder))?;
    Ok(manifest)
}

/// Files of rows, labels first.
fn in_order(manifest: &Manifest) -> impl Iterator<Item = &FileEntry> {
    TABLES.iter().flat_map(|table| manifest.files.iter().filter(move |file| file.table == table.name))
}

fn reason_not_to_compare(
    manifest: &Manifest,
    beside: bool,
    refused: u64,
    suppressions: &Suppressions,
) -> Option<String> {
    let why = match () {
        () if !manifest.scope.is_all() => "a part of a store has no figures of its own to compare",
        () if beside => "the store was not empty",
        // Those of an interrupted run are not counted again.
        () if refused > 0 || !suppressions.is_empty() => {
            "some rows are, or may be, of whom this instance has forgotten"
        }
        () => return None,
    };
    Some(why.to_owned())
}
