//! `grapevine export | import`: everything that can not be computed again, from store to store, checked by what both answer.

mod report;

use std::{collections::HashMap, io, process::ExitCode};

use anyhow::Context;
use grapevine_log::Log;
use grapevine_model::{LabelKey, LabelRecord};
use grapevine_store::transfer::{Exporting, Imported, Importing, Scope};
use jiff::Timestamp;

use super::span;
use crate::{
    args::{ExportArgs, ImportArgs, ReportFormat},
    config::{self, Config},
    parts::{self, OpenStore},
    progress,
    stages::{self, forgotten, labels},
};

pub async fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let scope = scope(args)?;
    let open = parts::existing_store(&config).await?;
    let bar = progress::bar(None, "rows");
    let exporting = Exporting { folder: &args.to, scope, rows: args.format.into() };
    let exported = open.store.export(&exporting, &|_, rows| bar.inc(rows)).await;
    bar.finish_and_clear();
    open.close().await;
    report::exported(&exported?, &args.to, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn scope(args: &ExportArgs) -> anyhow::Result<Scope> {
    let (from, to) = match (&args.from, &args.until) {
        (None, None) => (None, None),
        (from, until) => {
            let span = span::parse_open(from.as_deref(), until.as_deref().unwrap_or("now"))?;
            // An end that nobody named is open: what is of the future by another's clock is in it.
            (from.as_ref().map(|_| span.from), until.as_ref().map(|_| span.to))
        }
    };
    let brand = args.brand.clone();
    Ok(Scope { brand, from, to })
}

pub async fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let log = parts::open_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    let open = parts::open_store(&config).await?;
    let imported = import_into(args, &config, &*log, &open).await;
    open.close().await;
    let imported = imported?;
    let mut out = io::stdout().lock();
    match args.format {
        ReportFormat::Table => report::imported(&imported, &mut out)?,
        ReportFormat::Json => report::imported_json(&imported, &mut out)?,
    }
    Ok(if report::differ(&imported) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn import_into(args: &ImportArgs, config: &Config, log: &dyn Log, open: &OpenStore) -> anyhow::Result<Imported> {
    open.store.migrate().await?;
    let suppressions = forgotten::table(log).await?.suppressions();
    let known: HashMap<LabelKey, Timestamp> =
        labels::table(log).await?.iter().map(|record| (record.key(), record.at())).collect();
    let append = async |records: &[LabelRecord]| {
        // Of a key the log's newest record stands: an older one must not come behind it.
        let news = records.iter().filter(|record| known.get(&record.key()).is_none_or(|at| *at < record.at()));
        let news: Vec<LabelRecord> = news.cloned().collect();
        labels::append(log, &news).await.map_err(|error| format!("{error:#}"))
    };
    let bar = progress::bar(None, "rows");
    let importing = Importing { folder: &args.folder, beside: args.beside, suppressions: &suppressions };
    let imported = open.store.import(&importing, append, &|_, rows| bar.inc(rows)).await;
    bar.finish_and_clear();
    imported.with_context(|| format!("into {} of {}", open.store.database(), config.data_dir.display()))
}
