//! The files of the repository, or a small made-up tree in a test of a check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use toml::Table;

use crate::command;

/// Paths are relative to the root, with `/`.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<String>,
}

impl Tree {
    /// What git tracks or would track: ignored files are left out.
    pub fn of_repository(root: &Path) -> Result<Tree> {
        let mut git = Command::new("git");
        git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root);
        let mut files: Vec<String> = command::capture(&mut git)?.lines().map(str::to_owned).collect();
        // A file that was removed but is still in the index.
        files.retain(|file| root.join(file).is_file());
        files.sort();
        Ok(Tree { root: root.to_owned(), files })
    }

    pub fn files(&self) -> &[String] {
        &self.files
    }

    pub fn has(&self, file: &str) -> bool {
        self.files.binary_search_by(|known| known.as_str().cmp(file)).is_ok()
    }

    pub fn ending<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.iter().map(String::as_str).filter(move |file| file.ends_with(suffix))
    }

    /// The text of a file; `None` when it is missing or is not UTF-8.
    pub fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.root.join(file)).ok()
    }

    /// Bytes of a file.
    pub fn size(&self, file: &str) -> u64 {
        fs::metadata(self.root.join(file)).map_or(0, |metadata| metadata.len())
    }

    /// The manifest of every package: its path and what it says.
    pub fn manifests(&self) -> Vec<(&str, Table)> {
        let packages = self.ending("Cargo.toml").filter(|file| *file != "Cargo.toml");
        packages.filter_map(|file| Some((file, self.text(file)?.parse().ok()?))).collect()
    }

    /// A tree of a test, in a temporary folder.
    #[cfg(test)]
    pub fn made_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut names: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        let tree = Tree { root: dir.path().to_owned(), files: names };
        (dir, tree)
    }
}

/// The package's name without `grapevine-`.
pub fn short_name(manifest: &Table) -> &str {
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    let name = name.unwrap_or_default();
    name.strip_prefix("grapevine-").unwrap_or(name)
}

/// The names under `[dependencies]`, `[dev-dependencies]` or `[build-dependencies]`.
pub fn dependencies<'a>(manifest: &'a Table, section: &str) -> Vec<&'a str> {
    let table = manifest.get(section).and_then(|section| section.as_table());
    table.map(|table| table.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// Does `text` hold `word` with no letter, digit or underscore beside it?
pub fn holds_word(text: &str, word: &str) -> bool {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(inside)
            && !text[at + word.len()..].chars().next().is_some_and(inside)
    })
}
