//! `grapevine labels`: what people say of mentions, against the model or to confirm it.

mod draw;
mod give;
mod list;
#[cfg(test)]
mod tests;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use grapevine_api::Span;
use grapevine_store::{LabelFilter, LabelRow, Store};
use jiff::Timestamp;

use super::words;
use crate::{
    args::{LabelsCommand, LabelsExportArgs, LabelsFilter, LabelsListArgs},
    config,
    parts::{self, OpenStore},
};

/// Labels that are asked for at once.
const PAGE: u64 = 10_000;

pub async fn run(command: &LabelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        LabelsCommand::List(args) => list(args).await,
        LabelsCommand::Add(args) => give::add(args).await,
        LabelsCommand::Remove(args) => give::remove(args).await,
        LabelsCommand::Draw(args) => draw::draw(args).await,
        LabelsCommand::Export(args) => export(args).await,
    }
}

async fn open(file: &std::path::Path) -> anyhow::Result<OpenStore> {
    parts::existing_store(&config::load(file)?).await
}

async fn list(args: &LabelsListArgs) -> anyhow::Result<ExitCode> {
    let filter = filter(&args.filter, Timestamp::now())?;
    let open = open(&args.with.config).await?;
    let labels = open.reader.labels(&filter, args.limit.into(), 0).await;
    open.close().await;
    list::print(&labels?, args.format, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

async fn export(args: &LabelsExportArgs) -> anyhow::Result<ExitCode> {
    let filter = filter(&args.filter, Timestamp::now())?;
    let open = open(&args.with.config).await?;
    let exported = write_all(&open.reader, &filter).await;
    open.close().await;
    let (written, textless) = exported?;
    eprint!("{} written", words::counted(written, "label", "labels"));
    match textless {
        0 => eprintln!(),
        n => {
            eprintln!("; {} left out: the mention is not stored, or was deleted", words::counted(n, "label", "labels"))
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A page at a time, on stdout. How many were written, and how many have no text any more.
async fn write_all(store: &Store, filter: &LabelFilter) -> anyhow::Result<(u64, u64)> {
    let (mut written, mut textless, mut offset) = (0, 0, 0);
    // What is labelled meanwhile would move the pages.
    let until = filter.to.unwrap_or_else(Timestamp::now);
    let filter = LabelFilter { to: Some(until), ..filter.clone() };
    loop {
        let page: Vec<LabelRow> = store.labels(&filter, PAGE, offset).await?;
        let mut out = BufWriter::new(io::stdout().lock());
        for label in &page {
            match list::Sample::of(label) {
                Some(sample) => {
                    serde_json::to_writer(&mut out, &sample)?;
                    writeln!(out)?;
                    written += 1;
                }
                None => textless += 1,
            }
        }
        out.flush()?;
        offset += page.len() as u64;
        if (page.len() as u64) < PAGE {
            return Ok((written, textless));
        }
    }
}

fn filter(args: &LabelsFilter, now: Timestamp) -> anyhow::Result<LabelFilter> {
    let span = match (&args.from, &args.to) {
        (None, None) => None,
        (from, to) => Some(span(from.as_deref().or(Some("1970-01-02")), to.as_deref(), now)?),
    };
    Ok(LabelFilter {
        brand: args.brand.clone(),
        field: args.field,
        mention: args.mention,
        from: span.map(|span| span.from),
        to: span.map(|span| span.to),
        drawn: args.drawn,
    })
}

fn span(from: Option<&str>, to: Option<&str>, now: Timestamp) -> anyhow::Result<Span> {
    Span::parse(from, to, now).map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))
}
