//! `grapevine source`: the kinds there are, a definition's tests, a look at what a source gives.

mod glance;
mod list;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use grapevine_sources::{SourceSpec, World, declarative, registry};

use self::glance::Glance;
use crate::{
    args::{SourceCommand, SourceTestArgs, SourceTryArgs},
    commands::figure,
    config::{self, Config},
};

/// A stream gives what arrives; so long it is listened to.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(command: &SourceCommand) -> anyhow::Result<ExitCode> {
    match command {
        SourceCommand::List => {
            let rows: Vec<&registry::KindRow> = registry::kinds().collect();
            list::print(&rows, figure::width(), &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        SourceCommand::Test(args) => test(args, &mut io::stdout().lock()),
        SourceCommand::Try(args) => try_source(args).await,
    }
}

/// Runs the mapping tests of a definition. A mistake is told as `file:line: what`.
fn test(args: &SourceTestArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{file} can not be read"))?;
    let report = declarative::test(&text);
    match &report.error {
        Some(error) => writeln!(out, "FAIL  {file}: {error}")?,
        None => write!(out, "{report}")?,
    }
    Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn try_source(args: &SourceTryArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let spec = find(&config, &args.name)?;
    let mut source = spec.build(&World::real());
    let mut glance = Glance::new(args.limit.into());
    let read = tokio::time::timeout(PATIENCE, glance.read(&mut *source)).await;
    if let Ok(Err(error)) = &read
        && glance.is_empty()
    {
        bail!("source {}: {error}", spec.name());
    }
    // What came before it failed is shown all the same.
    glance.print(figure::width(), &mut io::stdout().lock())?;
    match read {
        Ok(Err(error)) => bail!("source {}: {error}", spec.name()),
        Ok(Ok(())) => {}
        Err(_) => println!("stopped after {} s", PATIENCE.as_secs()),
    }
    Ok(ExitCode::SUCCESS)
}

fn find(config: &Config, name: &str) -> anyhow::Result<Box<dyn SourceSpec>> {
    let is_it = |table: &&toml::Table| table.get("name").and_then(toml::Value::as_str) == Some(name);
    match config.sources.iter().map(toml::Spanned::get_ref).find(is_it) {
        Some(table) => Ok(grapevine_sources::parse(table)?),
        None if config.sources.is_empty() => bail!("the configuration has no source: add a [[source]] table"),
        None => bail!("there is no source {name:?}: the configuration has {}", config.source_names().join(", ")),
    }
}
