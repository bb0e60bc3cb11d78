//! `cargo xtask setup`: what a fresh clone lacks, fetched once per machine into the cache.
//!
//! Every download is pinned by version and SHA-256, is unpacked in a temporary folder and renamed into place, so that an
//! interrupted run leaves nothing half made. A lock in the cache lets only one setup work at a time.

mod browser;
mod fetch;
mod kafka;
mod libchdb;
mod libtorch;
mod onnxruntime;
mod page;
mod progress;

pub use browser::{VARIABLE as BROWSER_VARIABLE, find as find_browser};
pub use libchdb::VERSION as LIBCHDB_VERSION;
pub use page::install as install_page;

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use grapevine_testkit::cache::cache_dir;

use crate::command;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave out Kafka's jars (then run tests with --without-kafka)
    #[arg(long)]
    without_kafka: bool,
    /// Leave out the page, which needs Node.js
    #[arg(long)]
    without_page: bool,
}

impl From<Args> for Options {
    fn from(args: Args) -> Options {
        Options { kafka: !args.without_kafka, page: !args.without_page, browser: false }
    }
}

/// What to set up beside the libraries, which are always needed.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub kafka: bool,
    pub page: bool,
    /// A Chromium, for the tests of the page.
    pub browser: bool,
}

/// Sets up what is missing. Everything present: a few milliseconds.
pub fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    check_tools()?;
    let cache = cache_dir();
    fs::create_dir_all(&cache).with_context(|| format!("cannot create the cache {}", cache.display()))?;
    let _lock = lock(&cache)?;
    libtorch::ensure(&cache)?;
    onnxruntime::ensure(&cache)?;
    libchdb::ensure(&cache)?;
    if options.kafka {
        kafka::ensure(&cache)?;
    }
    if options.page {
        page::ensure()?;
    } else {
        page::leave_out()?;
    }
    if options.browser {
        browser::ensure()?;
    }
    eprintln!("setup: done in {:.1} s; downloads are kept in {}", started.elapsed().as_secs_f32(), cache.display());
    Ok(())
}

/// One setup at a time for each cache: a second one waits, then finds everything present.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("setup.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot open the lock {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("setup: another setup is running; waiting for it");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Err(TryLockError::Error(error)) => return Err(error).context(format!("cannot lock {}", path.display())),
    }
    Ok(file)
}

/// The compilers that the workspace's own build needs. All that is missing is named at once.
fn check_tools() -> Result<()> {
    let remedy = "install it (Debian and Ubuntu: `apt-get install build-essential`; macOS: `xcode-select --install`)";
    let missing: Vec<&str> =
        ["cc", "c++", "make", "nm"].into_iter().filter(|tool| command::find(tool).is_none()).collect();
    match missing.first() {
        None => Ok(()),
        Some(_) => anyhow::bail!("a C and C++ toolchain is needed, without {}: {remedy}", missing.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_setup_waits_for_the_first() {
        let cache = tempfile::tempdir().unwrap();
        let first = lock(cache.path()).unwrap();
        let path = cache.path().to_owned();
        let (done, ended) = std::sync::mpsc::channel();
        let second = std::thread::spawn(move || {
            let held = lock(&path).unwrap();
            done.send(()).unwrap();
            drop(held);
        });
        assert!(ended.recv_timeout(std::time::Duration::from_millis(200)).is_err());
        drop(first);
        ended.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        second.join().unwrap();
    }
}
