//! One engine per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::EngineError;

const FILE: &str = "engine.lock";
/// How long a predecessor that is just ending is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Holds the data directory until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the directory for this process, whose id the file then names.
    pub(crate) fn take(dir: &Path) -> Result<Self, EngineError> {
        let path = dir.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(EngineError::io("open", &path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(50)),
                Err(TryLockError::WouldBlock) => {
                    return Err(EngineError::DataDirInUse { dir: dir.to_path_buf(), pid: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(EngineError::io("lock", &path)(source)),
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())
        };
        if let Err(error) = write(&mut file) {
            // Held all the same: a full disk must not keep the engine from reading.
            tracing::warn!(%error, path = %path.display(), "cannot write this process's id");
        }
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    // A holder that has not yet written its id is told as 0.
    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_until_the_lock_is_dropped() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let held = DirLock::take(dir.path()).expect("free");
        let error = DirLock::take(dir.path()).expect_err("held");
        let wanted = format!(
            "data directory {} is in use by process {}: stop it, or choose another directory",
            dir.path().display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), wanted);
        drop(held);
        DirLock::take(dir.path()).expect("free again");
    }
}
