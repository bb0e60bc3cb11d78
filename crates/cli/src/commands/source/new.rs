//! `grapevine source new`: a definition to go on from, guessed from an answer of the platform.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use grapevine_sources::{
    World,
    declarative::{SampleAnswer, Sketch, sketch},
    http::{Auth, Client, Cost, Fetched, QuotaPolicy, Request},
};
use serde_json::Value;
use url::Url;

use crate::args::SourceNewArgs;

pub async fn new(args: &SourceNewArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if args.name.is_empty() || !args.name.chars().all(is_plain) {
        bail!("{:?} is no name for a platform: use lower-case letters, digits and _", args.name);
    }
    let file = args.into.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", args.name)));
    if file.exists() {
        bail!("{} is there already; name another with --into", file.display());
    }
    let (body, url, links) = sample(args).await?;
    let sketch =
        sketch(&args.name, SampleAnswer { body: &body, url: url.as_ref(), links }).map_err(anyhow::Error::msg)?;
    fs::write(&file, &sketch.text).with_context(|| format!("{} can not be written", file.display()))?;
    print(&args.name, &file, &sketch, out)?;
    Ok(ExitCode::SUCCESS)
}

async fn sample(args: &SourceNewArgs) -> anyhow::Result<(Value, Option<Url>, bool)> {
    if let Some(file) = &args.from {
        let text = fs::read_to_string(file).with_context(|| format!("{} can not be read", file.display()))?;
        let body = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
        return Ok((body, None, false));
    }
    let url = args.url.clone().context("name a sample with --from or --url")?;
    let mut client = Client::new(&World::real(), Auth::None, QuotaPolicy::default());
    match client.get_json(&Request::get(url.clone()), &Cost::default()).await? {
        Fetched::Json { value, response } => {
            let links = response.header("link").is_some_and(|link| link.contains("rel=\"next\""));
            Ok((value, Some(url), links))
        }
        Fetched::Unchanged => bail!("{url} answered 304 to a first question"),
    }
}

pub fn print(name: &str, file: &Path, sketch: &Sketch, out: &mut impl Write) -> anyhow::Result<()> {
    let file = file.display();
    writeln!(out, "{file} is written, from {} records of the sample\n", sketch.records)?;
    writeln!(out, "guessed:")?;
    for (field, place) in &sketch.found {
        writeln!(out, "  {field:<12} {place}")?;
    }
    if !sketch.missing.is_empty() {
        writeln!(out, "not found: {}; name their places in [listing.map]", sketch.missing.join(", "))?;
    }
    writeln!(
        out,
        "\nnext:\n  1. read {file}: what is guessed may be wrong, above all the paging and what is read again\n  \
         2. grapevine source test {file}\n  \
         3. add it to grapevine.toml:\n\n       [[source]]\n       name = \"{name}\"\n       kind = \"declarative\"\n       \
         definition = \"{file}\"\n\n  \
         4. grapevine source try {name}\n  \
         5. grapevine source record {name} --into {name}-recording, to test it without the platform"
    )?;
    Ok(())
}
