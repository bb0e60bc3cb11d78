//! Commands for whoever connects a platform.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::WithConfig;

#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// List the kinds of source that there are, or show all about one of them
    List(SourceListArgs),
    /// Write a definition for a platform from one of its answers: what can be guessed is, the rest is left open in words
    #[command(after_help = NEW_HELP)]
    New(SourceNewArgs),
    /// Run the mapping tests of a definition, or replay a recording
    #[command(after_help = TEST_HELP)]
    Test(SourceTestArgs),
    /// Read a few mentions of a configured source and show them; nothing is stored, and no checkpoint is moved
    #[command(after_help = TRY_HELP)]
    Try(SourceTryArgs),
    /// Record what a platform answers a configured source, without secrets and with other names for people
    #[command(after_help = RECORD_HELP)]
    Record(SourceRecordArgs),
}

const NEW_HELP: &str = "\
The sample is an answer of the platform with a list of posts in it, as JSON. Nothing is stored but the file.

Exit codes: 0 the definition is written; 1 nothing could be guessed, or the file is there already.";

const TEST_HELP: &str = "\
Nothing is asked of the platform. What a definition holds stands in docs/declarative.md; a recording is a folder that
`grapevine source record` wrote.

Exit codes: 0 every test passes; 1 one fails, there is none, or the definition is wrong: the line says where.";

const TRY_HELP: &str = "\
It reads from the beginning, as a first start would, and it counts towards the platform's limits. A stream or a webhook is
listened to for so long as --wait says. Nothing is acknowledged to the platform: it gives it again.

Exit codes: 0 it could be read, also where nothing is new; 1 it could not.";

const RECORD_HELP: &str = "\
It reads from the beginning, and it counts towards the platform's limits. Look through what it wrote before you pass it on:
the words of posts are kept. `grapevine source test DIR` replays it.

Exit codes: 0 it is recorded, and a replay gives the same; 1 it is not.";

#[derive(Debug, Args)]
pub struct SourceListArgs {
    /// A kind: its settings, what it can do, an example table
    pub kind: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("sample").required(true))]
pub struct SourceNewArgs {
    /// The platform's name, in lower case
    pub name: String,
    /// A file with an answer of the platform
    #[arg(long, value_name = "FILE", group = "sample")]
    pub from: Option<PathBuf>,
    /// An address to ask for one
    #[arg(long, value_name = "URL", group = "sample")]
    pub url: Option<url::Url>,
    /// Where to write it [default: NAME.toml]
    #[arg(long, value_name = "FILE")]
    pub into: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SourceTestArgs {
    /// The definition, or the folder of a recording
    #[arg(value_name = "FILE|DIR")]
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
    /// Seconds at most
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub wait: u16,
}

#[derive(Debug, Args)]
pub struct SourceRecordArgs {
    /// Name of the source, as the configuration has it
    pub name: String,
    #[command(flatten)]
    pub with: WithConfig,
    /// Pages at most
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub pages: u16,
    /// The folder, which must not be there yet
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
}
