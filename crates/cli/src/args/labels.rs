//! `grapevine labels`.

use clap::{Args, Subcommand};
use grapevine_model::{LabelField, MentionId};

use super::{OutputFormat, WithConfig};

#[derive(Debug, Subcommand)]
pub enum LabelsCommand {
    /// List the labels that stand, the newest first
    List(LabelsListArgs),
    /// Label a mention; it wins over every model, for ever
    #[command(after_help = ADD_HELP)]
    Add(LabelsAddArgs),
    /// Take a label back: the model's word counts again
    Remove(LabelsRemoveArgs),
    /// Draw posts by chance, to be judged: that measures the model on a brand's own posts
    #[command(after_help = DRAW_HELP)]
    Draw(LabelsDrawArgs),
    /// Write the labels that stand as a training set: NDJSON, one label a line
    #[command(after_help = EXPORT_HELP)]
    Export(LabelsExportArgs),
}

const ADD_HELP: &str = "\
The label goes to the log, and from there into the store while `grapevine up`, or `grapevine sink`, runs: within seconds.

With --stdin one label a line, as JSON: {\"mention\": …, \"field\": …, \"value\": …}, and where wanted \"brand\", \"note\" and \"drawn\". \
A line that can not be taken is said, with its number, and the others are taken.

Exit codes: 0 all were kept; 1 some were not.";

const DRAW_HELP: &str = "\
Writes NDJSON, a post a line. Put negative, neutral or positive into each \"value\", and give the lines back:

  grapevine labels draw --brand Acme > posts.ndjson
  grapevine labels add --stdin < posts.ndjson

What the model says is not shown, so that it is not repeated. Posts that were judged are not drawn again. From 20 of each polarity on, \
net_sentiment_corrected is corrected by them, instead of by sets of other posts.";

const EXPORT_HELP: &str = "\
A line holds text, language, field, value, what the newest model says (model_value, model), what the model had said then \
(before, before_model), who labelled when, and whether chance drew the post (drawn). Drawn posts measure a model: to \
train one that they shall measure, export with --drawn=false. A label whose mention was deleted is left out, and counted on stderr: its \
text is gone.";

#[derive(Debug, Clone, Args)]
pub struct LabelsFilter {
    /// Only of this brand
    #[arg(long)]
    pub brand: Option<String>,
    /// Only of this field: polarity, theme, intent, relevance
    #[arg(long)]
    pub field: Option<LabelField>,
    /// Only of this mention
    #[arg(long)]
    pub mention: Option<MentionId>,
    /// Only those given since: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// … and before: like --from
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only on posts that chance drew; --drawn=false: only on others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub drawn: Option<bool>,
}

#[derive(Debug, Args)]
pub struct LabelsListArgs {
    #[command(flatten)]
    pub with: WithConfig,
    #[command(flatten)]
    pub filter: LabelsFilter,
    /// Labels at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    #[arg(long, default_value = "table")]
    pub format: OutputFormat,
}

#[derive(Debug, Args)]
pub struct LabelsAddArgs {
    /// Id of the mention: 32 hexadecimal digits, as the API and `grapevine query` give it
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub mention: Option<MentionId>,
    /// polarity, theme, intent or relevance
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub field: Option<LabelField>,
    /// Such as negative, question, no; themes by name, with commas between them
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub value: Option<String>,
    #[command(flatten)]
    pub with: WithConfig,
    /// Of this brand alone (default: every brand that the mention belongs to)
    #[arg(long, conflicts_with = "stdin")]
    pub brand: Option<String>,
    /// Why
    #[arg(long, default_value = "", conflicts_with = "stdin")]
    pub note: String,
    /// Who says so
    #[arg(long, env = "USER", default_value = "command line")]
    pub by: String,
    /// Read labels from stdin, as NDJSON
    #[arg(long)]
    pub stdin: bool,
}

#[derive(Debug, Args)]
pub struct LabelsRemoveArgs {
    /// Id of the mention: 32 hexadecimal digits
    pub mention: MentionId,
    /// polarity, theme, intent or relevance
    pub field: LabelField,
    #[command(flatten)]
    pub with: WithConfig,
    /// Of this brand alone (default: every brand that it is labelled for)
    #[arg(long)]
    pub brand: Option<String>,
    /// Who takes it back
    #[arg(long, env = "USER", default_value = "command line")]
    pub by: String,
}

#[derive(Debug, Args)]
pub struct LabelsDrawArgs {
    #[command(flatten)]
    pub with: WithConfig,
    /// Of this brand
    #[arg(long)]
    pub brand: String,
    /// Written since: a time such as 2026-03-01, or back from now: -7d, -24h
    #[arg(long, default_value = "-30d", allow_hyphen_values = true)]
    pub from: String,
    /// … and before: like --from
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Posts at most
    #[arg(short, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub n: u32,
}

#[derive(Debug, Args)]
pub struct LabelsExportArgs {
    #[command(flatten)]
    pub with: WithConfig,
    #[command(flatten)]
    pub filter: LabelsFilter,
}
