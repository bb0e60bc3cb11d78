//! Labels of the log's table become rows, and the hours of their mentions right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clickhouse::Row;
use grapevine_model::{Correction, LabelField, LabelKey, LabelRecord, MentionId};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, error::Doing, hours::Hour, write::array};

/// Records of one statement.
const RECORDS: usize = 10_000;
/// Brand-hours that are rebuilt at once, while whoever gave the label looks; more wait for the sink's next rebuild.
const AT_ONCE: usize = 1000;

/// What became of records of the log's table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// Records that were written.
    pub records: u64,
    /// Brand-hours that they changed, or may have changed.
    pub hours: u64,
    /// Those that wait to be rebuilt.
    pub dirty: u64,
}

#[derive(Row, Serialize)]
struct Record<'a> {
    brand: &'a str,
    id: u128,
    field: i8,
    value: String,
    themes: &'a [String],
    by: &'a str,
    at: i64,
    note: &'a str,
    before: &'a str,
    model: &'a str,
    drawn: bool,
    version: u64,
    withdrawn: u8,
    settled: bool,
}

#[derive(Row, Deserialize)]
struct LabelledHour {
    brand: String,
    hour_s: u32,
}

/// Newest version of each field of a mention of a brand, and whether it is settled.
#[derive(Row, Deserialize)]
struct Known {
    brand: String,
    id: u128,
    field: i8,
    newest: (u64, bool),
}

/// Records of the log's table that the store lacks, or has not settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacking {
    pub records: Vec<LabelRecord>,
    /// Those of them that are not there at all: for the most part what was just given.
    pub unknown: u64,
    pub checked: u64,
}

impl Store {
    /// Writes labels and withdrawals, and mends the figures of their mentions at once (where that takes long, by the sink's
    /// next rebuild: `dirty` then says how many hours wait). The same records again change nothing.
    ///
    /// Its steps are those of the table in `labels`.
    ///
    /// # Errors
    /// After any error, apply the same records again.
    pub async fn apply_labels(&self, records: &[LabelRecord]) -> Result<Labelled, StoreError> {
        let mut done = Labelled::default();
        for records in records.chunks(RECORDS) {
            let hours = self.apply_chunk(records).await?;
            let hours: BTreeSet<Hour<'_>> = hours.iter().map(|at| (at.brand.as_str(), at.hour_s)).collect();
            // L5 stands behind the marks, and beside the rebuild.
            let (waiting, ()) = tokio::try_join!(self.mend(&hours), self.write_labels(records, true))?;
            done.records += records.len() as u64;
            done.hours += hours.len() as u64;
            done.dirty += waiting;
        }
        Ok(done)
    }

    /// Rebuilds the hours, where they are few. How many are left to the sink.
    async fn mend(&self, hours: &BTreeSet<Hour<'_>>) -> Result<u64, StoreError> {
        match hours.len() {
            0 => Ok(0),
            1..=AT_ONCE => self.rebuild_hours(&self.dirty_of(hours).await?).await.map(|()| 0),
            more => Ok(more as u64),
        }
    }

    /// L1 to L4. The hours of L4.
    async fn apply_chunk(&self, records: &[LabelRecord]) -> Result<Vec<LabelledHour>, StoreError> {
        let before = self.hours_of(records).await?;
        self.mark(&before.iter().map(|at| (at.brand.as_str(), at.hour_s)).collect()).await?;
        self.write_labels(records, false).await?;
        self.step("labels-written");
        let after = self.hours_of(records).await?;
        let hours = after.iter().map(|at| (at.brand.as_str(), at.hour_s)).collect();
        self.list_labelled(&hours).await?;
        self.mark(&hours).await?;
        self.step("labels-marked");
        Ok(after)
    }

    /// Hours of the mentions that the records are about: every version carries the time of the first sighting.
    async fn hours_of(&self, records: &[LabelRecord]) -> Result<Vec<LabelledHour>, StoreError> {
        let keys: Vec<LabelKey> = records.iter().map(LabelRecord::key).collect();
        let brands: BTreeSet<&str> = keys.iter().map(|key| key.brand.as_str()).collect();
        let ids: BTreeSet<MentionId> = keys.iter().map(|key| key.mention).collect();
        // A mention of two brands of which one was labelled: both are marked, which costs a rebuild.
        let sql = "SELECT DISTINCT toString(brand) AS brand, toUnixTimestamp(toStartOfHour(created_at)) AS hour_s
            FROM mentions WHERE brand IN {brands:Array(String)} AND id IN {ids:Array(UInt128)}";
        self.read(sql)
            .param("brands", brands.into_iter().collect::<Vec<_>>())
            .param("ids", array(&ids.into_iter().collect::<Vec<_>>()))
            .fetch_all()
            .await
            .doing("looking up the hours of labelled mentions")
    }

    async fn write_labels(&self, records: &[LabelRecord], settled: bool) -> Result<(), StoreError> {
        let doing = "writing labels";
        let mut insert = self.writer().insert::<Record<'_>>("labels").await.doing(doing)?;
        for record in records {
            insert.write(&Record { settled, ..Record::of(record) }).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }

    /// Of the records of the log's table those that are not in the store, or not settled. Of what the store has and the
    /// table has not, nothing is said: it stays.
    pub async fn lacking_labels(&self, table: impl IntoIterator<Item = LabelRecord>) -> Result<Lacking, StoreError> {
        let sql = "SELECT toString(brand) AS brand, id, toInt8(field) AS field, max((version, settled)) AS newest
            FROM labels GROUP BY brand, id, field";
        let known: Vec<Known> = self.read(sql).fetch_all().await.doing("comparing labels")?;
        let known: HashMap<(String, u128, i8), (u64, bool)> =
            known.into_iter().map(|row| ((row.brand, row.id, row.field), row.newest)).collect();
        let mut lacking = Lacking::default();
        for record in table {
            let key = record.key();
            let newest = known.get(&(key.brand, key.mention.0, code(key.field))).copied().unwrap_or_default();
            lacking.checked += 1;
            lacking.unknown += u64::from(newest.0 < record.version());
            if newest < (record.version(), true) {
                lacking.records.push(record);
            }
        }
        Ok(lacking)
    }

    /// Of the mentions those that a person labelled, by brand: with labels that were withdrawn.
    pub(crate) async fn labelled(&self, ids: &[MentionId]) -> Result<BTreeMap<u128, BTreeSet<String>>, StoreError> {
        let doing = "looking for labels";
        let any: u64 = self.read("SELECT count() FROM labels").fetch_one().await.doing(doing)?;
        let mut labelled: BTreeMap<u128, BTreeSet<String>> = BTreeMap::new();
        if any == 0 {
            return Ok(labelled);
        }
        for ids in ids.chunks(RECORDS) {
            let sql = "SELECT DISTINCT id, toString(brand) FROM labels WHERE id IN {ids:Array(UInt128)}";
            let rows: Vec<(u128, String)> = self.read(sql).param("ids", array(ids)).fetch_all().await.doing(doing)?;
            for (id, brand) in rows {
                labelled.entry(id).or_default().insert(brand);
            }
        }
        Ok(labelled)
    }
}

impl<'a> Record<'a> {
    fn of(record: &'a LabelRecord) -> Self {
        let version = record.version();
        match record {
            LabelRecord::Label(label) => Self {
                brand: &label.brand,
                id: label.mention.0,
                field: code(label.correction.field()),
                value: label.correction.value(),
                themes: match &label.correction {
                    Correction::Theme(themes) => themes,
                    _ => &[],
                },
                by: &label.by,
                at: label.at.as_microsecond(),
                note: &label.note,
                before: &label.before.value,
                model: &label.before.model,
                drawn: label.drawn,
                version,
                withdrawn: 0,
                settled: false,
            },
            LabelRecord::Withdrawn(withdrawal) => Self {
                brand: &withdrawal.key.brand,
                id: withdrawal.key.mention.0,
                field: code(withdrawal.key.field),
                value: String::new(),
                themes: &[],
                by: &withdrawal.by,
                at: withdrawal.at.as_microsecond(),
                note: "",
                before: "",
                model: "",
                drawn: false,
                version,
                withdrawn: 1,
                settled: false,
            },
        }
    }
}

pub(super) fn code(field: LabelField) -> i8 {
    match field {
        LabelField::Polarity => 1,
        LabelField::Theme => 2,
        LabelField::Intent => 3,
        LabelField::Relevance => 4,
    }
}
