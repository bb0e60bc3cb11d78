//! `grapevine source`: the kinds there are, a definition's tests, a look at what a source gives.

mod glance;
mod list;
mod new;
mod record;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use grapevine_sources::{
    SourceSpec, World, declarative,
    registry::{self, Arrival},
};

use self::glance::Glance;
use crate::{
    args::{SourceCommand, SourceListArgs, SourceTestArgs, SourceTryArgs},
    commands::figure,
    config::{self, Config},
};

pub async fn run(command: &SourceCommand) -> anyhow::Result<ExitCode> {
    match command {
        SourceCommand::List(args) => list_kinds(args, &mut io::stdout().lock()),
        SourceCommand::New(args) => new::new(args, &mut io::stdout()).await,
        SourceCommand::Test(args) if args.file.is_dir() => record::replay(&args.file, &mut io::stdout()).await,
        SourceCommand::Test(args) => test(args, &mut io::stdout().lock()),
        SourceCommand::Try(args) => try_source(args).await,
        SourceCommand::Record(args) => record::record(args, &mut io::stdout()).await,
    }
}

fn list_kinds(args: &SourceListArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let rows: Vec<&registry::KindRow> = registry::kinds().collect();
    let Some(wanted) = &args.kind else {
        list::print(&rows, figure::width(), out)?;
        return Ok(ExitCode::SUCCESS);
    };
    match rows.iter().find(|row| row.kind == wanted) {
        Some(row) => list::print_kind(row, figure::width(), out)?,
        None => bail!(
            "there is no kind {wanted:?}{}; `grapevine source list` shows them",
            registry::nearest_kind(wanted).map(|kind| format!(": did you mean {kind:?}?")).unwrap_or_default()
        ),
    }
    Ok(ExitCode::SUCCESS)
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
    let world = World::real().with_monitors(grapevine_monitor::MonitorQuery::all(&config.brands)?);
    let mut source = spec.build(&world);
    let mut glance = Glance::new(args.limit.into());
    let arrival = registry::kinds().find(|row| row.kind == spec.kind()).map(|row| row.capabilities.arrival);
    if let Some(what) = arrival.and_then(awaited) {
        eprintln!("{what} for up to {} s", args.wait);
    }
    let patience = Duration::from_secs(args.wait.into());
    let waits = arrival.is_some_and(|arrival| arrival != Arrival::Polled);
    let read = tokio::time::timeout(patience, glance.read(&mut *source, waits)).await;
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
        Err(_) => println!("stopped after {} s; --wait lets it go on for longer", args.wait),
    }
    Ok(ExitCode::SUCCESS)
}

/// What a kind that is not asked waits for.
fn awaited(arrival: Arrival) -> Option<&'static str> {
    match arrival {
        Arrival::Polled => None,
        Arrival::Streamed => Some("listening to what the platform sends"),
        Arrival::Pushed => {
            Some("waiting for the platform to call the source's address; what it sends is not answered with yes,")
        }
    }
}

fn table_of<'a>(config: &'a Config, name: &str) -> Option<&'a toml::Table> {
    let is_it = |table: &&toml::Table| table.get("name").and_then(toml::Value::as_str) == Some(name);
    config.sources.iter().map(toml::Spanned::get_ref).find(is_it)
}

fn find(config: &Config, name: &str) -> anyhow::Result<Box<dyn SourceSpec>> {
    match table_of(config, name) {
        Some(table) => Ok(grapevine_sources::parse(table)?),
        None if config.sources.is_empty() => bail!("the configuration has no source: add a [[source]] table"),
        None => bail!("there is no source {name:?}: the configuration has {}", config.source_names().join(", ")),
    }
}
