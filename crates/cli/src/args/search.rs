//! `grapevine search` and `grapevine store text-index`.

use clap::{Args, Subcommand, ValueEnum};

use super::WithConfig;

pub const SEARCH_HELP: &str = "\
The query is written as a monitor's is: words, \"phrases\", wildcards (brok*), a NEAR/5 b, #hashtag, @handle, from:ada, lang:pt,
platform:reddit, space:help, AND, OR, NOT, (groups); words next to each other mean AND. What is found is what a monitor with
that query matches. Quote it for the shell:

  grapevine search 'acme (phone OR tablet) -jobs' --from -90d --polarity negative
  grapevine search 'acme NEAR/5 brok* -from:acme_help' --from -90d

Exit codes: 0 something was found; 1 nothing was.";

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// What to look for; without it, every mention that passes the filters
    #[arg(allow_hyphen_values = true)]
    pub query: Option<String>,
    #[command(flatten)]
    pub with: WithConfig,
    #[command(flatten)]
    pub filters: FilterArgs,
    /// Start: a time such as 2026-03-01 or 2026-03-01T12:00:00Z, or back from now: -7d, -24h
    #[arg(long, default_value = "-30d", allow_hyphen_values = true)]
    pub from: String,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// The oldest first
    #[arg(long)]
    pub oldest: bool,
    /// Go on behind the page before: what it printed as its end
    #[arg(long)]
    pub after: Option<String>,
    /// Mentions at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print the query as a monitor of this name, to paste into the configuration under its brand, and search nothing
    #[arg(long, value_name = "NAME", requires = "query")]
    pub as_monitor: Option<String>,
    #[arg(long, default_value = "table")]
    pub format: FoundFormat,
}

/// What must hold beside the query; of a list one value suffices.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only this brand's (default: every brand's)
    #[arg(long)]
    pub brand: Option<String>,
    /// Platforms, separated by commas
    #[arg(long)]
    pub platform: Option<String>,
    /// Languages such as en,de
    #[arg(long)]
    pub language: Option<String>,
    /// negative, neutral, positive, unscored
    #[arg(long)]
    pub polarity: Option<String>,
    /// question, complaint, suggestion, praise, purchase, none
    #[arg(long)]
    pub intent: Option<String>,
    /// Themes, separated by commas
    #[arg(long)]
    pub theme: Option<String>,
    /// post, reply, repost, quote, review, message
    #[arg(long)]
    pub kind: Option<String>,
    /// Handle or id of an author
    #[arg(long)]
    pub author: Option<String>,
    /// Forum category, subreddit, channel or server, as its source names it
    #[arg(long)]
    pub space: Option<String>,
    /// Posted in a space that the brand owns
    #[arg(long)]
    pub owned_space: bool,
    /// With pictures or other media
    #[arg(long)]
    pub media: bool,
    /// With links
    #[arg(long)]
    pub links: bool,
    /// Likes, reposts, replies, quotes and bookmarks together, at least
    #[arg(long)]
    pub min_engagement: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FoundFormat {
    Table,
    Json,
    Ndjson,
    Csv,
}

pub const TEXT_INDEX_HELP: &str = "\
The index makes searches of words read little but what matches. It changes no answer. It costs disk, and time at every
insert: `grapevine store text-index` says how much disk.";

#[derive(Debug, Subcommand)]
pub enum TextIndexCommand {
    /// Add it, and index what is stored; searches go on meanwhile
    On,
    /// Drop it
    Off,
}
