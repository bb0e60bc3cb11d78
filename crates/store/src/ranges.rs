//! Offsets that were stored, judged by the ranges in `batches`, each of which is written after its rows.
//!
//! | lost | how it shows |
//! |---|---|
//! | offsets between two ranges | none covers them |
//! | records of a range | its events and dead letters are fewer than its offsets: every record of the topic is one or the other |
//!
//! Ranges come by the million, so only those are judged that were written since a time, a partition at once. Where they
//! leave a hole, those of before are looked at too. Ranges are kept for 90 days, and judged for 80, so that none is missed
//! whose neighbour has just gone.

use clickhouse::{Row, query::Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Finding, Store, StoreError,
    audit::EXAMPLES,
    client::{from_millis, millis},
    error::Doing,
};

/// Holes of a partition that are compared with older ranges; further ones are taken as they are.
const HOLES: usize = 100;

/// What was stored of a partition of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Covered {
    pub log: String,
    pub topic: String,
    pub partition: u32,
    /// First offset of the first range that is known, whenever it was written.
    pub first_offset: u64,
    /// One past the last offset of the last range that is known, whenever it was written.
    pub next_offset: u64,
    /// When a range was written last.
    pub written_at: Timestamp,
    /// Offsets that were judged: from the end of what came before the judged ranges to their own.
    pub judged: u64,
    /// Ranges that were judged.
    pub ranges: u64,
    /// Events that were stored with them. An event of two ranges that overlap counts twice.
    pub events: u64,
    /// Records of them that became dead letters, or were kept out by a deletion request.
    pub unreadable: u64,
    /// Offsets between them that no range covers, and their records that are neither stored nor dead letters.
    pub lost: u64,
    /// Ranges of them that begin before an earlier one ends.
    pub overlaps: u64,
}

/// What is known of the ranges.
pub(crate) struct Ranges {
    pub lost: Finding,
    pub overlaps: Finding,
    pub covered: Vec<Covered>,
}

const PARTITIONS: &str = "SELECT log, topic, partition, min(first_offset) AS first_offset,
    max(last_offset) + 1 AS next_offset, toUnixTimestamp64Milli(max(written_at)) AS written_ms
FROM batches GROUP BY log, topic, partition ORDER BY log, topic, partition";

#[derive(Row, Deserialize)]
struct Extent {
    log: String,
    topic: String,
    partition: u32,
    first_offset: u64,
    next_offset: u64,
    written_ms: i64,
}

/// Of a range: its first offset, its last, and where the ones before it end.
type Place = (u64, u64, u64);

#[derive(Row, Deserialize)]
struct Judged {
    first_offset: u64,
    next_offset: u64,
    ranges: u64,
    events: u64,
    unreadable: u64,
    /// Records of ranges that are neither stored nor dead letters.
    lacking: u64,
    /// Offsets between the ranges.
    between: u64,
    overlaps: u64,
    /// Ranges with what they lack.
    lacks: Vec<Place>,
    holes: Vec<Place>,
    overlapping: Vec<Place>,
}

const OF_PARTITION: &str = "log = {log:String} AND topic = {topic:String} AND partition = {partition:UInt32}";

const JUDGED: &str = "
SELECT min(r.first) AS first_offset, max(r.last) + 1 AS next_offset, count() AS ranges, sum(r.stored) AS events,
    sum(r.dead) AS unreadable, sum(r.lacks_of) AS lacking, toUInt64(sum(r.hole)) AS between,
    countIf(r.place > 1 AND r.first < r.reached) AS overlaps,
    groupArrayIf({examples:UInt64})((r.first, r.last, r.lacks_of), r.lacks_of > 0) AS lacks,
    groupArrayIf({holes:UInt64})((r.first, r.last, r.reached), r.hole > 0) AS holes,
    groupArrayIf({examples:UInt64})((r.first, r.last, r.reached), r.place > 1 AND r.first < r.reached) AS overlapping
FROM (SELECT first, last, stored, dead, lacks_of, row_number() OVER of AS place, max(last + 1) OVER before AS reached,
        if(place > 1 AND first > reached, first - reached, 0) AS hole
    FROM (SELECT first_offset AS first, last_offset AS last, argMax(events, written_at) AS stored,
            argMax(unreadable, written_at) AS dead, last - first + 1 AS width,
            toUInt64(if(width > stored + dead, width - stored - dead, 0)) AS lacks_of
        FROM batches WHERE $of_partition AND written_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
            AND written_at > now64(3) - INTERVAL 80 DAY
        GROUP BY first_offset, last_offset)
    WINDOW of AS (ORDER BY first, last), before AS (ORDER BY first, last
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ORDER BY first, last) AS r";

/// Where the ranges before an offset end; that offset where there are none.
const REACHED: &str = "SELECT if(count() = 0, {first:UInt64}, max(last_offset) + 1) FROM batches
    WHERE $of_partition AND first_offset < {first:UInt64}";

/// Offsets of a hole that no range covers, whenever it was written.
const UNCOVERED: &str = "
SELECT toUInt64(sum(if(first > reached, first - reached, 0)) + {to:UInt64} - greatest(max(end), {from:UInt64}))
FROM (SELECT greatest(first_offset, {from:UInt64}) AS first, least(last_offset + 1, {to:UInt64}) AS end,
        greatest(max(end) OVER (ORDER BY first_offset, last_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            {from:UInt64}) AS reached
    FROM batches WHERE $of_partition AND first_offset < {to:UInt64} AND last_offset >= {from:UInt64})";

impl Store {
    /// Judges the ranges that were written since then.
    pub(crate) async fn ranges(&self, since: Timestamp) -> Result<Ranges, StoreError> {
        let doing = "reading the stored ranges";
        let mut ranges = Ranges { lost: Finding::default(), overlaps: Finding::default(), covered: vec![] };
        for extent in self.read(PARTITIONS).fetch_all::<Extent>().await.doing(doing)? {
            let mut covered = Covered::from(extent);
            if covered.written_at >= since {
                self.judge(&mut covered, since, &mut ranges).await?;
            }
            ranges.lost.violations += covered.lost;
            ranges.lost.checked += covered.judged;
            ranges.overlaps.violations += covered.overlaps;
            ranges.overlaps.checked += covered.ranges;
            ranges.covered.push(covered);
        }
        ranges.lost.examples.truncate(EXAMPLES);
        ranges.overlaps.examples.truncate(EXAMPLES);
        Ok(ranges)
    }

    async fn judge(&self, covered: &mut Covered, since: Timestamp, ranges: &mut Ranges) -> Result<(), StoreError> {
        let query = self.of(JUDGED, covered).param("since", millis(since));
        let query = query.param("examples", EXAMPLES as u64).param("holes", HOLES as u64);
        let judged: Judged = query.fetch_one().await.doing("judging the stored ranges")?;
        // They are too old to be judged.
        if judged.ranges == 0 {
            return Ok(());
        }
        let query = self.of(REACHED, covered).param("first", judged.first_offset);
        let reached: u64 = query.fetch_one().await.doing("looking for the range before")?;
        let before = judged.first_offset.saturating_sub(reached);
        if before > 0 {
            let hole = format!("offsets {reached} to {} are in no range", judged.first_offset - 1);
            ranges.lost.examples.push(covered.at(hole));
        }
        let found_elsewhere = self.elsewhere(covered, &judged.holes, &mut ranges.lost).await?;
        for (first, last, lacking) in &judged.lacks {
            let lacks = format!("{lacking} records of range {first} to {last} are neither stored nor dead letters");
            ranges.lost.examples.push(covered.at(lacks));
        }
        for (first, last, reached) in &judged.overlapping {
            ranges.overlaps.examples.push(covered.at(format!("range {first} to {last} begins before {reached}")));
        }
        covered.judged = judged.next_offset - judged.first_offset + before;
        covered.lost = before + (judged.between - found_elsewhere) + judged.lacking;
        (covered.ranges, covered.overlaps) = (judged.ranges, judged.overlaps);
        (covered.events, covered.unreadable) = (judged.events, judged.unreadable);
        Ok(())
    }

    /// Offsets of holes that ranges cover which were written before.
    async fn elsewhere(&self, covered: &Covered, holes: &[Place], lost: &mut Finding) -> Result<u64, StoreError> {
        let mut elsewhere = 0;
        for (first, _, reached) in holes {
            let query = self.of(UNCOVERED, covered).param("from", reached).param("to", first);
            let uncovered: u64 = query.fetch_one().await.doing("looking for lost offsets")?;
            elsewhere += (first - reached).saturating_sub(uncovered);
            if uncovered > 0 {
                let hole = format!("{uncovered} of the offsets {reached} to {} are in no range", first - 1);
                lost.examples.push(covered.at(hole));
            }
        }
        Ok(elsewhere)
    }

    fn of(&self, sql: &str, covered: &Covered) -> Query {
        self.read(&sql.replace("$of_partition", OF_PARTITION))
            .param("log", &covered.log)
            .param("topic", &covered.topic)
            .param("partition", covered.partition)
    }
}

impl Covered {
    fn at(&self, what: String) -> String {
        format!("{} partition {} of log {}: {what}", self.topic, self.partition, self.log)
    }
}

impl From<Extent> for Covered {
    fn from(extent: Extent) -> Self {
        let Extent { log, topic, partition, first_offset, next_offset, written_ms } = extent;
        let written_at = from_millis(written_ms);
        Self { log, topic, partition, first_offset, next_offset, written_at, ..Self::default() }
    }
}
