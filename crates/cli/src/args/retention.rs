//! `grapevine retention`.

use clap::Args;

use super::{OutputFormat, WithConfig};

pub const RETENTION_HELP: &str = "\
The sink does this by itself, once an hour, as [retention] of the configuration says; this command does it now. Mentions go by \
whole days (UTC) of a brand and platform, with their engagement and what other models said of them. Their counts by hour stay, \
so that figures of old spans that are made of counts stay as they are; figures that are read from mentions say from when on \
there are any. What comes later of a day that went is dropped, and counted under the outcome `expired`. Labels of people stay.

An interrupted command is repeated, and goes on. Exit codes: 0 done, or shown.";

#[derive(Debug, Args)]
#[command(after_help = RETENTION_HELP)]
pub struct RetentionArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Show what would go, by brand and platform, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, default_value = "table")]
    pub format: OutputFormat,
}
