use std::path::PathBuf;

use clap::Subcommand;

use super::WithConfig;

/// What `grapevine theme` does.
#[derive(Debug, Subcommand)]
pub enum ThemeCommand {
    /// List the themes: built in and your own
    List(ThemeListArgs),
    /// Try a theme on stored posts: what it would catch, how many, and which are borderline
    Try(ThemeTryArgs),
    /// Check themes in a file before they go into the configuration: how well each does on its own examples
    Test(ThemeTestArgs),
}

#[derive(Debug, clap::Args)]
pub struct ThemeListArgs {
    #[command(flatten)]
    pub with: WithConfig,
}

#[derive(Debug, clap::Args)]
pub struct ThemeTryArgs {
    /// Name of the theme
    pub name: String,
    #[command(flatten)]
    pub with: WithConfig,
    /// A file with `[[theme]]` tables that are not in the configuration yet
    #[arg(long)]
    pub draft: Option<PathBuf>,
    /// Brand (default: the first of the configuration)
    #[arg(long)]
    pub brand: Option<String>,
    /// Start: a time such as 2026-03-01 or 2026-03-01T12:00:00Z, or back from now: -7d, -24h
    #[arg(long, default_value = "-7d", allow_hyphen_values = true)]
    pub from: String,
    /// End, exclusive; like --from, or `now`
    #[arg(long, default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// Stored posts to try it on, at most, spread over the span
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub posts: u32,
    /// Posts shown of each kind
    #[arg(long, default_value_t = 8)]
    pub show: usize,
}

#[derive(Debug, clap::Args)]
pub struct ThemeTestArgs {
    /// A TOML file with `[[theme]]` tables
    pub file: PathBuf,
    #[command(flatten)]
    pub with: WithConfig,
}
