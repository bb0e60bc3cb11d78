//! `grapevine migrate`.

use clap::Args;

use super::WithConfig;

pub const MIGRATE_HELP: &str = "\
Every stage does this by itself when it starts; a store that lacks nothing is not touched. Migrations are numbered, applied \
once, and may be run again after a crash.

On a cluster (`[store] cluster`) tables are replicated, and their DDL is run on all hosts: one that is down is named in the \
error, and nothing is lost by trying again. Where others change your database, --print writes what would be run, for \
`clickhouse-client --multiquery`; a store on which that was run lacks nothing.

Exit codes: 0 done, or printed.";

#[derive(Debug, Args)]
#[command(after_help = MIGRATE_HELP)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Print the statements, and connect to nothing
    #[arg(long)]
    pub print: bool,
    /// As on this cluster, whatever the configuration says
    #[arg(long, value_name = "NAME", requires_all = ["print", "replicas"])]
    pub cluster: Option<String>,
    /// How many replicas that cluster has
    #[arg(long, value_name = "N", requires = "cluster")]
    pub replicas: Option<u32>,
}
