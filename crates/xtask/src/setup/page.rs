//! The page: `npm ci` and `npm run build` in `crates/api/ui`, when its sources are newer than what was built.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::{command, repository};

/// Made by `npm ci` and the build: not sources.
const MADE: [&str; 2] = ["node_modules", "dist"];

/// `crates/api/ui/dist/`, up to date.
pub fn ensure() -> Result<()> {
    let ui = repository::root().join("crates/api/ui");
    if !ui.join("package.json").is_file() {
        eprintln!("setup: the page has no sources in {}; skipped", ui.display());
        return Ok(());
    }
    if !needs_build(&ui) {
        eprintln!("setup: the page is built");
        return Ok(());
    }
    install(&ui)?;
    eprintln!("setup: building the page");
    run_npm(&ui, &["run", "build"])
}

/// The page is embedded in the binary, so that something must be there to embed: a note, where no page was ever built.
pub fn leave_out() -> Result<()> {
    write_note(&repository::root().join("crates/api/ui/dist"))
}

fn write_note(dist: &Path) -> Result<()> {
    let index = dist.join("index.html");
    if index.is_file() {
        return Ok(());
    }
    eprintln!("setup: the page is left out; the binary will serve a note in its place");
    fs::create_dir_all(dist)?;
    fs::write(
        &index,
        "<!doctype html><title>Grapevine</title><p>Built without its page: run <code>cargo xtask setup</code>.\n",
    )?;
    // Older than any source: a later set-up with the page builds it.
    fs::File::options().write(true).open(&index)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(())
}

/// `npm ci` in a folder, unless what the lock file asks for is there. Shared with the tests of the page.
pub fn install(folder: &Path) -> Result<()> {
    command::need("npm", "install Node.js 20 or newer, which brings npm, or leave the page out with `--without-page`")?;
    let installed = modified(&folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&folder.join("package-lock.json")) {
        return Ok(());
    }
    eprintln!("setup: npm ci in {} (some tens of MB from npm)", folder.display());
    run_npm(folder, &["ci", "--no-audit", "--no-fund"])
}

fn run_npm(folder: &Path, words: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    command::capture(npm.args(words).current_dir(folder)).map(drop).with_context(|| format!("in {}", folder.display()))
}

fn needs_build(ui: &Path) -> bool {
    let Some(built) = modified(&ui.join("dist/index.html")) else { return true };
    let sources = walkdir::WalkDir::new(ui).into_iter().filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        !(entry.depth() == 1 && MADE.contains(&name.as_ref()))
    });
    let mut files = sources.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files.any(|file| modified(file.path()) > Some(built))
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_page_is_built_when_it_never_was_or_a_source_is_newer() {
        let dir = tempfile::tempdir().unwrap();
        let ui = dir.path();
        let write = |name: &str, age: u64| {
            let path = ui.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        write("src/main.ts", 100);
        assert!(needs_build(ui));
        write("dist/index.html", 50);
        write("node_modules/some/file.js", 0);
        assert!(!needs_build(ui));
        write("src/main.ts", 10);
        assert!(needs_build(ui));
    }

    #[test]
    fn a_note_stands_in_for_the_page_until_it_is_built() {
        let dir = tempfile::tempdir().unwrap();
        let dist = dir.path().join("dist");
        fs::create_dir_all(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/main.ts"), "x").unwrap();
        write_note(&dist).unwrap();
        assert!(needs_build(dir.path()));
        fs::write(dist.join("index.html"), "the page").unwrap();
        write_note(&dist).unwrap();
        assert_eq!(fs::read_to_string(dist.join("index.html")).unwrap(), "the page");
    }
}
