//! A Chromium for the tests of the page.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// Names it: the tests of the page read the same variable.
pub const VARIABLE: &str = "CHROMIUM";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const ADVICE: &str = "install Chromium (Debian: `apt-get install chromium`), or name one in CHROMIUM, \
     or leave the tests of the page out with `--without-page`";

/// The browser that is there.
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| NAMES.into_iter().find_map(command::find))
}

/// Installs one by apt-get where that is possible and none is there.
pub fn ensure() -> Result<()> {
    if find().is_some() {
        eprintln!("setup: a Chromium is present");
        return Ok(());
    }
    // SAFETY: geteuid has no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    if !root || command::find("apt-get").is_none() || Path::new("/etc/lsb-release").is_file() {
        // Ubuntu's package of this name only asks for a snap.
        bail!("the tests of the page need a Chromium: {ADVICE}");
    }
    eprintln!("setup: Chromium is missing; installing it by apt-get (about 100 MB)");
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "chromium"])?;
    match find() {
        Some(_) => Ok(()),
        None => bail!("apt-get installed no Chromium: {ADVICE}"),
    }
}

fn apt_get(words: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command::capture(command.args(["--quiet=2"]).args(words).env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}
