//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy knows. Each check is a row of [`CHECKS`].

mod commands;
mod compose;
mod edges;
mod files;
mod names;
mod pins;
mod tree;
mod unused;

use anyhow::Result;

use crate::repository;
use tree::Tree;

/// A name, and what it finds wrong: one message for each problem, saying where, what and how to mend it.
type Check = (&'static str, fn(&Tree) -> Vec<String>);

const CHECKS: &[Check] = &[
    ("directions between crates", edges::check),
    ("unused dependencies", unused::check),
    ("sizes of files", files::sizes),
    ("places of this machine", files::places),
    ("names", names::check),
    ("versions of what is downloaded", pins::check),
    ("commands in the README", commands::check),
    ("docker-compose.yml", compose::check),
];

/// Runs every check and prints what it found. True when nothing is wrong.
pub fn run() -> Result<bool> {
    let tree = Tree::of_repository(&repository::root())?;
    let mut found = 0;
    for (name, check) in CHECKS {
        for problem in check(&tree) {
            eprintln!("tidy: {name}: {problem}");
            found += 1;
        }
    }
    eprintln!("tidy: {} checks over {} files, {found} problems", CHECKS.len(), tree.files().len());
    Ok(found == 0)
}
