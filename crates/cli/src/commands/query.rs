//! `grapevine query`: a figure with its definition, its span and its coverage.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::bail;
use comfy_table::{Table, presets};
use grapevine_api::Span;
use grapevine_store::{By, MetricQuery, registry};

use super::{figure, span};
use crate::{args::QueryArgs, config, parts};

pub async fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let Some(metric) = &args.metric else {
        list_metrics(&mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    };
    let config = config::load(&args.with.config)?;
    let brand = match (&args.brand, config.brands.first()) {
        (Some(brand), _) => brand.clone(),
        (None, Some(first)) => first.name.clone(),
        (None, None) => bail!("no brand is configured; name one with --brand"),
    };
    let mut query = build(args, metric, brand)?;
    query.among = config.brands.iter().map(|brand| brand.name.clone()).collect();
    let open = parts::open_store(&config).await?;
    open.store.migrate().await?;
    let answer = open.reader.metric(&query).await;
    open.close().await;
    figure::print(&answer?, args.format, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn build(args: &QueryArgs, metric: &str, brand: String) -> anyhow::Result<MetricQuery> {
    let Span { from, to } = span::parse(&args.from, &args.to)?;
    let by = match &args.by {
        Some(by) => Some(by.parse::<By>().map_err(|error| anyhow::anyhow!("--by: {error}"))?),
        None => None,
    };
    let (hashtag, campaign) = (args.hashtag.clone(), args.campaign.clone());
    Ok(MetricQuery { by, limit: Some(args.limit), hashtag, campaign, ..MetricQuery::new(metric, brand, from, to) })
}

fn list_metrics(out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["METRIC", "UNIT", "WHAT IT IS"]);
    for metric in registry::all() {
        table.add_row([metric.id, metric.unit, metric.definition]);
    }
    writeln!(out, "{}", figure::fit(table))
}
