//! Out of the store.

use std::{fs, path::Path};

use clickhouse::query::Query;
use jiff::Timestamp;

use super::{
    FileEntry, Manifest, Rows, Scope, Told, TransferError,
    columns::Column,
    error::At,
    files::{Draft, digest, write_whole},
    manifest::ANSWERS,
    tables::{EPOCH, MENTIONS, TABLES, Table},
};
use crate::{Store, StoreError, client::millis, error::Doing};

const DOING: &str = "exporting";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Exporting<'a> {
    /// Made where it is missing.
    pub folder: &'a Path,
    pub scope: Scope,
    pub rows: Rows,
}

/// The files of a table, of mentions those of a month.
#[derive(Clone, Copy)]
struct Part {
    table: &'static Table,
    /// 0 for what has no months.
    month: u32,
}

/// The next file of a part.
struct Next<'a> {
    name: String,
    /// The key behind which it begins.
    after: Option<&'a [String]>,
}

/// Of a Parquet file, in rows and bytes as the engine counts them; it holds such a file, and its rows, in memory.
pub const MOST_OF_A_FILE: (u64, u64) = (250_000, 128 << 20);

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
        let Exporting { folder, scope, .. } = exporting;
        fs::create_dir_all(folder).at(folder, "made")?;
        let mut manifest = self.begin_export(exporting).await?;
        let mut kept = 0;
        for part in self.parts(scope).await? {
            kept += self.export_part(exporting, part, &mut manifest, told).await?;
        }
        let mut answers = 0;
        if scope.is_all() {
            // A copy has no marks: its figures are those of the mentions, and so must be these.
            let _ = self.rebuild_marked().await?;
            let (text, count) = self.answers_now().await?;
            write_whole(folder, ANSWERS, text.as_bytes())?;
            let (bytes, sha256) = digest(&folder.join(ANSWERS))?;
            let (name, table) = (ANSWERS.to_owned(), String::new());
            manifest.add(FileEntry { name, table, rows: count, bytes, sha256, through: None });
            answers = count;
        }
        manifest.moved = self.newest_of_all().await? != manifest.state;
        manifest.ended_at = Some(Timestamp::now());
        manifest.write(folder)?;
        Ok(Exported { manifest, kept, answers })
    }

    /// File after file, until one goes to the end of the part. How many an earlier run had finished.
    async fn export_part(
        &self,
        exporting: &Exporting<'_>,
        part: Part,
        manifest: &mut Manifest,
        told: Told<'_>,
    ) -> Result<u64, TransferError> {
        let (folder, mut after, mut kept) = (exporting.folder, None::<Vec<String>>, 0);
        for number in 1u32.. {
            let name = part.file_name(exporting.rows, number);
            after = match manifest.finished(folder, &name) {
                Some(file) => {
                    kept += 1;
                    file.through.clone()
                }
                None => {
                    for behind in manifest.drop_behind(&part.stem(), &name) {
                        let _ = fs::remove_file(folder.join(behind));
                    }
                    let next = Next { name, after: after.as_deref() };
                    let file = self.export_file(exporting, part, next, told).await?;
                    let through = file.through.clone();
                    manifest.add(file);
                    manifest.write(folder)?;
                    self.step("export-file-written");
                    through
                }
            };
            if after.is_none() {
                break;
            }
        }
        Ok(kept)
    }

    async fn begin_export(&self, exporting: &Exporting<'_>) -> Result<Manifest, TransferError> {
        let Exporting { folder, scope, rows } = exporting;
        let folder = || (*folder).to_owned();
        match Manifest::read(&folder())? {
            Some(manifest) if manifest.ended_at.is_some() => Err(TransferError::Finished { folder: folder() }),
            Some(Manifest { scope: other, schema, rows: others, .. })
                if other != *scope || schema != Self::schema() || others != *rows =>
            {
                let was = format!("{other} as {}, with schema {schema}", others.name());
                Err(TransferError::OtherExport { folder: folder(), was })
            }
            Some(manifest) => Ok(manifest),
            None => {
                let id: String = self.read("SELECT lower(hex(rand64()))").fetch_one().await.doing(DOING)?;
                let mut manifest = Manifest::begin(id, Self::schema(), (scope, *rows), self.newest_of_all().await?);
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
    async fn parts(&self, scope: &Scope) -> Result<Vec<Part>, StoreError> {
        let months = bind(self.writer().query_raw(&Table::months(scope)), scope);
        let months: Vec<u32> = months.fetch_all().await.doing(DOING)?;
        let parts = TABLES.iter().flat_map(|table| {
            let of: &[u32] = if table.name == MENTIONS { &months } else { &[0] };
            of.iter().map(move |month| Part { table, month: *month })
        });
        Ok(parts.collect())
    }

    async fn export_file(
        &self,
        exporting: &Exporting<'_>,
        part: Part,
        next: Next<'_>,
        told: Told<'_>,
    ) -> Result<FileEntry, TransferError> {
        let Exporting { folder, scope, rows } = exporting;
        let mut draft = Draft::begin(folder, next.name.clone(), *rows)?;
        let (query, through) = match rows {
            Rows::Ndjson => (self.lines_of(part, scope), None),
            Rows::Parquet => self.chunk_of(part, scope, next.after).await?,
        };
        let format = if *rows == Rows::Parquet { "Parquet" } else { "JSONEachRow" };
        let mut rows = query.fetch_bytes(format).doing(DOING)?;
        while let Some(bytes) = rows.next().await.doing(DOING)? {
            let before = draft.rows;
            draft.write(&bytes)?;
            told(&next.name, draft.rows - before);
        }
        self.step("export-file-drafted");
        let counted = draft.rows;
        let file = draft.finish(folder, part.table.name)?;
        told(&next.name, file.rows - counted);
        Ok(FileEntry { through, ..file })
    }

    fn lines_of(&self, part: Part, scope: &Scope) -> Query {
        bind(self.writer().query_raw(&part.table.select(scope)), scope)
            .param("month", part.month)
            .with_setting("date_time_output_format", "simple")
            .with_setting("output_format_json_quote_64bit_integers", "1")
            .with_setting("output_format_json_quote_denormals", "1")
            .with_setting("output_format_json_escape_forward_slashes", "0")
    }

    /// What the next file holds, and the key of its last row where others follow.
    async fn chunk_of(
        &self,
        part: Part,
        scope: &Scope,
        after: Option<&[String]>,
    ) -> Result<(Query, Option<Vec<String>>), TransferError> {
        let Part { table, month } = part;
        let mut columns = self.columns(table.name).await?;
        columns.retain(|column| table.name != MENTIONS || column.name != EPOCH);
        let columns = columns.iter().map(Column::selected).collect::<Vec<_>>().join(", ");
        let until = self.end_of_chunk(part, scope, after).await?;
        let sql = table.select_between(scope, &columns, (after.is_some(), until.is_some()));
        let query = bind_key(bind(self.writer().query_raw(&sql), scope), "after", after);
        let query = bind_key(query, "until", until.as_deref()).param("month", month);
        // A column is asked for under the name of what it is made of.
        let query = query.with_setting("prefer_column_name_to_alias", "1");
        Ok((query.with_setting("output_format_parquet_compression_method", "zstd"), until))
    }

    /// `None` where the rest fits into one file. Versions of one row stay together.
    async fn end_of_chunk(
        &self,
        Part { table, month }: Part,
        scope: &Scope,
        after: Option<&[String]>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let sql = table.select_keys(scope, after.is_some());
        let query = bind_key(bind(self.writer().query_raw(&sql), scope), "after", after);
        let query = query.param("month", month).param("most", self.chunk.0 + 1);
        let mut keys = query.fetch::<(Vec<String>, u64)>().doing(DOING)?;
        let (mut rows, mut bytes, mut end) = (0, 0, None);
        while let Some((key, size)) = keys.next().await.doing(DOING)? {
            (rows, bytes) = (rows + 1, bytes + size);
            match &end {
                Some(end) if *end == key => {}
                Some(_) => return Ok(end),
                None if rows >= self.chunk.0 || bytes >= self.chunk.1 => end = Some(key),
                None => {}
            }
        }
        // What was asked for was cut short among the versions of one row: others may follow.
        Ok(end.filter(|_| rows > self.chunk.0))
    }
}

impl Part {
    fn stem(&self) -> String {
        match self.month {
            0 => self.table.name.to_owned(),
            month => format!("{}-{month}", self.table.name),
        }
    }

    fn file_name(&self, rows: Rows, number: u32) -> String {
        match rows {
            Rows::Ndjson => format!("{}.ndjson.zst", self.stem()),
            Rows::Parquet => format!("{}-{number:05}.parquet", self.stem()),
        }
    }
}

fn bind(query: Query, scope: &Scope) -> Query {
    query
        .param("brand", scope.brand.as_deref().unwrap_or_default())
        .param("from", scope.from.map_or(0, millis))
        .param("to", scope.to.map_or(0, millis))
}

fn bind_key(query: Query, bound: &str, key: Option<&[String]>) -> Query {
    let parts = key.into_iter().flatten().enumerate();
    parts.fold(query, |query, (n, part)| query.param(&format!("{bound}{n}"), part))
}
