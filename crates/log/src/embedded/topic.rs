//! Topics and their records: creating, appending, reading.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    fail::Fail,
    schema::{MAX_PARTITIONS, offset_of, row_id, slot},
};
use crate::{
    Commit, Commits, LogError, PollLimits, Received, Record, Retention, TopicSpec, check_partition, partition_of,
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    pub id: i64,
    pub partitions: u32,
    pub compacted: bool,
}

fn find(conn: &Connection, name: &str) -> Result<Option<Topic>, Fail> {
    let mut found = conn.prepare_cached("SELECT id, partitions, keep_ms IS NULL FROM topics WHERE name = ?")?;
    Ok(found
        .query_row([name], |row| Ok(Topic { id: row.get(0)?, partitions: row.get(1)?, compacted: row.get(2)? }))
        .optional()?)
}

pub(super) fn get(conn: &Connection, name: &str) -> Result<Topic, Fail> {
    find(conn, name)?.ok_or_else(|| LogError::NoTopic(name.to_owned()).into())
}

/// Creates the topic, or takes over a new age limit; refuses another shape.
pub(super) fn ensure(conn: &Connection, spec: &TopicSpec) -> Result<(), Fail> {
    let keep_ms = match spec.keep {
        Retention::For(age) => Some(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        Retention::Compacted => None,
    };
    let refuse = |message| Err(Fail::Log(LogError::Broken { message, transient: false }));
    if spec.partitions == 0 || spec.partitions > MAX_PARTITIONS {
        return refuse(format!("topic {}: {} partitions, must be 1 to {MAX_PARTITIONS}", spec.name, spec.partitions));
    }
    match find(conn, &spec.name)? {
        None => {
            let sql = "INSERT INTO topics(name, partitions, keep_ms) VALUES(?, ?, ?)";
            conn.prepare_cached(sql)?.execute(params![spec.name, spec.partitions, keep_ms])?;
        }
        Some(topic) if topic.partitions != spec.partitions => {
            let (found, wanted) = (topic.partitions, spec.partitions);
            return Err(LogError::Partitions { topic: spec.name.clone(), found, wanted }.into());
        }
        Some(topic) if topic.compacted != keep_ms.is_none() => {
            return refuse(format!("topic {} exists, but is kept in the other way (by age or by key)", spec.name));
        }
        Some(topic) => {
            let sql = "UPDATE topics SET keep_ms = ?2 WHERE id = ?1 AND keep_ms IS NOT ?2";
            conn.prepare_cached(sql)?.execute(params![topic.id, keep_ms])?;
        }
    }
    Ok(())
}

/// The offset that the next record of a partition gets.
pub(super) fn next_offset(conn: &Connection, slot: i64) -> Result<u64, Fail> {
    let mut next = conn.prepare_cached("SELECT next FROM parts WHERE slot = ?")?;
    Ok(next.query_row([slot], |row| row.get::<_, i64>(0)).optional()?.unwrap_or(0) as u64)
}

/// `(oldest, next)`; a partition without records has both equal.
pub(super) fn bounds(conn: &Connection, slot: i64) -> Result<(u64, u64), Fail> {
    let next = next_offset(conn, slot)?;
    let mut oldest = conn.prepare_cached("SELECT min(id) FROM records WHERE id >= ? AND id < ?")?;
    let oldest: Option<i64> = oldest.query_row([row_id(slot, 0), row_id(slot + 1, 0)], |row| row.get(0))?;
    Ok((oldest.map_or(next, offset_of), next))
}

/// Partition by partition: each is one run of keys, and the table grows at one place at a time.
pub(super) fn append(conn: &Connection, name: &str, records: &[Record], now: Timestamp) -> Result<(), Fail> {
    let topic = get(conn, name)?;
    let mut parts: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
    for record in records {
        let partition = record.partition.unwrap_or_else(|| partition_of(&record.key, topic.partitions));
        check_partition(name, partition, topic.partitions)?;
        parts.entry(partition).or_default().push(record);
    }
    let at = now.as_millisecond();
    let mut insert = conn.prepare_cached("INSERT INTO records(id, at, key, value) VALUES(?, ?, ?, ?)")?;
    let mut advance = conn.prepare_cached("INSERT OR REPLACE INTO parts(slot, next) VALUES(?, ?)")?;
    for (partition, records) in parts {
        let slot = slot(topic.id, partition);
        let mut offset = next_offset(conn, slot)?;
        for record in records {
            let id = row_id(slot, offset);
            insert.execute(params![id, at, record.key, record.value])?;
            offset += 1;
            if topic.compacted {
                replace_head(conn, slot, record, (id, at))?;
            }
        }
        advance.execute(params![slot, offset as i64])?;
    }
    Ok(())
}

/// Of a compacted topic only the newest record of a key stays: the older one goes in the same transaction.
fn replace_head(conn: &Connection, slot: i64, record: &Record, (id, at): (i64, i64)) -> Result<(), Fail> {
    let mut old = conn.prepare_cached("SELECT id FROM heads WHERE slot = ? AND key = ?")?;
    if let Some(old) = old.query_row(params![slot, record.key], |row| row.get::<_, i64>(0)).optional()? {
        conn.prepare_cached("DELETE FROM records WHERE id = ?")?.execute([old])?;
    }
    let dead_at = record.value.is_empty().then_some(at);
    let sql = "INSERT OR REPLACE INTO heads(slot, key, id, dead_at) VALUES(?, ?, ?, ?)";
    conn.prepare_cached(sql)?.execute(params![slot, record.key, id, dead_at])?;
    Ok(())
}

pub(super) fn table(conn: &Connection, name: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Fail> {
    let topic = get(conn, name)?;
    if !topic.compacted {
        let message = format!("topic {name} is not compacted: it has no table");
        return Err(LogError::Broken { message, transient: false }.into());
    }
    let mut rows = conn.prepare_cached(
        "SELECT heads.key, records.value FROM heads JOIN records ON records.id = heads.id
         WHERE heads.slot >= ? AND heads.slot < ? AND heads.dead_at IS NULL",
    )?;
    let slots = [slot(topic.id, 0), slot(topic.id, topic.partitions)];
    Ok(rows.query_map(slots, |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// What one read may still take.
pub(super) struct Room {
    records: usize,
    bytes: usize,
    taken: usize,
}

impl Room {
    pub fn new(limits: PollLimits) -> Self {
        Room { records: limits.records, bytes: limits.bytes, taken: 0 }
    }

    /// The first record always fits, however large it is: a reader must get past it.
    fn take(&mut self, bytes: usize) -> bool {
        if self.records == 0 || (self.taken > 0 && bytes > self.bytes) {
            return false;
        }
        self.taken += 1;
        self.records -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// Reads on from `position` while there is room, and moves it past what was read.
pub(super) fn read(
    conn: &Connection,
    (name, topic): (&str, Topic),
    (partition, position): (u32, &mut u64),
    room: &mut Room,
    out: &mut Vec<Received>,
) -> Result<(), Fail> {
    let slot = slot(topic.id, partition);
    let sql = "SELECT id, at, key, value FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([row_id(slot, *position), row_id(slot + 1, 0), room.records as i64])?;
    while let Some(row) = rows.next()? {
        let (key, value) = (row.get_ref(2)?.as_blob(), row.get_ref(3)?.as_blob());
        let (key, value) = (key.map_err(rusqlite::Error::from)?, value.map_err(rusqlite::Error::from)?);
        if !room.take(key.len() + value.len()) {
            break;
        }
        let offset = offset_of(row.get(0)?);
        *position = offset + 1;
        out.push(Received {
            topic: name.to_owned(),
            partition,
            offset,
            key: key.to_vec(),
            value: value.to_vec(),
            appended_at: Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
        });
    }
    Ok(())
}

pub(super) fn commits(conn: &Connection, topic: Topic, group: &str) -> Result<Commits, Fail> {
    let sql = "SELECT slot, next, note FROM commits WHERE grp = ? AND slot >= ? AND slot < ?";
    let mut rows = conn.prepare_cached(sql)?;
    let first = slot(topic.id, 0);
    let pairs = rows.query_map(params![group, first, slot(topic.id, topic.partitions)], |row| {
        let commit = Commit { next: row.get::<_, i64>(1)? as u64, note: row.get(2)? };
        Ok(((row.get::<_, i64>(0)? - first) as u32, commit))
    })?;
    Ok(pairs.collect::<Result<_, _>>()?)
}

pub(super) fn commit(conn: &Connection, topic: Topic, group: &str, commits: &Commits) -> Result<(), Fail> {
    let mut save = conn.prepare_cached("INSERT OR REPLACE INTO commits(grp, slot, next, note) VALUES(?, ?, ?, ?)")?;
    for (partition, commit) in commits {
        save.execute(params![group, slot(topic.id, *partition), commit.next as i64, commit.note])?;
    }
    Ok(())
}
