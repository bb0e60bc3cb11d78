//! `grapevine up` as a child of the demo: its page is opened, its end is an error, Ctrl-C ends both.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use grapevine_testkit::process::{signal, spawn_bound, tail};
use jiff::Timestamp;

use super::live::Platforms;
use super::replay::Replay;
use super::watch::{Page, Watch};
use crate::{command, repository};

const LOOK: Duration = Duration::from_millis(250);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Set by Ctrl-C or SIGTERM.
static ASKED_TO_STOP: AtomicBool = AtomicBool::new(false);

pub struct Running {
    child: Child,
    log: PathBuf,
    /// What it reads, where that is not the world. It ends after grapevine.
    platforms: Option<Platforms>,
    /// Known once grapevine has said it.
    page: Arc<OnceLock<Page>>,
}

impl Running {
    /// Starts it with its log in `grapevine.log`. What it says about its address goes on to the terminal.
    pub fn start(binary: &Path, data: &Path, open: bool, platforms: Option<Platforms>) -> Result<Running> {
        stop_on_signals();
        let log = data.join("grapevine.log");
        let mut command = Command::new(binary);
        command.arg("up").arg("--config").arg(data.join("grapevine.toml")).current_dir(repository::root());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let secrets = platforms.iter().flat_map(|platforms| &platforms.secrets);
        command.envs(secrets.map(|(name, value)| (name, value)));
        let mut child = spawn_bound(command).context("cannot start grapevine")?;
        let page = Arc::new(OnceLock::new());
        if let Some(stdout) = child.stdout.take() {
            let page = page.clone();
            thread::spawn(move || pass_on(stdout, &page, open));
        }
        Ok(Running { child, log, platforms, page })
    }

    /// Replays until Ctrl-C, until `limit` has passed, or until grapevine ends by itself, which is an error.
    pub fn until_stopped(
        mut self,
        mut replay: Option<Replay>,
        mut watch: Watch,
        limit: Option<Duration>,
    ) -> Result<()> {
        let started = Instant::now();
        while !ASKED_TO_STOP.load(Ordering::Relaxed) && limit.is_none_or(|limit| started.elapsed() < limit) {
            if let Some(status) = self.child.try_wait()? {
                bail!("grapevine ended ({status}); its log is {}\n{}", self.log.display(), tail(&self.log, 20));
            }
            self.platforms.as_mut().map_or(Ok(()), Platforms::check)?;
            if let Some(replay) = &mut replay {
                replay.append_due(Timestamp::now())?;
            }
            watch.look(self.page.get());
            thread::sleep(LOOK);
        }
        eprintln!("demo: stopping");
        self.stop()
    }

    fn stop(&mut self) -> Result<()> {
        signal(self.child.id(), libc::SIGTERM);
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.child.kill()?;
                bail!("grapevine did not stop within {} s and was killed", STOP_PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After an error; when it has ended already, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints what grapevine prints; notes the page's address, and opens it.
fn pass_on(stdout: ChildStdout, page: &OnceLock<Page>, open: bool) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("{line}");
        let Some(address) = address_in(&line) else { continue };
        let first = Page::of_address(address).is_some_and(|found| page.set(found).is_ok());
        if first && open {
            open_in_browser(address);
        }
    }
}

fn address_in(line: &str) -> Option<&str> {
    let start = line.find("http://")?;
    line[start..].split_whitespace().next()
}

/// Only where there is a desktop to open it on.
fn open_in_browser(address: &str) {
    let desktop = std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some();
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if (desktop || cfg!(target_os = "macos")) && command::find(opener).is_some() {
        // The address is printed: a browser that does not open costs one click.
        let _ = Command::new(opener).arg(address).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn stop_on_signals() {
    extern "C" fn note(_signal: i32) {
        ASKED_TO_STOP.store(true, Ordering::Relaxed);
    }
    for number in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores into an atomic, which is async-signal-safe.
        unsafe { libc::signal(number, note as extern "C" fn(i32) as libc::sighandler_t) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_with_its_token() {
        let line = "Grapevine is up: http://127.0.0.1:8642/#token=abc";
        assert_eq!(address_in(line), Some("http://127.0.0.1:8642/#token=abc"));
        assert_eq!(address_in("This token is shown once"), None);
    }
}
