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
    plan::{Place, Stored, partition_code},
};
use crate::{Store, StoreError, error::Doing};

/// Ids in one question: about 800 kB of text.
const IDS: usize = 20_000;

/// `own`: written by this very range of offsets of this log, on an earlier try. Such a row tells nothing about what was
/// there before, but that there was something, where it is no first sighting. Of rows of one version the one that was
/// written last counts, as it does for FINAL: parts of a month are numbered in the order of inserts.
const SQL: &str = "
SELECT brand, id, any(platform) AS platform, any(instance) AS instance, any(native_id) AS native_id,
    any(author) AS author, toUnixTimestamp64Milli(any(created_at)) AS created_ms, maxIf(version, NOT own) AS newest,
    toBool(argMaxIf(deleted, place, NOT own) != 0) AS gone, argMaxIf(model, place, NOT own) AS model,
    argMaxIf(monitor, place, NOT own) AS monitor, toBool(countIf(NOT own OR NOT first) > 0) AS existed,
    toBool(countIf(own) > 0) AS replayed
FROM (SELECT brand, id, platform, instance, native_id, author, created_at, version, deleted, model, monitor, first,
        (version, toUInt64OrZero(splitByChar('_', _part)[2])) AS place,
        log = {log:String} AND partition = {partition:UInt16} AND offset BETWEEN {first:UInt64} AND {last:UInt64} AS own
    FROM mentions WHERE ";
const BY_IDS: &str = "id IN {ids:Array(UInt128)}";
const BY_AUTHOR: &str = "author_key = cityHash64({platform:String}, {instance:String}, {author:String})
        AND platform = {platform:String} AND instance = {instance:String} AND author = {author:String}";
const GROUP: &str = ") GROUP BY brand, id";

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
        for author in authors(batch) {
            let query = self
                .read(&format!("{SQL}{BY_AUTHOR}{GROUP}"))
                .param("platform", &author.platform)
                .param("instance", &author.instance)
                .param("author", &author.author);
            found.extend(rows(query, batch).await?);
        }
        let replayed = found.iter().any(|row| row.replayed);
        // An id may be found by its author too.
        let once: BTreeMap<_, _> =
            found.into_iter().filter(|row| row.existed).map(|row| ((row.id, row.brand.clone()), row)).collect();
        Ok((once.into_values().map(Stored::from).collect(), replayed))
    }
}

#[derive(Row, Deserialize)]
struct Newest {
    id: u128,
    brand: String,
    version: u64,
}

impl Store {
    /// The highest version that is stored of each mention, by brand.
    pub(super) async fn newest_versions(
        &self,
        ids: &[MentionId],
    ) -> Result<HashMap<u128, HashMap<String, u64>>, StoreError> {
        let sql =
            format!("SELECT id, brand, max(m.version) AS version FROM mentions AS m WHERE {BY_IDS} GROUP BY id, brand");
        let mut newest: HashMap<u128, HashMap<String, u64>> = HashMap::new();
        for ids in ids.chunks(IDS) {
            let rows: Vec<Newest> =
                self.read(&sql).param("ids", array(ids)).fetch_all().await.doing("looking for rows of another try")?;
            for Newest { id, brand, version } in rows {
                newest.entry(id).or_default().insert(brand, version);
            }
        }
        Ok(newest)
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

fn array(ids: &[MentionId]) -> String {
    let mut array = String::with_capacity(ids.len() * 40 + 2);
    for id in ids {
        array.push(if array.is_empty() { '[' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write!(array, "{}", id.0);
    }
    array.push(']');
    array
}

fn authors(batch: &Batch) -> impl Iterator<Item = &AuthorTombstone> {
    batch.events.iter().filter_map(|(_, event)| match event {
        Event::AuthorTombstone(tombstone) => Some(tombstone),
        _ => None,
    })
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
            model: found.model,
            monitor: found.monitor,
        }
    }
}
