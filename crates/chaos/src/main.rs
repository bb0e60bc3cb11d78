//! `cargo xtask chaos` runs this.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use grapevine_chaos::{LogKind, Options};

/// Break a running pipeline by a seeded plan, then audit every id
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos")]
struct Args {
    /// How long faults strike
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The same seed gives the same posts and the same faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value = "kafka")]
    log: LogKind,
    /// Regular scorers; others join and leave
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3))]
    scorers: u32,
    /// Regular sinks; others join and leave
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3))]
    sinks: u32,
    /// Fewer kills than this are a failure (default: ten a minute)
    #[arg(long)]
    kills: Option<u32>,
    /// Score with the model
    #[arg(long)]
    scoring: bool,
    /// Events a second
    #[arg(long, default_value_t = 150)]
    rate: u32,
    /// Keep data and logs, also after a good run
    #[arg(long)]
    keep: bool,
    /// The program under test
    #[arg(long)]
    binary: PathBuf,
    /// The folder of models
    #[arg(long)]
    models: PathBuf,
}

fn main() -> ExitCode {
    let options = options(Args::parse());
    let outcome = grapevine_chaos::run(&options, |line| println!("{line}"));
    match outcome {
        Ok(report) => {
            println!("{report}");
            if options.folder.exists() {
                println!("  data, logs and plan: {}", options.folder.display());
            }
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}\ndata, logs and plan: {}", options.folder.display());
            ExitCode::FAILURE
        }
    }
}

fn options(args: Args) -> Options {
    let goal = args.kills.unwrap_or((args.minutes * 10.0) as u32);
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    Options {
        seed: args.seed,
        scorers: args.scorers,
        sinks: args.sinks,
        // Some meet nobody: they strike what is just being started again.
        kills: goal + goal / 4 + 2,
        others: (args.minutes * 5.0) as u32,
        goal,
        scoring: args.scoring,
        rate: args.rate,
        keep: args.keep,
        ..Options::new(args.log, length, absolute(args.binary), absolute(args.models))
    }
}

/// Processes of the pipeline have a working directory of their own.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
