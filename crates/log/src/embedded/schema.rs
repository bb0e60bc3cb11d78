//! The file: how it is opened, its tables, and how a record's place becomes a row id.
//!
//! | table | a row is |
//! |---|---|
//! | `topics` | a topic; `keep_ms` is null where it is compacted |
//! | `parts` | a partition and the offset of its next record |
//! | `records` | a record; its id is (topic, partition, offset) packed into 63 bits, so a partition is one run of keys |
//! | `heads` | the newest record of a key of a compacted topic; `dead_at` is set while that record is a deletion |
//! | `commits` | where a group reads on, and its note |
//! | `groups`, `members`, `claims` | who reads what: see [`super::group`] |

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{EmbeddedOptions, fail::Fail};
use crate::LogError;

const OFFSET_BITS: u32 = 40;
const PARTITION_BITS: u32 = 12;
/// Partitions of one topic, and records of one partition over its whole life: what a row id has room for.
pub(super) const MAX_PARTITIONS: u32 = 1 << PARTITION_BITS;
const OFFSET_MASK: i64 = (1 << OFFSET_BITS) - 1;

/// "GRPV": tells a log from any other SQLite file.
const APPLICATION_ID: i32 = 0x4752_5056;
/// Of the tables. A file of an earlier version is brought up to date when it is opened.
const VERSION: i32 = MIGRATIONS.len() as i32;
const PAGE_BYTES: u64 = 8192;

/// The first makes the tables, each of the others brings them from one version to the next. Never changed, only added to.
const MIGRATIONS: [&str; 2] = [TABLES, "ALTER TABLE commits ADD COLUMN note TEXT NOT NULL DEFAULT ''"];

const TABLES: &str = "
    CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL, keep_ms INTEGER);
    CREATE TABLE parts(slot INTEGER PRIMARY KEY, next INTEGER NOT NULL);
    CREATE TABLE records(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);
    CREATE TABLE heads(slot INTEGER, key BLOB, id INTEGER NOT NULL, dead_at INTEGER, PRIMARY KEY(slot, key)) WITHOUT ROWID;
    CREATE INDEX heads_dead ON heads(dead_at) WHERE dead_at IS NOT NULL;
    CREATE TABLE commits(grp TEXT, slot INTEGER, next INTEGER NOT NULL, PRIMARY KEY(grp, slot)) WITHOUT ROWID;
    CREATE TABLE groups(grp TEXT, topic INTEGER, generation INTEGER NOT NULL, PRIMARY KEY(grp, topic)) WITHOUT ROWID;
    CREATE TABLE members(id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, topic INTEGER NOT NULL,
                         session TEXT NOT NULL, owner TEXT NOT NULL, expires INTEGER NOT NULL);
    CREATE TABLE claims(grp TEXT, topic INTEGER, part INTEGER, member INTEGER NOT NULL, since INTEGER NOT NULL,
                        PRIMARY KEY(grp, topic, part)) WITHOUT ROWID;";

/// One partition of one topic.
pub(super) fn slot(topic: i64, partition: u32) -> i64 {
    (topic << PARTITION_BITS) | i64::from(partition)
}

pub(super) fn row_id(slot: i64, offset: u64) -> i64 {
    (slot << OFFSET_BITS) | (offset.min(OFFSET_MASK as u64) as i64)
}

pub(super) fn offset_of(row_id: i64) -> u64 {
    (row_id & OFFSET_MASK) as u64
}

/// Opens the file for the writer: creates it where it is missing.
pub(super) fn open_writer(path: &Path, options: &EmbeddedOptions) -> Result<Connection, Fail> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(options.lock_wait)?;
    // The page size counts only before the first page is written; FULL syncs the WAL at every commit.
    conn.execute_batch(&format!("PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"))?;
    // What is removed is overwritten with zeros: neither retention nor a rewritten record leaves its bytes in the file.
    conn.execute_batch("PRAGMA secure_delete=ON;")?;
    conn.execute_batch(
        "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32000;",
    )?;
    conn.set_prepared_statement_cache_capacity(64);
    if let Some(bytes) = options.max_bytes {
        conn.pragma_update(None, "max_page_count", bytes.div_ceil(PAGE_BYTES) as i64)?;
    }
    migrate(&conn)?;
    // From here on its writes begin by [`super::turn::Turn`], which does the waiting.
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn)
}

pub(super) fn open_reader(path: &Path, lock_wait: Duration) -> Result<Connection, Fail> {
    // SQLite needs the write permission to map the WAL's index; `query_only` keeps the connection from writing.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(lock_wait)?;
    conn.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-8000;")?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Several processes may open a new file at once: the version is read again under the lock.
fn migrate(conn: &Connection) -> Result<(), Fail> {
    if version(conn)? == VERSION {
        return Ok(());
    }
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[version(&tx)? as usize..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    Ok(tx.commit()?)
}

/// From 0, an empty file, to [`VERSION`].
fn version(conn: &Connection) -> Result<i32, Fail> {
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let file = conn.path().unwrap_or("the log file").to_owned();
    let refuse = |message| Err(Fail::Log(LogError::Broken { message, transient: false }));
    match (application, version, tables) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, 1..=VERSION, _) => Ok(version),
        (APPLICATION_ID, newer, _) => refuse(format!(
            "{file} was written by another grapevine (log version {newer}, this one knows {VERSION}); use that one"
        )),
        _ => refuse(format!("{file} is a SQLite file, but not a log of grapevine; name another path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_id_keeps_partitions_apart_and_offsets_in_order() {
        assert!(row_id(slot(1, 0), u64::MAX) < row_id(slot(1, 1), 0));
        assert!(row_id(slot(1, MAX_PARTITIONS - 1), 7) < row_id(slot(2, 0), 0));
        assert_eq!(offset_of(row_id(slot(2000, 4095), 123_456_789)), 123_456_789);
    }
}
