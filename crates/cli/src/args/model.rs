use clap::{Args, Subcommand};
use grapevine_model::Polarity;

/// What `grapevine model` does.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Fetch a classifier of sentiment by its name on a hub, once: nothing else ever fetches
    #[command(after_help = FETCH_HELP)]
    Fetch(ModelFetchArgs),
}

pub const FETCH_HELP: &str = "\
HF_ENDPOINT names the hub's address, as for its own tools; HF_TOKEN, where it is set, is sent to that address alone. The files \
go to the cache ($GRAPEVINE_CACHE, else ~/.cache/grapevine) with their hashes, which are held against every later start. \
Repeat the command with other flags to mend what it complains about: what is there already does not come again.";

#[derive(Debug, Args)]
pub struct ModelFetchArgs {
    /// hf:owner/name, or hf:owner/name@revision
    pub name: String,
    /// Languages that it reads, as ISO 639-1 codes: en,es
    #[arg(long, value_delimiter = ',')]
    pub language: Vec<String>,
    /// What an output means where its name does not say so: LABEL_0=negative
    #[arg(long, value_parser = label)]
    pub label: Vec<(String, Polarity)>,
}

fn label(word: &str) -> Result<(String, Polarity), String> {
    let read = || {
        let (name, polarity) = word.split_once('=')?;
        Some((name.to_owned(), *Polarity::ALL.iter().find(|known| known.name() == polarity)?))
    };
    read().ok_or_else(|| "write NAME=negative, NAME=neutral or NAME=positive".to_owned())
}
