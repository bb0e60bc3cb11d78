//! Serves the platforms that Grapevine reads, on loopback, with invented posts: point a source at it.

use std::{fs, io, path::PathBuf, time::Duration};

use clap::Parser;
use grapevine_testkit::simulator::{Faults, Narrator, Options, Simulator, live};
use jiff::Timestamp;

/// Every platform, simulated: prints the tables to paste into a configuration
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate")]
struct Args {
    /// Only these, such as mastodon or discord; all where none is named
    platforms: Vec<String>,
    /// The first port; each platform has one of its own
    #[arg(long, default_value_t = 8700)]
    port: u16,
    /// Posts that are there already, over all platforms
    #[arg(long, default_value_t = 2_000)]
    past: usize,
    /// How much faster than written new posts come: 1 is one in every five to ten seconds
    #[arg(long, default_value_t = 10.0, value_parser = pace)]
    pace: f64,
    /// Share of requests that go wrong
    #[arg(long, default_value_t = 0.0)]
    faults: f64,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 20)]
    seed: u64,
    /// End after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// The story of `cargo xtask demo --live` on its six platforms, told in words too
    #[arg(long)]
    live: bool,
    /// Write the tables, and the brands of the story, to this file instead
    #[arg(long)]
    config: Option<PathBuf>,
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if pace.is_finite() && (0.01..=1_000.0).contains(&pace) => Ok(pace),
        _ => Err("write a number from 0.01 to 1000".to_owned()),
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let Args { platforms: only, port, past, pace, seed, live, .. } = args;
    let faults = Faults::of(args.faults);
    let options = Options { seed, only, past, pace, faults, port, live, ..Options::default() };
    let simulator = Simulator::start(options).await?;
    let narrator = live.then(|| Narrator::new(simulator.started, pace));
    match &args.config {
        Some(file) => write(file, &tables(&simulator))?,
        None => println!("{}", tables(&simulator)),
    }
    let how_to_end = if live { "" } else { "; Ctrl-C ends it" };
    eprintln!("simulator: {} platforms answer{how_to_end}", simulator.stands.len());
    tokio::select! {
        () = tell(narrator, &simulator) => Ok(()),
        () = limit(args.seconds) => Ok(()),
        ended = tokio::signal::ctrl_c() => ended,
    }
}

/// What a configuration needs to read all of it.
fn tables(simulator: &Simulator) -> String {
    let mut tables: Vec<String> = simulator.stands.iter().map(|stand| stand.table()).collect();
    tables.push(live::brands());
    let secrets = simulator.stands.iter().filter_map(|stand| stand.secret());
    tables.extend(secrets.map(|(variable, value)| format!("# export {variable}='{value}'")));
    tables.join("\n")
}

/// Whole, or not at all: somebody waits for it.
fn write(file: &PathBuf, text: &str) -> io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, file)
}

async fn tell(narrator: Option<Narrator>, simulator: &Simulator) {
    let Some(mut narrator) = narrator else { return std::future::pending().await };
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        narrator.look(&simulator.stands, Timestamp::now()).iter().for_each(|line| eprintln!("simulator: {line}"));
    }
}

async fn limit(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}
