//! Processes that write take turns.
//!
//! SQLite's lock knows no queue: a process that writes without a pause takes it again before one that waits has looked,
//! and could keep it out until its patience ends. So whoever begins to write first takes a second lock, on an empty file
//! beside the log, and gives it back once it has SQLite's: the writer before it has to stand behind it then.
//!
//! This second lock protects nothing. A process that was frozen while it held it costs the others a moment each time, and
//! where files can not be locked there is no queue.

use std::{
    fs::File,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};

/// Between two looks at a lock.
const LOOK: Duration = Duration::from_millis(1);
/// Longer than any transaction that goes well.
const FROZEN: Duration = Duration::from_millis(500);

pub(super) struct Turn {
    file: Option<File>,
    lock_wait: Duration,
}

impl Turn {
    pub fn open(log: &Path, lock_wait: Duration) -> Self {
        let mut path = log.as_os_str().to_owned();
        path.push("-turn");
        Turn { file: File::create(path).ok(), lock_wait }
    }

    /// Begins a transaction that writes; waits for other processes that are writing. (The connection's own waiting is off:
    /// it looks less often the longer it waits.)
    pub fn begin(&self, conn: &Connection) -> rusqlite::Result<()> {
        let began = Instant::now();
        let held = self.take(began);
        let outcome = loop {
            let outcome = conn.execute_batch("BEGIN IMMEDIATE");
            let busy = matches!(&outcome, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
            if !busy || began.elapsed() >= self.lock_wait {
                break outcome;
            }
            thread::sleep(LOOK);
        };
        if let Some(file) = held {
            // Closing the file, at the latest, gives it back.
            let _ = file.unlock();
        }
        outcome
    }

    fn take(&self, began: Instant) -> Option<&File> {
        let file = self.file.as_ref()?;
        while file.try_lock().is_err() {
            if began.elapsed() >= FROZEN.min(self.lock_wait) {
                return None;
            }
            thread::sleep(LOOK);
        }
        Some(file)
    }
}
