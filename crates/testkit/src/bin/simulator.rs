//! Serves the platforms that Grapevine reads, on loopback, with invented posts: point a source at it.

use clap::Parser;
use grapevine_testkit::simulator::{Faults, Options, Simulator};

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
    #[arg(long, default_value_t = 10.0)]
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
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let Args { platforms: only, port, past, pace, seed, .. } = args;
    let faults = Faults::of(args.faults);
    let simulator = Simulator::start(Options { seed, only, past, pace, future: None, faults, port }).await?;
    for stand in &simulator.stands {
        println!("{}", stand.table());
    }
    for (variable, value) in simulator.stands.iter().filter_map(|stand| stand.secret()) {
        println!("# export {variable}='{value}'");
    }
    eprintln!("simulator: {} platforms answer; Ctrl-C ends it", simulator.stands.len());
    match args.seconds {
        Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
        None => tokio::signal::ctrl_c().await?,
    }
    Ok(())
}
