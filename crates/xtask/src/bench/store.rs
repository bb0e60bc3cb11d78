//! Benchmarks that are examples of `grapevine-store`, which can reach the log and the engine.

use anyhow::Result;

use crate::command::{cargo, show};
use crate::repository;

/// From a scored record to rows on the socket, on one core.
pub fn wire(extra: &[String]) -> Result<()> {
    example("bench_wire", &[], extra)
}

/// Rows a second into the engine. `--stage` alone measures the stage of the release build too.
pub fn sink(extra: &[String]) -> Result<()> {
    let (stage, extra): (Vec<String>, Vec<String>) = extra.iter().cloned().partition(|word| word == "--stage");
    if stage.is_empty() {
        return example("bench_sink", &[], &extra);
    }
    example("bench_sink", &["--stage".to_owned(), release_binary()?], &extra)
}

/// Every question of the page over a large world, and the bytes that it takes.
pub fn queries(extra: &[String]) -> Result<()> {
    example("bench_queries", &[], extra)
}

/// Memory of the stages while they work off a backlog.
pub fn backlog(extra: &[String]) -> Result<()> {
    let folder = repository::root().join("target/backlog");
    std::fs::create_dir_all(&folder)?;
    let ours = ["--binary".to_owned(), release_binary()?, "--folder".to_owned(), folder.display().to_string()];
    example("bench_backlog", &ours, extra)
}

fn release_binary() -> Result<String> {
    show(cargo().args(["build", "--release", "--quiet", "--package", "grapevine-cli"]))?;
    Ok(repository::root().join("target/release/grapevine").display().to_string())
}

fn example(name: &str, ours: &[String], extra: &[String]) -> Result<()> {
    super::example("grapevine-store", name, &[ours, extra].concat())
}
