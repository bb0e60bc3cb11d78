//! `cargo xtask`: sets up what a fresh machine lacks, runs the demo, the tests, the benchmarks and the house checks.

mod bench;
mod chaos;
mod command;
mod demo;
mod repository;
mod setup;
mod simulate;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of the Grapevine repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch what is missing into the cache: libtorch, ONNX Runtime, the embedded ClickHouse engine, Kafka's jars, the page
    Setup(setup::Args),
    /// Set up what is missing, then run the whole pipeline on a replayed story, with its page
    Demo(demo::Args),
    /// Set up what is missing, then run every check and every test
    Test(test::Args),
    /// Break a running pipeline by a seeded plan, then audit every id
    Chaos(chaos::Args),
    /// Serve every platform on loopback with invented posts, and print the tables that read them
    Simulate(simulate::Args),
    /// Run a benchmark by its name
    Bench(bench::Args),
    /// Check the house rules: crate directions, sizes, names, paths, commands, the deployment's files
    Tidy,
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False when the task ran and found something wrong, which it has printed.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Setup(args) => setup::run(&args.into()).map(|()| true),
        Task::Demo(args) => demo::run(&args).map(|()| true),
        Task::Test(args) => test::run(&args),
        Task::Chaos(args) => chaos::run(&args),
        Task::Simulate(args) => simulate::run(&args).map(|()| true),
        Task::Bench(args) => bench::run(&args).map(|()| true),
        Task::Tidy => tidy::run(),
    }
}
