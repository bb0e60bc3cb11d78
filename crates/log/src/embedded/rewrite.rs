//! Records in whose place other values are put, so that the file holds the old ones no more.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use super::{
    fail::Fail,
    schema::{row_id, slot},
    topic,
};
use crate::{LogError, check_partition};

/// Records of one transaction: bounds how long an append waits behind it.
pub(super) const AT_ONCE: usize = 1000;
/// Between two attempts to empty the write-ahead log.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn rewrite(
    conn: &Connection,
    (name, partition): (&str, u32),
    changes: &[(u64, Vec<u8>)],
) -> Result<(), Fail> {
    let found = topic::get(conn, name)?;
    check_partition(name, partition, found.partitions)?;
    if found.compacted {
        let message = format!("topic {name} is compacted: append to it instead of rewriting it");
        return Err(LogError::Broken { message, transient: false }.into());
    }
    let slot = slot(found.id, partition);
    let mut change = conn.prepare_cached(
        "UPDATE records SET value = ?2, key = CASE length(?2) WHEN 0 THEN x'' ELSE key END WHERE id = ?1",
    )?;
    for (offset, value) in changes {
        change.execute(params![row_id(slot, *offset), value])?;
    }
    Ok(())
}

/// Writes the file anew from what its tables hold: `secure_delete` clears what is removed, but not the copies that stand
/// between the cells of a page once cells have moved to another. Then it moves the write-ahead log into the file and cuts
/// it to nothing, which readers and writers that are at work hold up.
pub(super) fn purge(path: &Path, patience: Duration) -> Result<(), Fail> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(patience)?;
    conn.execute_batch("VACUUM")?;
    let began = Instant::now();
    loop {
        let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        if began.elapsed() >= patience {
            let message =
                "what was taken out of the log stands in its write-ahead file still, as others read and write \
                           without a pause; try again"
                    .to_owned();
            return Err(LogError::Broken { message, transient: true }.into());
        }
        thread::sleep(LOOK);
    }
}
