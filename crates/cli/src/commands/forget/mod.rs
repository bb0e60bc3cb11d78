//! `grapevine forget`: deletion requests, and the list of them.

mod report;

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use grapevine_model::forgotten::Request;

use crate::{
    args::{ForgetArgs, ForgetCommand, ForgetListArgs, ForgetRunArgs, ReportFormat},
    config,
    forget::{Asked, Forget, Named, Targets},
    parts,
    stages::{self, forgotten},
};

pub async fn run(args: &ForgetArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(ForgetCommand::List(args)) => list(args).await,
        None => forget(&args.run).await,
    }
}

async fn list(args: &ForgetListArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let log = parts::existing_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    let table = forgotten::table(&*log).await?;
    let mut requests: Vec<&Request> = table.requests.values().collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.at));
    let mut out = io::stdout().lock();
    match args.format {
        ReportFormat::Table => report::list(&requests, &mut out)?,
        ReportFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&requests)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn forget(args: &ForgetRunArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let log = parts::existing_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    let open = parts::existing_store(&config).await?;
    // Where this process had to start the engine, no sink is at work.
    let wait = if open.engine.is_some() { Duration::ZERO } else { Duration::from_secs(args.wait) };
    let done = async {
        let targets = Targets::of(&named(args)?, &open.store).await?;
        let forget = Forget { config: Arc::new(config), log, store: open.store.clone(), targets, wait };
        let asked = Asked { by: args.by.clone(), reason: args.reason.clone() };
        if args.dry_run {
            return forget.count(&asked).await;
        }
        let mut draft = forget.open(&asked).await?;
        forget.keep_out(&mut draft).await?;
        forget.carry_out(draft).await
    };
    let done = done.await;
    open.close().await;
    let (request, run) = done?;
    let mut out = io::stdout().lock();
    match args.format {
        ReportFormat::Table => report::print(&request, &run, args.dry_run, &mut out)?,
        ReportFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&run)?)?,
    }
    Ok(if run.remains.iter().any(|remains| remains.until.is_none()) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whom the command line and stdin name.
fn named(args: &ForgetRunArgs) -> anyhow::Result<Named> {
    let (mut authors, mentions, instance) = (args.authors.clone(), args.mentions.clone(), args.instance.clone());
    if args.stdin {
        for line in io::stdin().lock().lines() {
            let line = line.context("stdin could not be read")?;
            authors.extend((!line.trim().is_empty()).then(|| line.trim().to_owned()));
        }
    }
    Ok(Named { authors, mentions, instance })
}
