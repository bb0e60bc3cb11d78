//! `grapevine source record`, and the replay of what it wrote.

use std::{io::Write, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use grapevine_model::Event;
use grapevine_sources::{
    Progress, World,
    http::Transport,
    recording::{self, Recorder, Recording, Replayed},
};
use jiff::Timestamp;

use super::{find, table_of};
use crate::{args::SourceRecordArgs, commands::words, config};

/// A source that gives no page for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// Polls without a page, one after another: then there is nothing more.
const MOST_IDLE: usize = 3;
/// Differences that are shown.
const MOST_SHOWN: usize = 5;

pub async fn record(args: &SourceRecordArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    if args.into.exists() {
        bail!("{} is there already; name another folder with --into", args.into.display());
    }
    let config = config::load(&args.with.config)?;
    let spec = find(&config, &args.name)?;
    let table = table_of(&config, &args.name).context("the source has no table")?;
    let world = World::real().with_monitors(grapevine_monitor::MonitorQuery::all(&config.brands)?);
    let recorder = Arc::new(Recorder::new(world.transport.clone()));
    let transport: Arc<dyn Transport> = recorder.clone();
    let mut source = spec.build(&world.with_transport(transport));
    let began = Timestamp::now();
    let read = tokio::time::timeout(PATIENCE, pages(source.as_mut(), args.pages.into(), &recorder));
    let (polls, events) = match read.await {
        Ok(read) => read?,
        Err(_) => bail!("source {}: no page within {} s", args.name, PATIENCE.as_secs()),
    };
    let exchanges = recorder.exchanges();
    if exchanges.is_empty() {
        bail!(
            "source {}: nothing was asked over HTTP: what comes by a socket, a webhook or from files is not recorded",
            args.name
        );
    }
    let definition = definition_of(table)?;
    let source = without_files(table.clone());
    let mut recording = Recording { source, definition, began, polls, exchanges, expected: Vec::new() };
    recording.hide_people(&events);
    keep(recording, &args.into, out).await
}

/// What a replay gives is what is expected of the next one.
async fn keep(mut recording: Recording, folder: &Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let files = recording::write(folder, &recording)?;
    let (_, definition) = recording::read(folder)?;
    let replayed = recording.replay(definition.as_deref().and_then(Path::to_str)).await?;
    let (exchanges, polls) = (recording.exchanges.len() as u64, recording.polls as u64);
    recording.expected = replayed.events.clone();
    recording::write(folder, &recording)?;
    writeln!(
        out,
        "{}: {} in {}, {} of them mentions\n  {}",
        folder.display(),
        words::counted(exchanges, "exchange", "exchanges"),
        words::counted(polls, "poll", "polls"),
        replayed.events.iter().filter(|event| matches!(event, Event::Upsert(_))).count(),
        files.join(", ")
    )?;
    if let Some(error) = &replayed.error {
        writeln!(out, "FAIL  a replay does not go as far: {error}")?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        out,
        "\nsecrets are taken out, and people have other names; the words of posts are kept: look through it before you pass\n\
         it on. Replay it: grapevine source test {}",
        folder.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn pages(
    source: &mut dyn grapevine_sources::Source,
    most: usize,
    recorder: &Recorder,
) -> anyhow::Result<(usize, Vec<Event>)> {
    let (mut cursor, mut events, mut polls, mut asked, mut idle) = (None, Vec::new(), 0, 0, 0);
    while asked < most && idle < MOST_IDLE {
        let before = recorder.exchanges().len();
        let page = source.poll(cursor.as_ref()).await?;
        polls += 1;
        let has_asked = recorder.exchanges().len() > before;
        (asked, idle) = if has_asked { (asked + 1, 0) } else { (asked, idle + 1) };
        events.extend(page.events);
        cursor = Some(page.cursor);
        if page.state == Progress::Ended {
            break;
        }
    }
    Ok((polls, events))
}

fn definition_of(table: &toml::Table) -> anyhow::Result<Option<String>> {
    let Some(file) = table.get("definition").and_then(toml::Value::as_str) else { return Ok(None) };
    Ok(Some(std::fs::read_to_string(file).with_context(|| format!("{file} can not be read"))?))
}

/// A secret that stands in a file of this machine is asked of the environment there.
fn without_files(table: toml::Table) -> toml::Table {
    let other = |(key, value): (String, toml::Value)| match key.strip_suffix("_file") {
        Some(secret) => (format!("{secret}_env"), "RECORDED".into()),
        None => (key, value),
    };
    table.into_iter().map(other).collect()
}

/// Replays a recording and compares.
pub async fn replay(folder: &Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let (recording, definition) = recording::read(folder)?;
    let replayed = recording.replay(definition.as_deref().and_then(Path::to_str)).await?;
    let differences = differences(&recording.expected, &replayed);
    for difference in differences.iter().take(MOST_SHOWN) {
        writeln!(out, "FAIL  {difference}")?;
    }
    if differences.len() > MOST_SHOWN {
        writeln!(out, "      … and {} others", differences.len() - MOST_SHOWN)?;
    }
    for rejected in replayed.rejected.iter().take(MOST_SHOWN) {
        writeln!(out, "note  rejected: {}: {}", words::plain(&rejected.place), words::plain(&rejected.reason))?;
    }
    if replayed.unused > 0 {
        writeln!(
            out,
            "note  {} not asked for any more",
            words::counted(replayed.unused as u64, "exchange was", "exchanges were")
        )?;
    }
    writeln!(
        out,
        "{}: {} of {} events as they were",
        folder.display(),
        recording.expected.iter().filter(|event| replayed.events.contains(event)).count(),
        recording.expected.len()
    )?;
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn differences(expected: &[Event], replayed: &Replayed) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::Upsert(mention) => mention.key.to_string(),
        other => other.name().replace('_', " "),
    };
    let lacking = expected.iter().filter(|event| !replayed.events.contains(event));
    let lacking = lacking.map(|event| {
        let other = replayed.events.iter().find(|other| name(other) == name(event));
        match other.and_then(|other| differing(event, other)) {
            Some((field, then, now)) => format!("{}: {field} was {then} and is {now}", name(event)),
            None => format!("{} does not come any more", name(event)),
        }
    });
    let new = replayed.events.iter().filter(|event| !expected.iter().any(|then| name(then) == name(event)));
    let new = new.map(|event| format!("{} did not come then", name(event)));
    let error = replayed.error.iter().map(|error| format!("it stops: {error}"));
    error.chain(lacking).chain(new).collect()
}

/// The first field in which two mentions differ.
fn differing(then: &Event, now: &Event) -> Option<(String, String, String)> {
    let (then, now) = (serde_json::to_value(then).ok()?, serde_json::to_value(now).ok()?);
    let (then, now) = (then.get("upsert")?.as_object()?, now.get("upsert")?.as_object()?);
    let field = then.keys().chain(now.keys()).find(|key| then.get(*key) != now.get(*key))?;
    let shown =
        |value: Option<&serde_json::Value>| value.map_or("absent".to_owned(), |value| words::plain(&value.to_string()));
    Some((field.clone(), shown(then.get(field)), shown(now.get(field))))
}
