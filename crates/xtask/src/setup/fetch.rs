//! One download: into a temporary folder, checked, renamed into place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::progress::watch;
use crate::command;

/// Something that the cache holds as one folder.
pub struct Item<'a> {
    /// For people: `ONNX Runtime 1.22.1`.
    pub name: &'a str,
    /// The folder's name in the cache.
    pub folder: &'a str,
    /// Where it comes from, for people: `from PyPI by pip`.
    pub from: &'a str,
    /// Bytes of the download.
    pub bytes: u64,
}

/// A folder to work in, on the cache's file system, removed in the end.
pub struct Workshop {
    dir: tempfile::TempDir,
    label: String,
    bytes: u64,
}

impl Workshop {
    /// Where downloads and other intermediate files go.
    pub fn downloads(&self) -> PathBuf {
        self.dir.path().join("downloads")
    }

    /// What becomes the cache's folder.
    pub fn output(&self) -> PathBuf {
        self.dir.path().join("output")
    }

    /// Runs a program that downloads, with its temporary files under [`Workshop::downloads`], where they are counted.
    pub fn download(&self, command: &mut Command) -> Result<()> {
        command.env("TMPDIR", self.downloads()).env("npm_config_cache", self.downloads().join("npm"));
        command.env("npm_config_update_notifier", "false");
        watch(command, &self.downloads(), &self.label, self.bytes)
    }

    /// The one file among the downloads whose name ends with `suffix`.
    pub fn downloaded(&self, suffix: &str) -> Result<PathBuf> {
        let mut found = fs::read_dir(self.downloads())?.filter_map(|entry| Some(entry.ok()?.path()));
        found
            .find(|path| path.to_string_lossy().ends_with(suffix))
            .with_context(|| format!("the download left no *{suffix} in {}", self.downloads().display()))
    }
}

/// Gives the cache's folder of `item`. Where it is missing, `make` fills [`Workshop::output`], which is then renamed.
pub fn ensure(cache: &Path, item: &Item, make: impl FnOnce(&Workshop) -> Result<()>) -> Result<PathBuf> {
    let target = cache.join(item.folder);
    if target.is_dir() {
        eprintln!("setup: {} is present", item.name);
        return Ok(target);
    }
    eprintln!("setup: {} is missing; fetching {} {}", item.name, megabytes(item.bytes), item.from);
    let dir = tempfile::Builder::new().prefix(".setup-").tempdir_in(cache)?;
    let workshop = Workshop { dir, label: item.name.to_owned(), bytes: item.bytes };
    fs::create_dir(workshop.downloads())?;
    fs::create_dir(workshop.output())?;
    make(&workshop).with_context(|| format!("cannot set up {}", item.name))?;
    fs::rename(workshop.output(), &target).with_context(|| format!("cannot move {} into place", item.name))?;
    Ok(target)
}

/// `797 MB`
pub fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Fails unless the file has this SHA-256.
pub fn verify(file: &Path, sha256: &str) -> Result<()> {
    let found = sha256_of(file)?;
    if found != sha256 {
        bail!(
            "{} is not the file that is pinned: its SHA-256 is {found}, expected {sha256}; \
             try again, and if it stays so, do not use it",
            file.display()
        );
    }
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256_of(file: &Path) -> Result<String> {
    let mut reader = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut hasher = Sha256::new();
    io::copy(&mut reader, &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

/// `python3 -m pip download` of one wheel for Python 3.11, whatever Python runs here: only its libraries are used.
pub fn pip_download(workshop: &Workshop, requirement: &str, platforms: &[&str]) -> Result<PathBuf> {
    command::need("python3", "install Python 3 with pip (Debian and Ubuntu: `apt-get install python3 python3-pip`)")?;
    command::capture(Command::new("python3").args(["-m", "pip", "--version"]))
        .context("Python's pip is missing: install it (Debian and Ubuntu: `apt-get install python3-pip`)")?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--progress-bar=off"]);
    pip.args(["--python-version", "311", "--implementation", "cp", "--abi", "cp311"]);
    pip.args(platforms.iter().flat_map(|platform| ["--platform", platform]));
    workshop.download(pip.arg("--dest").arg(workshop.downloads()).arg(requirement))?;
    workshop.downloaded(".whl")
}

/// Extracts the members of a wheel that match the patterns (`torch/include/*`).
pub fn extract_wheel(wheel: &Path, folder: &Path, patterns: &[&str]) -> Result<()> {
    let script = include_str!("../../assets/extract_wheel.py");
    command::capture(Command::new("python3").args(["-c", script]).arg(wheel).arg(folder).args(patterns))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Item = Item { name: "thing 1", folder: "thing-1", from: "from a shelf", bytes: 3 };

    #[test]
    fn what_was_made_stands_in_the_cache_and_is_made_once() {
        let cache = tempfile::tempdir().unwrap();
        let made = ensure(cache.path(), &ITEM, |shop| Ok(fs::write(shop.output().join("file"), "abc")?)).unwrap();
        assert_eq!(fs::read_to_string(made.join("file")).unwrap(), "abc");
        ensure(cache.path(), &ITEM, |_| panic!("made twice")).unwrap();
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let cache = tempfile::tempdir().unwrap();
        let make = |shop: &Workshop| {
            fs::write(shop.output().join("file"), "half")?;
            bail!("the line broke")
        };
        let error = ensure(cache.path(), &ITEM, make).unwrap_err();
        assert_eq!(format!("{error:#}"), "cannot set up thing 1: the line broke");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "abc").unwrap();
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(&file, right).unwrap();
        fs::write(&file, "abd").unwrap();
        assert!(verify(&file, right).unwrap_err().to_string().contains("is not the file that is pinned"));
    }
}
