//! `cargo xtask bench NAME`: one row for each benchmark.

mod startup;

use anyhow::{Result, bail};

use crate::command::{cargo, show};
use crate::setup;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which one; an unknown name lists them
    name: String,
    /// Passed to the benchmark
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    extra: Vec<String>,
}

/// A name, what it measures, and the function that runs it with the further arguments.
type Benchmark = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const BENCHMARKS: &[Benchmark] = &[
    ("score", "texts a second of each engine, and of tokenizing alone", score),
    ("startup", "time from the start of `grapevine up` to a served page, and memory; `--runs N`", startup::run),
];

pub fn run(args: &Args) -> Result<()> {
    let Some((_, _, benchmark)) = BENCHMARKS.iter().find(|(name, ..)| *name == args.name) else {
        let list: Vec<String> = BENCHMARKS.iter().map(|(name, what, _)| format!("  {name}: {what}")).collect();
        bail!("there is no benchmark `{}`; there are\n{}", args.name, list.join("\n"));
    };
    setup::run(&setup::Options { kafka: false, page: true, browser: false })?;
    benchmark(&args.extra)
}

fn score(extra: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "grapevine-scoring", "--example", "bench_score", "--"]);
    show(command.args(extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_valid_ones() {
        let error = run(&Args { name: "speed".to_owned(), extra: Vec::new() }).unwrap_err().to_string();
        assert!(error.starts_with("there is no benchmark `speed`; there are\n"), "{error}");
        assert!(BENCHMARKS.iter().all(|(name, ..)| error.contains(&format!("\n  {name}: "))), "{error}");
    }
}
