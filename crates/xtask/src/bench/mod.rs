//! `cargo xtask bench NAME`: one row for each benchmark.

mod broker;
mod startup;
mod store;

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

struct Benchmark {
    name: &'static str,
    /// What it measures.
    what: &'static str,
    /// Does it need Kafka's jars?
    kafka: bool,
    /// Runs it with the further arguments.
    run: fn(&[String]) -> Result<()>,
}

const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "score",
        what: "texts a second of each engine, and of tokenizing alone",
        kafka: false,
        run: score,
    },
    Benchmark {
        name: "accuracy",
        what: "what the model says of labelled texts, beside TF-IDF and VADER: `-- --data FOLDER`",
        kafka: false,
        run: accuracy,
    },
    Benchmark {
        name: "hostility",
        what: "how many constructive complaints the model takes for hostile, and how many attacks it finds; `--model FOLDER`",
        kafka: false,
        run: hostility,
    },
    Benchmark {
        name: "intervals",
        what: "how often the corrected interval holds the truth, on labelled texts: `-- --data FOLDER --populations N`",
        kafka: false,
        run: intervals,
    },
    Benchmark {
        name: "log",
        what: "appending and reading: the embedded log, Kafka, and the disk alone; `--batches N`",
        kafka: true,
        run: log,
    },
    Benchmark {
        name: "map",
        what: "frames of Jetstream and of X's stream to events, on one core, against parsing alone; `--frames N`",
        kafka: false,
        run: map,
    },
    Benchmark {
        name: "wire",
        what: "scored records to rows on the socket, on one core, the engine left out; `--records N`",
        kafka: false,
        run: store::wire,
    },
    Benchmark {
        name: "sink",
        what: "rows a second from the log into the engine, against inserting them directly; `--records N --stage`",
        kafka: false,
        run: store::sink,
    },
    Benchmark {
        name: "queries",
        what: "every question of the page over a large world; `--mentions N --folder F --keep --rounds N --only METRIC`",
        kafka: false,
        run: store::queries,
    },
    Benchmark {
        name: "backlog",
        what: "memory of the stages while they work off a backlog; `--records N --log embedded|kafka --scoring`",
        kafka: true,
        run: store::backlog,
    },
    Benchmark {
        name: "broker",
        what: "start, stop and memory of the Kafka broker of the tests",
        kafka: true,
        run: broker::run,
    },
    Benchmark {
        name: "startup",
        what: "time from the start of `grapevine up` to a served page, and memory; `--runs N`",
        kafka: false,
        run: startup::run,
    },
];

pub fn run(args: &Args) -> Result<()> {
    let Some(benchmark) = BENCHMARKS.iter().find(|benchmark| benchmark.name == args.name) else {
        let list: Vec<String> = BENCHMARKS.iter().map(|one| format!("  {}: {}", one.name, one.what)).collect();
        bail!("there is no benchmark `{}`; there are\n{}", args.name, list.join("\n"));
    };
    setup::run(&setup::Options { kafka: benchmark.kafka, page: true, browser: false })?;
    (benchmark.run)(&args.extra)
}

fn score(extra: &[String]) -> Result<()> {
    example("grapevine-scoring", "bench_score", extra)
}

fn accuracy(extra: &[String]) -> Result<()> {
    example("grapevine-scoring", "bench_accuracy", extra)
}

fn hostility(extra: &[String]) -> Result<()> {
    example("grapevine-scoring", "bench_hostility", extra)
}

fn intervals(extra: &[String]) -> Result<()> {
    example("grapevine-cli", "bench_intervals", extra)
}

fn log(extra: &[String]) -> Result<()> {
    example("grapevine-log", "bench_log", extra)
}

fn map(extra: &[String]) -> Result<()> {
    example("grapevine-sources", "bench_map", extra)
}

/// A benchmark that is an example of a crate, in release.
fn example(package: &str, name: &str, extra: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", package, "--example", name, "--"]);
    show(command.args(extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_valid_ones() {
        let error = run(&Args { name: "speed".to_owned(), extra: Vec::new() }).unwrap_err().to_string();
        assert!(error.starts_with("there is no benchmark `speed`; there are\n"), "{error}");
        assert!(BENCHMARKS.iter().all(|one| error.contains(&format!("\n  {}: ", one.name))), "{error}");
    }
}
