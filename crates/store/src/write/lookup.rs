//! What is stored about the mentions of a batch.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use clickhouse::{Row, query::Query};
use grapevine_model::{AuthorTombstone, Event, MentionId};
use serde::Deserialize;

use super::{
    Batch,
    plan::{Place, Says, Stored, partition_code},
    rows::MentionRecord,
};
use crate::{Store, StoreError, error::Doing};

/// Ids in one question, so a batch of the sink: about 1.6 MB of text.
const IDS: usize = 40_000;
/// Authors in one question.
const AUTHORS: usize = 1000;

/// `own`: written by this very range of offsets of this log, on an earlier try. Such a row tells nothing about what was
/// there before, but that there was something, where it is no first sighting. Of rows of one version the one that was
/// written last counts, as it does for FINAL: parts of a month are numbered in the order of inserts.
const SQL: &str = "
SELECT brand, id, any(platform) AS platform, any(instance) AS instance, any(native_id) AS native_id,
    any(author) AS author, toUnixTimestamp64Milli(any(created_at)) AS created_ms, maxIf(version, NOT own) AS newest,
    toBool(argMaxIf(deleted, place, NOT own) != 0) AS gone, argMaxIf(model, place, NOT own) AS model,
    argMaxIf(monitor, place, NOT own) AS monitor, argMaxIf(language, place, NOT own) AS language,
    argMaxIf(themes, place, NOT own) AS themes, toBool(countIf(NOT own OR NOT first) > 0) AS existed,
    toBool(countIf(own) > 0) AS replayed
FROM (SELECT brand, id, platform, instance, native_id, author, created_at, version, deleted, model, monitor, language,
        themes, first,
        (version, toUInt64OrZero(splitByChar('_', _part)[2])) AS place,
        log = {log:String} AND partition = {partition:UInt16} AND offset BETWEEN {first:UInt64} AND {last:UInt64} AS own
    FROM mentions WHERE ";
const BY_IDS: &str = "id IN {ids:Array(UInt128)}";
const BY_AUTHORS: &str = "author_key IN (SELECT cityHash64(author.1, author.2, author.3) FROM $authors)
        AND (toString(platform), toString(instance), author) IN (SELECT author FROM $authors)";
const AUTHOR_LIST: &str = "(SELECT arrayJoin(arrayZip({platforms:Array(String)}, {instances:Array(String)},
        {authors:Array(String)})) AS author)";
const GROUP: &str = ") GROUP BY brand, id";
/// Authors may have written more than one answer holds.
const PAGE: &str = ") WHERE (id, brand) > ({after_id:UInt128}, {after_brand:String}) GROUP BY brand, id
    ORDER BY id, brand LIMIT {page:UInt64}";

#[derive(Row, Deserialize)]
struct Found {
    brand: String,
    id: u128,
    platform: String,
    instance: String,
    native_id: String,
    author: String,
    created_ms: i64,
    newest: u64,
    gone: bool,
    model: String,
    monitor: String,
    language: String,
    themes: Vec<String>,
    existed: bool,
    replayed: bool,
}

impl Store {
    /// What was stored before this batch, and whether some of the batch itself is stored already.
    pub(super) async fn stored(
        &self,
        batch: &Batch,
        ids: &[Option<MentionId>],
    ) -> Result<(Vec<Stored>, bool), StoreError> {
        let mut found = vec![];
        for ids in distinct(ids).chunks(IDS) {
            let query = self.read(&format!("{SQL}{BY_IDS}{GROUP}")).param("ids", array(ids));
            found.extend(rows(query, batch).await?);
        }
        for authors in authors(batch).chunks(AUTHORS) {
            self.by_authors(batch, authors, &mut found).await?;
        }
        let replayed = found.iter().any(|row| row.replayed);
        // An id may be found by its author too.
        let once: BTreeMap<_, _> =
            found.into_iter().filter(|row| row.existed).map(|row| ((row.id, row.brand.clone()), row)).collect();
        Ok((once.into_values().map(Stored::from).collect(), replayed))
    }
}

/// The row of a mention that counts.
#[derive(Row, Deserialize)]
pub(super) struct Newest {
    id: u128,
    brand: String,
    /// Version, whether it is deleted, model, monitor, language and themes.
    says: (u64, u8, String, String, String, Vec<String>),
    log: String,
    partition: u16,
    offset: u64,
}

const NEWEST: &str =
    "SELECT id, brand, argMax((m.version, m.deleted, toString(m.model), toString(m.monitor), toString(m.language),
        CAST(m.themes, 'Array(String)')), place) AS says,
    argMax(toString(m.log), place) AS log, argMax(m.partition, place) AS partition, argMax(m.offset, place) AS offset
FROM (SELECT *, (version, toUInt64OrZero(splitByChar('_', _part)[2])) AS place FROM mentions WHERE ";

impl Newest {
    /// Whether the row is to be written although this one is there: it is newer, or says something else of the same
    /// version, and this one does not stand behind it in the log.
    pub(super) fn gives_way_to(&self, row: &MentionRecord<'_>) -> bool {
        let (version, deleted, model, monitor, language, themes) = &self.says;
        let says = (*deleted, model.as_str(), monitor.as_str(), language.as_str());
        let same = says == (row.deleted, row.model, row.monitor, &*row.language) && *themes == row.themes;
        let is_behind = (self.log.as_str(), self.partition) == (row.log, row.partition) && self.offset > row.offset;
        *version < row.version || (*version == row.version && !same && !is_behind)
    }
}

impl Store {
    /// The rows that count of the mentions, by brand.
    pub(super) async fn newest_of(
        &self,
        ids: &[MentionId],
    ) -> Result<HashMap<u128, HashMap<String, Newest>>, StoreError> {
        let sql = format!("{NEWEST}{BY_IDS}) AS m GROUP BY id, brand");
        let mut newest: HashMap<u128, HashMap<String, Newest>> = HashMap::new();
        for ids in ids.chunks(IDS) {
            let rows: Vec<Newest> =
                self.read(&sql).param("ids", array(ids)).fetch_all().await.doing("looking for rows of another try")?;
            for row in rows {
                newest.entry(row.id).or_default().insert(row.brand.clone(), row);
            }
        }
        Ok(newest)
    }

    /// What the authors wrote, a page at a time.
    async fn by_authors(
        &self,
        batch: &Batch,
        authors: &[&AuthorTombstone],
        found: &mut Vec<Found>,
    ) -> Result<(), StoreError> {
        let of =
            |field: fn(&AuthorTombstone) -> &String| authors.iter().map(|author| field(author)).collect::<Vec<_>>();
        let sql = format!("{SQL}{BY_AUTHORS}{PAGE}").replace("$authors", AUTHOR_LIST);
        let page = self.most_rows.div_ceil(2);
        let (mut after_id, mut after_brand) = (0_u128, String::new());
        loop {
            let query = self
                .read(&sql)
                .param("platforms", of(|author| &author.platform))
                .param("instances", of(|author| &author.instance))
                .param("authors", of(|author| &author.author))
                .param("after_id", after_id.to_string())
                .param("after_brand", &after_brand)
                .param("page", page);
            let rows = rows(query, batch).await?;
            let is_last = (rows.len() as u64) < page;
            if let Some(last) = rows.last() {
                (after_id, after_brand) = (last.id, last.brand.clone());
            }
            found.extend(rows);
            if is_last {
                return Ok(());
            }
        }
    }
}

async fn rows(query: Query, batch: &Batch) -> Result<Vec<Found>, StoreError> {
    query
        .param("log", &batch.log)
        .param("partition", partition_code(batch.partition))
        .param("first", batch.first_offset)
        .param("last", batch.last_offset)
        .fetch_all()
        .await
        .doing("looking up stored mentions")
}

/// Of each event of the batch the mention that it is about, if it is about one. Hashed once, here.
pub(super) fn ids(batch: &Batch) -> Vec<Option<MentionId>> {
    let id = |event: &Event| match event {
        Event::Upsert(mention) => Some(mention.id()),
        Event::Delete(deletion) => Some(deletion.key.id()),
        Event::Rescored(rescored) => Some(rescored.key.id()),
        _ => None,
    };
    batch.events.iter().map(|(_, event)| id(event)).collect()
}

fn distinct(ids: &[Option<MentionId>]) -> Vec<MentionId> {
    let mut distinct: Vec<MentionId> = ids.iter().copied().flatten().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

pub(crate) fn array(ids: &[MentionId]) -> String {
    let mut array = String::with_capacity(ids.len() * 40 + 2);
    array.push('[');
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            array.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(array, "{}", id.0);
    }
    array.push(']');
    array
}

fn authors<'a>(batch: &'a Batch) -> Vec<&'a AuthorTombstone> {
    let tombstone = |event: &'a Event| match event {
        Event::AuthorTombstone(tombstone) => Some(tombstone),
        _ => None,
    };
    batch.events.iter().filter_map(|(_, event)| tombstone(event)).collect()
}

impl From<Found> for Stored {
    fn from(found: Found) -> Self {
        let Found { platform, instance, native_id, author, .. } = found;
        Self {
            brand: found.brand,
            id: MentionId(found.id),
            place: Place { platform, instance, native_id, author },
            created_at: found.created_ms,
            version: found.newest,
            deleted: found.gone,
            says: Says { model: found.model, monitor: found.monitor, language: found.language, themes: found.themes },
        }
    }
}
