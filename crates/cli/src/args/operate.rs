//! Commands for whoever keeps the pipeline running.

use clap::{Args, Subcommand, ValueEnum};

use super::{OutputFormat, TextIndexCommand, WithConfig};

#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List dead letters, the newest first, with totals by stage and reason
    List(DlqListArgs),
    /// Show one dead letter: where it stood, why it was parked, its bytes
    Show(DlqShowArgs),
    /// Send dead letters on their way again, once what was wrong is mended
    #[command(after_help = REPLAY_HELP)]
    Replay(DlqReplayArgs),
}

const REPLAY_HELP: &str = "\
A letter goes back to where it was refused: a record of mentions.raw or mentions.scored to its own partition, a line or \
frame of a source through that source's mapping, with the configuration of today. What is refused again stays parked with \
the new reason. A replay that is interrupted can be repeated: equal ids fold.

Exit codes: 0 all were replayed; 1 some were refused, or are not there.";

/// A stage that parks what it can not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Parker {
    Ingest,
    Score,
    Sink,
}

impl Parker {
    /// As its letters name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Score => "score",
            Self::Sink => "sink",
        }
    }
}

#[derive(Debug, Clone, Default, Args)]
pub struct LetterFilter {
    /// Only those that this stage parked
    #[arg(long)]
    pub stage: Option<Parker>,
    /// Only those whose reason contains this text
    #[arg(long)]
    pub reason: Option<String>,
    /// Only those parked since: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// … and before: like --from
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
}

#[derive(Debug, Args)]
pub struct DlqListArgs {
    #[command(flatten)]
    pub with: WithConfig,
    #[command(flatten)]
    pub filter: LetterFilter,
    /// Letters at most; the totals count all of them
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[arg(long, default_value = "table")]
    pub format: OutputFormat,
}

#[derive(Debug, Args)]
pub struct DlqShowArgs {
    /// Number of the letter, as `grapevine dlq list` prints it
    pub number: u64,
    #[command(flatten)]
    pub with: WithConfig,
    /// Write the original bytes to stdout, and nothing else
    #[arg(long, conflicts_with = "format")]
    pub raw: bool,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}

#[derive(Debug, Args)]
pub struct DlqReplayArgs {
    /// Numbers of the letters, as `grapevine dlq list` prints them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub numbers: Vec<u64>,
    /// Every parked letter, or with --stage, --reason, --from and --to every one that fits
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub with: WithConfig,
    #[command(flatten)]
    pub filter: LetterFilter,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also what was replayed before
    #[arg(long)]
    pub again: bool,
    /// Replay these mended bytes in place of the letter's own; of one letter alone
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub mended: Option<std::path::PathBuf>,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}

pub const STATUS_HELP: &str = "\
The first line says whether all is well. The log and the store are asked directly, so that it works without a token and \
whoever runs the stages. What does not answer is shown as not known, never as 0.

Exit codes: 0 healthy; 1 something is violated, has stalled or is silent; 2 the command line is wrong; 3 something is
not known, and the rest is well.";

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Check what was created since: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, default_value = "-48h", allow_hyphen_values = true)]
    pub from: String,
    /// … and before: like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// Look again every few seconds, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Compare the rollups with the base table, hour by hour
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
    /// Compute the rollups of a span anew from the base table, then verify them
    #[command(after_help = VERIFY_HELP)]
    Rebuild(RebuildArgs),
    /// Whether there is a text index for searches, and what it costs; add or drop it
    #[command(after_help = super::search::TEXT_INDEX_HELP)]
    TextIndex {
        #[command(flatten)]
        with: WithConfig,
        #[command(subcommand)]
        command: Option<TextIndexCommand>,
    },
}

const VERIFY_HELP: &str = "\
An hour that an edit or a deletion has touched waits to be rebuilt by the sink; until then it may differ.

Exit codes: 0 all agree, or only hours differ that wait to be rebuilt; 1 others differ, or there is nothing to compare.";

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Start: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, default_value = "-48h", allow_hyphen_values = true)]
    pub from: String,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    #[arg(long, default_value = "table")]
    pub format: OutputFormat,
}

#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Only this brand's (default: every brand of the configuration)
    #[arg(long)]
    pub brand: Option<String>,
    /// Start: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, allow_hyphen_values = true)]
    pub from: String,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    #[arg(long, default_value = "table")]
    pub format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Table,
    Json,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Parker;
    use crate::args::{Args, Command, DlqCommand};

    fn listed(options: &[&str]) -> Result<Option<Parker>, String> {
        let args = ["grapevine", "dlq", "list"].iter().chain(options);
        match Args::try_parse_from(args).map_err(|error| error.to_string())?.command {
            Command::Dlq { command: DlqCommand::List(list) } => Ok(list.filter.stage),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stage_that_parks_nothing_and_a_list_of_none_are_refused() {
        assert_eq!(listed(&["--stage", "sink", "--limit", "1"]), Ok(Some(Parker::Sink)));
        let nonsense = listed(&["--stage", "nonsense"]).unwrap_err();
        assert!(nonsense.contains("[possible values: ingest, score, sink]"), "{nonsense}");
        assert!(listed(&["--limit", "0"]).unwrap_err().contains("0 is not in 1.."));
    }
}
