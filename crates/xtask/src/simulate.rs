//! `cargo xtask simulate`: every platform, on loopback.

use anyhow::Result;

use crate::command::{cargo, show};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// As `cargo xtask simulate -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    // Built apart: the simulator needs the sources, and xtask is light.
    let mut simulator = cargo();
    simulator.args(["run", "--quiet", "--package", "grapevine-testkit", "--features", "simulator"]);
    show(simulator.args(["--bin", "grapevine-simulator", "--"]).args(&args.arguments))
}
