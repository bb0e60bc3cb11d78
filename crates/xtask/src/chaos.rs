//! `cargo xtask chaos`: breaks a running pipeline by a seeded plan, then audits every id.
//!
//! The harness is a program of its own (`crates/chaos`): it uses the log, which would make this one heavy.

use anyhow::Result;

use crate::command::{cargo, show};
use crate::{repository, setup};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Break an optimised build
    #[arg(long)]
    release: bool,
    /// `--minutes N --seed S --log kafka|embedded --scorers 1..3 --sinks 1..3 --kills N --scoring --rate N --keep`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    extra: Vec<String>,
}

/// False when a violation was found, which the harness has printed.
pub fn run(args: &Args) -> Result<bool> {
    setup::run(&setup::Options { kafka: true, page: true, browser: false })?;
    let profile = if args.release { &["--release"][..] } else { &[] };
    show(cargo().args(["build", "--quiet", "--package", "grapevine-cli"]).args(profile))?;
    show(cargo().args(["build", "--quiet", "--package", "grapevine-chaos"]))?;
    let root = repository::root();
    let folder = if args.release { "release" } else { "debug" };
    let mut harness = cargo();
    harness.args(["run", "--quiet", "--package", "grapevine-chaos", "--"]).args(&args.extra);
    harness.arg("--binary").arg(root.join("target").join(folder).join("grapevine"));
    Ok(harness.arg("--models").arg(root.join("models")).status()?.success())
}
