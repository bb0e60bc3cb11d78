//! Clocks that jump: a small library, preloaded into a process under test, moves that process's wall clock while it runs.
//!
//! The library is C, built with `gcc` into the test's own folder (a tenth of a second). Linux only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};

const SOURCE: &str = include_str!("clock.c");

/// The library, ready to be preloaded.
#[derive(Debug, Clone)]
pub struct ClockLibrary {
    path: PathBuf,
}

impl ClockLibrary {
    /// Builds it in `dir`. `None`, with a line on standard error, where there is no `gcc` or it is not Linux: tests go on
    /// without clocks that jump, or skip.
    pub fn build(dir: &Path) -> io::Result<Option<Self>> {
        if !cfg!(target_os = "linux") || Command::new("gcc").arg("--version").output().is_err() {
            eprintln!("skipped: clocks that jump need Linux and gcc (`apt-get install gcc`)");
            return Ok(None);
        }
        let (source, path) = (dir.join("clock.c"), dir.join("libgrapevine_clock.so"));
        fs::write(&source, SOURCE)?;
        let mut gcc = Command::new("gcc");
        gcc.args(["-O1", "-shared", "-fPIC", "-pthread", "-o"]).arg(&path).arg(&source).arg("-ldl");
        let output = gcc.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("the clock library does not build: {said}")));
        }
        Ok(Some(Self { path }))
    }

    /// A clock that stands right, kept in the file `path`. One for each process that shall jump on its own.
    pub fn clock(&self, path: &Path) -> io::Result<Clock> {
        fs::write(path, 0_i64.to_ne_bytes())?;
        Ok(Clock { library: self.path.clone(), file: path.to_owned(), shift: AtomicI64::new(0) })
    }
}

/// The wall clock of one process and of those that are started in its place.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
    shift: AtomicI64,
}

impl Clock {
    /// Lets a process that is started with `command` go by this clock.
    pub fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("GRAPEVINE_CLOCK_FILE", &self.file);
    }

    /// Sets it so many seconds ahead of the real time (behind it, if negative), at once.
    pub fn set(&self, seconds: i64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        // In place, not anew: processes have the file mapped. Eight bytes at a multiple of eight are seen whole.
        fs::File::options().write(true).open(&self.file)?.write_all_at(&seconds.to_ne_bytes(), 0)?;
        self.shift.store(seconds, Ordering::Relaxed);
        Ok(())
    }

    /// Seconds that it stands ahead of the real time.
    pub fn shift(&self) -> i64 {
        self.shift.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::process::{Process, wait_for};

    fn now() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
    }

    #[test]
    fn a_running_process_sees_its_clock_jump_and_waits_as_long_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let Some(library) = ClockLibrary::build(dir.path()).unwrap() else { return };
        let clock = library.clock(&dir.path().join("shift")).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", "while sleep 0.02; do printf '%(%s)T\\n' -1; done"]);
        clock.apply(&mut command);
        let process = Process::start(command, &dir.path().join("log")).unwrap();
        for hours in [0, 1, -1] {
            clock.set(hours * 3600).unwrap();
            let right = |line: &str| line.parse::<i64>().is_ok_and(|time| (time - now() - hours * 3600).abs() <= 2);
            let jumped = wait_for(Duration::from_secs(5), || right(&process.log_tail(1)));
            assert!(jumped, "{hours} h: {} at {}", process.log_tail(1), now());
        }
    }
}
