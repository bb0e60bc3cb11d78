//! What can go wrong on the way to a running engine.

use std::io;
use std::path::{Path, PathBuf};

use crate::Fault;

/// Why the engine could not be started or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The library is not where it should be.
    #[error("the ClickHouse library {} is missing: run `cargo xtask setup`", path.display())]
    LibraryMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The library is there but cannot be used.
    #[error("the ClickHouse library {} cannot be loaded: {reason}; remove it and set up anew", path.display())]
    LibraryUnusable {
        /// The file that was loaded.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// Another process holds the data directory.
    #[error("data directory {} is in use by process {pid}: stop it, or choose another directory", dir.display())]
    DataDirInUse {
        /// The directory.
        dir: PathBuf,
        /// The holder's process id; 0 if it did not write one.
        pid: u32,
    },
    /// A file or directory could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for; 0 asks for any free one.
        port: u16,
        /// The system's words.
        source: io::Error,
    },
    /// The engine refused to open its data directory.
    #[error("the engine cannot open its data: {0}")]
    Open(Fault),
    /// The child's options, which it reads from stdin, are unreadable.
    #[error("engine options on stdin are unreadable: {0}")]
    Options(String),
    /// The child process did not become ready.
    #[error("the engine did not start: {reason}; see {}", log.display())]
    Start {
        /// What the child said, or how it ended.
        reason: String,
        /// The child's log file.
        log: PathBuf,
    },
}

impl EngineError {
    /// Whether the same start may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::LibraryMissing { .. }
            | Self::LibraryUnusable { .. }
            | Self::DataDirInUse { .. }
            | Self::Options(_) => false,
            Self::Listen { .. } | Self::Start { .. } => true,
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::Interrupted | io::ErrorKind::StorageFull)
            }
            Self::Open(fault) => fault.is_transient(),
        }
    }

    /// For `map_err`: an [`EngineError::Io`] about `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
