//! One run of the child process, as its parent sees it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::announce::Announcement;
use crate::{EngineError, ServeOptions};

/// Longest start: opening a large data directory on a busy machine takes seconds.
const START: Duration = Duration::from_secs(60);
/// Largest log file that is written on.
const MAX_LOG: u64 = 4 * 1024 * 1024;

/// A child that answered. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    // Its end tells the child that the parent is gone.
    _stdin: ChildStdin,
    pub(crate) port: u16,
    pub(crate) version: String,
}

impl Running {
    /// Starts `command`, hands it `options`, and waits until it answers.
    ///
    /// Must be called from a thread that lives as long as the child shall: Linux ends the child with that thread.
    pub(crate) fn start(command: &[OsString], options: &ServeOptions) -> Result<Self, EngineError> {
        let dir = &options.data_dir;
        fs::create_dir_all(dir).map_err(EngineError::io("create", dir))?;
        let log = dir.join("engine.log");
        let (program, arguments) =
            command.split_first().ok_or_else(|| EngineError::Options("the child's command is empty".to_owned()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(open_log(&log)?)
            // Ctrl-C in a terminal goes to a whole process group; the parent stops the child in its own time.
            .process_group(0)
            .spawn()
            .map_err(EngineError::io("run", Path::new(program)))?;
        let said = announcements(&mut child);
        let stdin = child.stdin.take();
        let mut starting = Starting { child: Some(child), log };
        let mut stdin = stdin.ok_or_else(|| starting.failed("it has no stdin"))?;
        let line = serde_json::to_string(options).map_err(|error| EngineError::Options(error.to_string()))?;
        // A child that has ended already cannot read it; how it ended, which `wait` tells, says more than a broken pipe.
        if let Err(error) = writeln!(stdin, "{line}")
            && error.kind() != ErrorKind::BrokenPipe
        {
            return Err(starting.failed(format!("it cannot be told its options: {error}")));
        }
        let (port, version) = starting.wait(&said)?.into_result(dir, &starting.log)?;
        let child = starting.child.take().ok_or_else(|| starting.failed("it ended"))?;
        Ok(Self { child, _stdin: stdin, port, version })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, and kills it if it has not after `grace`.
    pub(crate) fn stop(mut self, grace: Duration) {
        if let Ok(pid) = libc::pid_t::try_from(self.pid()) {
            // SAFETY: the child has not been waited for, so the id is still its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        let deadline = Instant::now() + grace;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                tracing::warn!(pid = self.pid(), "the engine did not stop in time and is killed");
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only for a child that has ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// A child that has not yet answered.
struct Starting {
    child: Option<Child>,
    log: PathBuf,
}

impl Starting {
    fn failed(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Start { reason: reason.into(), log: self.log.clone() }
    }

    fn wait(&mut self, said: &mpsc::Receiver<Announcement>) -> Result<Announcement, EngineError> {
        match said.recv_timeout(START) {
            Ok(announcement) => Ok(announcement),
            Err(RecvTimeoutError::Timeout) => Err(self.failed(format!("no answer within {START:?}"))),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.as_mut().and_then(|child| child.wait().ok());
                let status = status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string());
                Err(self.failed(format!("the child ended with {status} before it answered")))
            }
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// Reads the child's stdout to its end, so that it never blocks on it, and passes announcements on.
fn announcements(child: &mut Child) -> mpsc::Receiver<Announcement> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(announcement) = Announcement::read(&line) {
                    // The receiver is gone once the child has answered.
                    let _ = sender.send(announcement);
                }
            }
        });
    }
    receiver
}

/// The log for the child's stderr; one that has grown large is put aside first, over the one put aside before.
fn open_log(path: &Path) -> Result<File, EngineError> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_LOG) {
        fs::rename(path, path.with_extension("log.old")).map_err(EngineError::io("put aside", path))?;
    }
    OpenOptions::new().create(true).append(true).open(path).map_err(EngineError::io("open", path))
}
