mod forget;
mod labels;
mod migrate;
mod model;
mod operate;
mod rescore;
mod retention;
mod search;
mod source;
mod theme;
mod transfer;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use grapevine_scoring::EngineChoice;

pub use forget::{ForgetArgs, ForgetCommand, ForgetListArgs, ForgetRunArgs};
pub use labels::{
    LabelsAddArgs, LabelsCommand, LabelsDrawArgs, LabelsExportArgs, LabelsFilter, LabelsListArgs, LabelsRemoveArgs,
};
pub use migrate::MigrateArgs;
pub use model::{ModelCommand, ModelFetchArgs};
pub use operate::{
    DlqCommand, DlqListArgs, DlqReplayArgs, DlqShowArgs, LetterFilter, Parker, RebuildArgs, ReportFormat, StatusArgs,
    StoreCommand, VerifyArgs,
};
pub use rescore::{RescoreArgs, RescoreCommand, RescoreCompareArgs, RescoreModelArgs, RescoreRunArgs};
pub use retention::RetentionArgs;
pub use search::{FilterArgs, FoundFormat, SearchArgs, TextIndexCommand};
pub use source::{SourceCommand, SourceListArgs, SourceNewArgs, SourceRecordArgs, SourceTestArgs, SourceTryArgs};
pub use theme::{ThemeCommand, ThemeTestArgs, ThemeTryArgs};
pub use transfer::{ExportArgs, ImportArgs};

/// Social listening that you host yourself: mentions of your brands, scored, stored, watched.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Args {
    /// More log output; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every stage in this process: embedded parts by default, Kafka and ClickHouse where configured
    Up(WithConfig),
    /// Run one stage: read the sources and append their events to the log
    Ingest(WithConfig),
    /// Score texts: NDJSON on stdin, scored NDJSON on stdout; with --stage, match and score what was ingested
    Score(ScoreArgs),
    /// Run one stage: store what was scored
    Sink(WithConfig),
    /// Run one stage: watch closed buckets and notify
    Alert(AlertArgs),
    /// Run one stage: the page and the HTTP interface
    Serve(WithConfig),
    /// Read the configuration, try every part, and say what is wrong
    CheckConfig(CheckConfigArgs),
    /// Sources: the kinds there are, a new one, its tests, a look at what one gives
    Source {
        #[command(subcommand)]
        command: SourceCommand,
    },
    /// Themes: which there are, how well they do, and what one would catch
    Theme {
        #[command(subcommand)]
        command: ThemeCommand,
    },
    /// Models that others made
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Print a figure
    Query(QueryArgs),
    /// Find stored mentions, in the language of the monitors
    #[command(after_help = search::SEARCH_HELP)]
    Search(SearchArgs),
    /// Whether all is well: stages, sources, store, invariants, dead letters
    #[command(after_help = operate::STATUS_HELP)]
    Status(StatusArgs),
    /// Compare the store's rollups with its base table, or rebuild them; its text index
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Prepare the store's tables, or print what would be run, on one node or on a cluster
    Migrate(MigrateArgs),
    /// Read stored mentions with another model, compare, and switch to it
    Rescore(RescoreArgs),
    /// Dead letters: what could not be read, and how it gets on its way again
    Dlq {
        #[command(subcommand)]
        command: DlqCommand,
    },
    /// What people say of mentions against the model: list, add, take back, export as a training set
    Labels {
        #[command(subcommand)]
        command: LabelsCommand,
    },
    /// Deletion requests: take an account or a mention out of everything, and keep it out
    Forget(ForgetArgs),
    /// Remove mentions that are older than [retention] keeps them; what they counted stays
    Retention(RetentionArgs),
    /// Write everything that is stored into a folder, with what it answers
    Export(ExportArgs),
    /// Read what `export` wrote into a new store, and compare its answers
    Import(ImportArgs),
    /// Print an example configuration with every key explained
    ExampleConfig,
    /// Serve the embedded engine (started by `up`)
    #[command(hide = true)]
    EngineServe,
    /// List the crash points, one a line: what GRAPEVINE_CRASH_AT takes
    #[command(hide = true)]
    CrashPoints {
        /// As the table of ARCHITECTURE.md
        #[arg(long)]
        table: bool,
    },
}

#[derive(Debug, Clone, clap::Args)]
pub struct WithConfig {
    /// The configuration
    #[arg(short, long, default_value = "grapevine.toml", env = "GRAPEVINE_CONFIG")]
    pub config: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct CheckConfigArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Only read the file: connect to nothing, load nothing
    #[arg(long)]
    pub offline: bool,
}

/// Without `--stage`: texts as NDJSON on stdin, scored NDJSON on stdout. Each object keeps its fields; `detected_language` and the scores
/// are added. What is in a language that the model was not made for has null scores, and the reason in `not_scored`; where the
/// text does not show its language, the object's `language` or `lang` says it, and what nobody knows is scored.
#[derive(Debug, clap::Args)]
pub struct ScoreArgs {
    /// Run the scoring stage on the log, instead of scoring stdin
    #[arg(long)]
    pub stage: bool,
    #[command(flatten)]
    pub with: WithConfig,
    /// Folder of the model (default: the configuration's, else the one that Grapevine ships)
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Engine that computes the model
    #[arg(long, value_parser = parse_engine)]
    pub engine: Option<EngineChoice>,
    /// Worker threads; 0 means one a core
    #[arg(long)]
    pub workers: Option<usize>,
    /// Field that holds the text
    #[arg(long, default_value = "text")]
    pub field: String,
    /// Score texts in languages that the model was not made for, too
    #[arg(long)]
    pub any_language: bool,
}

fn parse_engine(name: &str) -> Result<EngineChoice, String> {
    let quoted = serde_json::Value::String(name.to_owned());
    serde_json::from_value(quoted)
        .map_err(|_| "use one of `auto`, `rust-bert-fp32`, `rust-bert-bf16`, `onnx-int8`".to_owned())
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertArgs {
    #[command(subcommand)]
    pub command: Option<AlertCommand>,
    #[command(flatten)]
    pub with: WithConfig,
}

#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Run a detector over a CSV file: timestamp, evidence and fired for every row
    Detect {
        /// Which detector
        #[arg(long)]
        detector: DetectorName,
        /// CSV: `timestamp,value` for volume; `timestamp,mentions,negatives[,authors]` for negative
        #[arg(long)]
        input: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DetectorName {
    Negative,
    Volume,
}

#[derive(Debug, clap::Args)]
pub struct QueryArgs {
    /// Id of the metric; without one, all of them are listed
    pub metric: Option<String>,
    #[command(flatten)]
    pub with: WithConfig,
    /// Brand (default: the first of the configuration)
    #[arg(long)]
    pub brand: Option<String>,
    /// Start: a time such as 2026-03-01 or 2026-03-01T12:00:00Z, or back from now: -7d, -24h
    #[arg(long, default_value = "-7d", allow_hyphen_values = true)]
    pub from: String,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// Break the figure down: time, platform, polarity, kind, language, hashtag or campaign
    #[arg(long)]
    pub by: Option<String>,
    /// For hashtag_research: the hashtag
    #[arg(long)]
    pub hashtag: Option<String>,
    /// For figures of campaigns: the platform's id of one campaign (default: all)
    #[arg(long)]
    pub campaign: Option<String>,
    /// Rows at most
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    #[arg(long, default_value = "table")]
    pub format: FigureFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FigureFormat {
    /// For people: with its definition and how far it can be trusted
    Table,
    /// All of it in one object
    Json,
    /// The rows under the names of the columns
    Csv,
    /// The rows, an object a line
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Table,
    Json,
    Csv,
}
