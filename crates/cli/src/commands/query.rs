//! `grapevine query`: a figure with its definition, its span and its coverage.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use grapevine_api::Span;
use grapevine_store::{By, MetricQuery, MetricTable, registry};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    args::{OutputFormat, QueryArgs},
    config, parts,
};

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
    print(&answer?, args.format, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn build(args: &QueryArgs, metric: &str, brand: String) -> anyhow::Result<MetricQuery> {
    let Span { from, to } = Span::parse(Some(&args.from), Some(&args.to), Timestamp::now())
        .map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))?;
    let by = match &args.by {
        Some(by) => Some(by.parse::<By>().map_err(|error| anyhow::anyhow!("--by: {error}"))?),
        None => None,
    };
    Ok(MetricQuery { by, limit: Some(args.limit), ..MetricQuery::new(metric, brand, from, to) })
}

fn list_metrics(out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["METRIC", "UNIT", "WHAT IT IS"]);
    for metric in registry::all() {
        table.add_row([metric.id, metric.unit, metric.definition]);
    }
    writeln!(out, "{}", width(table))
}

/// Lines are folded at the terminal's width, or at 120 columns.
fn width(mut table: Table) -> Table {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(120);
    }
    table
}

fn print(answer: &MetricTable, format: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, answer)?;
            writeln!(out)?;
        }
        OutputFormat::Csv => print_csv(answer, out)?,
        OutputFormat::Table => print_table(answer, out)?,
    }
    Ok(())
}

fn print_csv(answer: &MetricTable, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(answer.columns.iter().map(|column| column.name))?;
    for row in &answer.rows {
        csv.write_record(row.iter().map(|value| text(value, "")))?;
    }
    csv.flush().context("stdout could not be written")
}

fn print_table(answer: &MetricTable, out: &mut impl Write) -> io::Result<()> {
    let info = &answer.metric;
    writeln!(out, "{}: {}", info.title, answer.brand)?;
    writeln!(out, "{}", info.definition)?;
    writeln!(out, "from {} to {} (UTC)\n", answer.from, answer.to)?;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let heading = |name: &str, unit: &str| match unit {
        "text" | "time" => name.replace('_', " ").to_uppercase(),
        unit => format!("{} ({unit})", name.replace('_', " ").to_uppercase()),
    };
    table.set_header(answer.columns.iter().map(|column| heading(column.name, column.unit)));
    for row in &answer.rows {
        table.add_row(row.iter().map(|value| text(value, "no data")));
    }
    for (at, column) in answer.columns.iter().enumerate() {
        if !matches!(column.unit, "text" | "time")
            && let Some(column) = table.column_mut(at)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    match answer.rows.is_empty() {
        true => writeln!(out, "nothing in this span")?,
        false => writeln!(out, "{}", width(table))?,
    }
    print_trust(answer, out)
}

/// How far the figure can be trusted: coverage, and the model behind it.
fn print_trust(answer: &MetricTable, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    match answer.coverage.note.as_str() {
        "" => writeln!(out, "coverage: complete")?,
        note => writeln!(out, "coverage: partial; {note}")?,
    }
    if let Some(model) = &answer.model {
        writeln!(out, "model: {}, {:.1} % of the mentions scored", model.name, model.share_scored * 100.0)?;
    }
    writeln!(
        out,
        "formula: {} (version {}, source: {})",
        answer.metric.formula, answer.metric.version, answer.metric.source
    )
}

fn text(value: &Value, missing: &str) -> String {
    match value {
        Value::Null => missing.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or_default()),
        Value::Array(values) => values.iter().map(|value| text(value, missing)).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_zero() {
        assert_eq!(text(&Value::Null, "no data"), "no data");
        assert_eq!(text(&serde_json::json!(0), "no data"), "0");
        assert_eq!(text(&serde_json::json!(12.345), ""), "12.35");
    }
}
