//! `grapevine forget`.

use clap::{Args, Subcommand};

use super::{ReportFormat, WithConfig};

pub const FORGET_HELP: &str = "\
What goes: mentions in every version, reposts of them, their engagement, labels and scores; snapshots and answers to \
surveys of the account; its name where others answered it; records of the log and dead letters that hold any of it; \
notifications that quote it. Figures are rebuilt. What others wrote stays as they wrote it.

What is named is kept out from then on, by salted hash: neither a replay nor a new poll brings it back. The request, with \
what was found where, is kept as proof; the reason is kept as it is given, so name nobody in it.

Kafka can not remove single records: what its topics hold goes with their retention, and the answer says when. Files that \
sources read, and exports, are yours to clear.

An interrupted command is repeated as it was, and goes on. Exit codes: 0 all is gone, or goes by itself; 1 something is \
left to do, as said.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = FORGET_HELP)]
pub struct ForgetArgs {
    #[command(subcommand)]
    pub command: Option<ForgetCommand>,
    #[command(flatten)]
    pub run: ForgetRunArgs,
}

#[derive(Debug, Subcommand)]
pub enum ForgetCommand {
    /// List the deletion requests, with what each found
    List(ForgetListArgs),
}

#[derive(Debug, Args)]
pub struct ForgetRunArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// An account, PLATFORM:ACCOUNT, by the platform's id or by its handle; may be repeated
    #[arg(long = "author", value_name = "PLATFORM:ACCOUNT")]
    pub authors: Vec<String>,
    /// A mention, by its id (32 hexadecimal digits) or its address; may be repeated
    #[arg(long = "mention", value_name = "ID|URL")]
    pub mentions: Vec<String>,
    /// Read accounts from stdin too, one PLATFORM:ACCOUNT a line
    #[arg(long)]
    pub stdin: bool,
    /// Where a platform has several instances: the one that the accounts are on
    #[arg(long)]
    pub instance: Option<String>,
    /// Why; kept with the proof
    #[arg(long, default_value = "")]
    pub reason: String,
    /// Who asks for it
    #[arg(long, env = "USER", default_value = "command line")]
    pub by: String,
    /// Count what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Seconds to wait until the stages have passed what they had read before
    #[arg(long, default_value_t = 300)]
    pub wait: u64,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
pub struct ForgetListArgs {
    #[command(flatten)]
    pub with: WithConfig,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}
