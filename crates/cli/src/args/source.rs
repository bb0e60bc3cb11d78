//! Commands for whoever connects a platform.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::WithConfig;

#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// List the kinds of source that there are
    List,
    /// Run the mapping tests of a definition: a TOML file that describes a platform
    #[command(after_help = TEST_HELP)]
    Test(SourceTestArgs),
    /// Read a few mentions of a configured source and show them; nothing is stored, and no checkpoint is moved
    #[command(after_help = TRY_HELP)]
    Try(SourceTryArgs),
}

const TEST_HELP: &str = "\
Nothing is asked of the platform. What a definition holds stands in docs/declarative.md.

Exit codes: 0 every test passes; 1 one fails, there is none, or the definition is wrong: the line says where.";

const TRY_HELP: &str = "\
It reads from the beginning, as a first start would, and it counts towards the platform's limits.

Exit codes: 0 it could be read, also where nothing is new; 1 it could not.";

#[derive(Debug, Args)]
pub struct SourceTestArgs {
    /// The definition
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct SourceTryArgs {
    /// Name of the source, as the configuration has it
    pub name: String,
    #[command(flatten)]
    pub with: WithConfig,
    /// Mentions at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}
