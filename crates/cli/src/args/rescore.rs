//! Stored mentions read by another model.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grapevine_scoring::EngineChoice;

use super::{ReportFormat, WithConfig, parse_engine};

pub const RESCORE_HELP: &str = "\
What the other model says is kept beside what is shown, until `rescore switch`. An interrupted run goes on where it was: \
repeat the command. In this order nothing is left with the old model: set `model` under [scoring] and restart, then \
rescore, compare, switch, drop. What people corrected stays corrected.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = RESCORE_HELP)]
pub struct RescoreArgs {
    #[command(subcommand)]
    pub command: Option<RescoreCommand>,
    #[command(flatten)]
    pub run: RescoreRunArgs,
}

#[derive(Debug, Subcommand)]
pub enum RescoreCommand {
    /// How what is shown compares with what the other model says: agreement, net sentiment by day, examples
    Compare(RescoreCompareArgs),
    /// Show what the other model says: through the log, so that every store and figure follows
    Switch(RescoreModelArgs),
    /// Forget what the other model says; what was switched stays
    Drop(RescoreModelArgs),
}

#[derive(Debug, Args)]
pub struct RescoreRunArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Folder of the model (default: the configuration's, else the one that Grapevine ships)
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Engine that computes the model
    #[arg(long, value_parser = parse_engine)]
    pub engine: Option<EngineChoice>,
    #[command(flatten)]
    pub span: RescoreSpan,
}

#[derive(Debug, Args)]
pub struct RescoreSpan {
    /// Only this brand's (default: every brand's)
    #[arg(long)]
    pub brand: Option<String>,
    /// Start: a time such as 2026-03-01, or back from now: -7d, -24h (default: the oldest that is stored)
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
}

#[derive(Debug, Args)]
pub struct RescoreCompareArgs {
    #[command(flatten)]
    pub of: RescoreModelArgs,
    #[command(flatten)]
    pub span: RescoreSpan,
    /// Mentions that the two read differently, to list
    #[arg(long, default_value_t = 10)]
    pub examples: u32,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
pub struct RescoreModelArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// `name@version` of the other model (default: the one that there is)
    #[arg(long = "model", value_name = "NAME")]
    pub name: Option<String>,
}
