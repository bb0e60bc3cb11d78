//! Counters of mentions by the brand and hour of the mention: the table `engagement_by_hour`, of which a question reads
//! the hours of its span. `engagement` stays what the log said; this is computed from it and from `mentions`.
//!
//! Snapshots and mentions come in any order, in batches of any process, and no statement writes two tables at once. So:
//!
//! | step | |
//! |---|---|
//! | H1 write the batch's mentions and snapshots | as ever |
//! | H2 look up which first sightings of the batch have snapshots | most have none: that ends it |
//! | H3 of those, and of the batch's snapshots: for every place of the mention, write the newest snapshot | one statement reads both tables |
//!
//! A place is brand and hour of a row of `mentions`, in whatever version. All versions carry the time of the first sighting,
//! so neither edits nor deletions move a mention.
//!
//! **Claim: once no insert is under way, every place of a mention with snapshots holds its newest.** Let a row of the
//! mention and its newest snapshot be there. One became visible later than the other.
//!
//! | later was | so |
//! |---|---|
//! | the snapshot | H3 of its batch comes after both, reads both, and writes |
//! | the row, as a first sighting | H2 of its batch comes after both, finds the snapshot, and H3 writes |
//! | the row, as a change or removal of what was stored | its place was there before: of the first row of that place one of the two lines above holds |
//!
//! | what else may happen | why it holds |
//! |---|---|
//! | an older snapshot is written to the place after the newest, by a writer that was late | the newer `observed_at` counts, as in `engagement` |
//! | a process dies between H1 and H3 | the range is stored only behind H3: it is replayed, and a replay takes its own rows for first sightings |
//! | two processes insert one range | equal rows fold |
//! | a mention is deleted and comes again | rows of deletions stay, so its place does; were they gone, it would be a first sighting |
//! | a mention is forgotten | its ids are deleted here, too; no later batch has them, see `forget` |
//! | an import writes both tables without these steps | [`Store::place_engagement`] follows behind its last file: it is H3 of all that can be seen by then |
//! | two snapshots of one mention are of the same microsecond and differ | one of them counts; which one, may differ between the two tables while writers overtake each other |

use std::collections::BTreeSet;

use clickhouse::query::Query;
use grapevine_model::MentionId;

use super::{lookup::array, plan::Plan};
use crate::{Store, StoreError, error::Doing};

/// Ids of one statement.
const IDS: usize = 40_000;

const PLACE: &str = "INSERT INTO engagement_by_hour
SELECT m.brand, toStartOfHour(m.created_at), e.* FROM (SELECT brand, created_at, id FROM mentions $of) AS m
INNER JOIN (SELECT * FROM engagement FINAL $of) AS e ON m.id = e.id";

impl Store {
    /// H2 and H3.
    pub(super) async fn write_by_hour(&self, plan: &Plan<'_>) -> Result<(), StoreError> {
        let mut ids = self.with_snapshots(&plan.sighted()).await?;
        ids.extend(plan.engagement.iter().map(|row| row.id));
        let ids: Vec<MentionId> = ids.into_iter().map(MentionId).collect();
        for ids in ids.chunks(IDS) {
            let sql = PLACE.replace("$of", "WHERE id IN {ids:Array(UInt128)}");
            self.place(self.writer().query(&sql).param("ids", array(ids))).await?;
        }
        Ok(())
    }

    /// Writes the counters of all mentions to their places. Safe beside writers; again, it changes nothing.
    pub async fn place_engagement(&self) -> Result<(), StoreError> {
        let sql = PLACE.replace("$of", "");
        let all = self.writer().query(&sql).with_setting("join_algorithm", "grace_hash");
        // Beyond that it goes to disk.
        self.place(all.with_setting("max_bytes_in_join", "1000000000")).await
    }

    async fn place(&self, insert: Query) -> Result<(), StoreError> {
        let insert = insert.with_setting("max_partitions_per_insert_block", "0");
        insert.execute().await.doing("writing counters by the hour")
    }

    /// Of the mentions those that snapshots are there of.
    async fn with_snapshots(&self, ids: &[MentionId]) -> Result<BTreeSet<u128>, StoreError> {
        let mut found = BTreeSet::new();
        for ids in ids.chunks(IDS) {
            let sql = "SELECT DISTINCT id FROM engagement WHERE id IN {ids:Array(UInt128)}";
            let rows: Vec<u128> =
                self.read(sql).param("ids", array(ids)).fetch_all().await.doing("looking for counters")?;
            found.extend(rows);
        }
        Ok(found)
    }
}
