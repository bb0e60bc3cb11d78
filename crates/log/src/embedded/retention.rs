//! Forgetting: records older than their topic keeps them, and deletions of compacted topics that every reader has seen.

use rusqlite::{Connection, params};

use super::{
    fail::Fail,
    schema::{row_id, slot},
};

/// A deletion in a compacted topic stays readable for a day, so that a reader that follows the topic learns of it
/// (the same as Kafka's `delete.retention.ms`).
const DELETION_KEPT_MS: i64 = 24 * 3600 * 1000;

/// Removes at most about `limit` records; gives how many went.
pub(super) fn expire(conn: &Connection, now_ms: i64, limit: usize) -> Result<usize, Fail> {
    let mut removed = 0;
    let mut topics = conn.prepare_cached("SELECT id, partitions, keep_ms FROM topics WHERE keep_ms IS NOT NULL")?;
    let mut rows = topics.query([])?;
    while let Some(row) = rows.next()? {
        let (topic, partitions, keep_ms): (i64, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for partition in 0..partitions {
            let before = now_ms.saturating_sub(keep_ms);
            removed += expire_partition(conn, slot(topic, partition), before, limit.saturating_sub(removed))?;
        }
    }
    Ok(removed + forget_deletions(conn, now_ms - DELETION_KEPT_MS, limit.saturating_sub(removed))?)
}

/// The oldest records go first, up to the first that is young enough: what is left has no holes.
fn expire_partition(conn: &Connection, slot: i64, before_ms: i64, limit: usize) -> Result<usize, Fail> {
    let (from, to) = (row_id(slot, 0), row_id(slot + 1, 0));
    let mut oldest = conn.prepare_cached("SELECT id, at FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?")?;
    let mut rows = oldest.query(params![from, to, limit as i64])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before_ms {
            break;
        }
        last = Some(row.get::<_, i64>(0)?);
    }
    drop(rows);
    let Some(last) = last else { return Ok(0) };
    Ok(conn.prepare_cached("DELETE FROM records WHERE id >= ? AND id <= ?")?.execute(params![from, last])?)
}

fn forget_deletions(conn: &Connection, before_ms: i64, limit: usize) -> Result<usize, Fail> {
    let mut dead = conn.prepare_cached("SELECT slot, key, id FROM heads WHERE dead_at < ? LIMIT ?")?;
    let found: Vec<(i64, Vec<u8>, i64)> = dead
        .query_map(params![before_ms, limit as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (slot, key, id) in &found {
        conn.prepare_cached("DELETE FROM heads WHERE slot = ? AND key = ?")?.execute(params![slot, key])?;
        conn.prepare_cached("DELETE FROM records WHERE id = ?")?.execute([id])?;
    }
    Ok(found.len())
}
