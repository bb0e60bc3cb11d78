//! What SQLite reports, in words that name the file and the mend.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::LogError;

/// A failure inside a read or a write, before the path of the file is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fail {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Fail {
    pub fn at(self, path: &Path) -> LogError {
        match self {
            Fail::Log(error) => error,
            Fail::Sql(error) => explain(&error, path),
        }
    }
}

fn explain(error: &rusqlite::Error, path: &Path) -> LogError {
    let file = path.display();
    let broken = |message: String, transient| LogError::Broken { message, transient };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LogError::DiskFull(format!(
            "{file} cannot grow ({error}); free space there, raise the log's size limit or shorten the topics' retention"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => broken(
            format!(
                "the log file {file} is damaged or is not a log ({error}); stop grapevine, keep a copy, then restore a \
                 backup or move the file away: an empty log starts every source anew, and posts that come again fold by \
                 their ids"
            ),
            false,
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            broken(format!("the log file {file} is locked by another process ({error})"), true)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => broken(
            format!(
                "cannot open the log file {file} for writing ({error}); check that its folder exists and is writable"
            ),
            false,
        ),
        Some(ErrorCode::SystemIoFailure) => {
            broken(format!("reading or writing the log file {file} failed ({error})"), true)
        }
        _ => broken(format!("the log file {file}: {error}"), false),
    }
}
