//! `grapevine export` and `grapevine import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use grapevine_store::transfer::Rows;

use super::{ReportFormat, WithConfig};

pub const EXPORT_HELP: &str = "\
All that can not be computed again goes into files of a folder (NDJSON or Parquet, compressed with zstd), with a manifest: mentions in every \
version, engagement, labels, accounts, campaigns, surveys, alerts, models, gaps, reports of sources. What sources remember of \
where they are, and the log, do not. Forgotten authors are not stored, so they are not in it. The whole store is \
exported with what it answers: every metric, for a few spans of each brand, so that `grapevine import` can compare.

Parquet files hold at most 250,000 rows or 128 MiB of them each: NAME-00001.parquet and so on, mentions by month. Ids are text of 32 \
hexadecimal digits, times are in UTC, mentions stand in every version: the newest has the largest `version` of a `brand` and `id`.

An interrupted export goes on behind the last whole file: repeat the command. Stop the sink meanwhile: else files may be of \
different moments, which is said. Keep the folder as you keep the store: it holds what people wrote.";

pub const IMPORT_HELP: &str = "\
For a new instance, before its first `grapevine up`. Nothing is read of a folder with a damaged file. Labels go \
through the log; rows of whom this instance has been asked to forget stay out; figures are computed anew, and every answer of the export is \
asked again and compared, to 9 places of a number. An interrupted import goes on: repeat the command.

Exit codes: 0 it is there, and what was compared is equal; 1 a figure differs, or it could not be imported.";

#[derive(Debug, Args)]
#[command(after_help = EXPORT_HELP)]
pub struct ExportArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// The folder; made where it is missing
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Lines of JSON, or files for pandas, DuckDB, Spark and the like; `import` reads both
    #[arg(long, default_value = "ndjson")]
    pub format: RowsFormat,
    /// Only this brand's (default: every brand's); then there are no answers to compare
    #[arg(long)]
    pub brand: Option<String>,
    /// Only what was created from here on: a time such as 2026-03-01, or back from now: -30d
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Only what was created before; like --from
    #[arg(long, allow_hyphen_values = true)]
    pub until: Option<String>,
}

/// What an export's files are.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RowsFormat {
    Ndjson,
    Parquet,
}

impl From<RowsFormat> for Rows {
    fn from(format: RowsFormat) -> Self {
        match format {
            RowsFormat::Ndjson => Self::Ndjson,
            RowsFormat::Parquet => Self::Parquet,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = IMPORT_HELP)]
pub struct ImportArgs {
    /// A folder that `grapevine export` wrote
    pub folder: PathBuf,
    #[command(flatten)]
    pub with: WithConfig,
    /// Also where there is something already: adds to it, and compares no figures
    #[arg(long)]
    pub beside: bool,
    #[arg(long, default_value = "table")]
    pub format: ReportFormat,
}
