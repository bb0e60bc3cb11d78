//! A figure as text: a table for people, with its definition, its span and how far it can be trusted; CSV, JSON and NDJSON
//! for programs.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use grapevine_store::{Column, MetricTable};
use serde::Serializer;
use serde_json::Value;

use super::words::{duration, minutes};
use crate::args::FigureFormat;

/// Characters of a post that a table shows; CSV and JSON have all of it.
const EXCERPT: usize = 70;

pub fn print(answer: &MetricTable, format: FigureFormat, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        FigureFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, answer)?;
            writeln!(out)?;
        }
        FigureFormat::Csv => print_csv(answer, out)?,
        FigureFormat::Ndjson => print_ndjson(answer, out)?,
        FigureFormat::Table => print_table(answer, out)?,
    }
    Ok(())
}

fn print_csv(answer: &MetricTable, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(answer.columns.iter().map(|column| column.name))?;
    for row in &answer.rows {
        csv.write_record(row.iter().map(exact))?;
    }
    csv.flush().context("stdout could not be written")
}

/// An object a line, its fields in the order of the columns.
fn print_ndjson(answer: &MetricTable, out: &mut impl Write) -> anyhow::Result<()> {
    for row in &answer.rows {
        let fields = answer.columns.iter().map(|column| column.name).zip(row);
        serde_json::Serializer::new(&mut *out).collect_map(fields)?;
        writeln!(out)?;
    }
    Ok(())
}

fn print_table(answer: &MetricTable, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", answer.metric.title, answer.brand)?;
    writeln!(out, "{}", answer.metric.definition)?;
    writeln!(out, "from {} to {} (UTC)\n", minutes(answer.from), minutes(answer.to))?;
    match answer.rows.is_empty() {
        true => writeln!(out, "nothing in this span")?,
        false => writeln!(out, "{}", fit(table(answer)))?,
    }
    if answer.columns.iter().any(|column| is_further(column.name)) {
        writeln!(out, "hint: further examples and their ids are in --format csv, ndjson and json")?;
    }
    print_trust(answer, out)
}

/// An id is for programs: where a row has an address too, people get that. Of several examples they get the first.
fn table(answer: &MetricTable) -> Table {
    let has_url = answer.columns.iter().any(|column| column.name == "url");
    let is_hidden = |name: &str| is_further(name) || (has_url && name == "id");
    let shown: Vec<(usize, &Column)> =
        answer.columns.iter().enumerate().filter(|(_, column)| !is_hidden(column.name)).collect();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(shown.iter().map(|(_, column)| heading(column)));
    for row in &answer.rows {
        table.add_row(shown.iter().map(|(at, column)| readable(&row[*at], column.unit)));
    }
    for (at, (_, column)) in shown.iter().enumerate() {
        if !matches!(column.unit, "text" | "time")
            && let Some(column) = table.column_mut(at)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Of a row with several examples: what stands behind the first one's text.
fn is_further(column: &str) -> bool {
    matches!(column, "url_1" | "id_1") || column.ends_with("_2") || column.ends_with("_3")
}

/// The unit stands in the heading where the name and the values do not say it.
fn heading(column: &Column) -> String {
    let name = column.name.replace('_', " ").to_uppercase();
    match column.unit {
        unit @ ("%" | "points") => format!("{name} ({unit})"),
        _ => name,
    }
}

/// The terminal's, or 120 columns.
pub fn width() -> u16 {
    Table::new().width().filter(|_| io::stdout().is_terminal()).unwrap_or(120)
}

/// Lines are folded at the terminal's width, or at 120 columns.
pub fn fit(mut table: Table) -> Table {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !io::stdout().is_terminal() {
        table.set_width(120);
    }
    table
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
    if let Some(correction) = answer.correction.as_ref().filter(|correction| !correction.note.is_empty()) {
        writeln!(out, "correction: {}", correction.note)?;
    }
    let metric = &answer.metric;
    writeln!(out, "formula: {} (version {}, source: {})", metric.formula, metric.version, metric.source)
}

/// As a person reads it. What is not known is not zero.
fn readable(value: &Value, unit: &str) -> String {
    match (value, unit) {
        (Value::Null, "rank") => "–".into(),
        (Value::Null, _) => "no data".into(),
        (Value::Number(number), "s") => duration(number.as_f64().unwrap_or_default()),
        (Value::Number(number), "share") => format!("{:.0} %", number.as_f64().unwrap_or_default() * 100.0),
        (Value::Number(number), _) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap_or_default()),
        (Value::String(text), "time") => text.parse().map_or_else(|_| text.clone(), minutes),
        (Value::String(text), _) => excerpt(text),
        (value, _) => exact(value),
    }
}

fn excerpt(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(EXCERPT) {
        // An address that is cut is none.
        Some((end, _)) if !one_line.starts_with("http") => format!("{}…", one_line[..end].trim_end()),
        _ => one_line,
    }
}

fn exact(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(exact).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_not_zero() {
        assert_eq!(readable(&Value::Null, "mentions"), "no data");
        assert_eq!(readable(&json!(0), "mentions"), "0");
        assert_eq!(exact(&Value::Null), "", "an empty cell in CSV");
    }

    #[test]
    fn values_read_as_people_say_them() {
        assert_eq!(readable(&json!(229_118.388), "s"), "2 d 15 h");
        assert_eq!(readable(&json!(200), "s"), "3 min 20 s");
        assert_eq!(readable(&json!(0.5), "share"), "50 %");
        assert_eq!(readable(&json!("2026-11-19T07:06:00.000Z"), "time"), "2026-11-19 07:06");
    }

    #[test]
    fn a_long_post_is_cut_between_characters_and_an_address_is_not() {
        let cut = excerpt(&"é".repeat(200));
        assert_eq!(cut.chars().count(), EXCERPT + 1);
        let address = format!("https://example.org/{}", "a".repeat(100));
        assert_eq!(excerpt(&address), address);
    }

    /// A digest of one row with two examples.
    fn digest() -> MetricTable {
        let metric = grapevine_store::registry::find("feedback_digest").unwrap();
        let columns = metric.shapes[0].columns.to_vec();
        let told = [json!("complaint"), json!("price"), json!(2), json!(2), json!(1), json!(-50.0)];
        let examples = [json!("too dear, \"really\""), json!("https://f.example/1"), json!("01")];
        let second = [json!("dear"), json!(""), json!("02")];
        let row = [&told[..], &examples, &second, &[const { Value::Null }; 3]].concat();
        let time = |text: &str| text.parse().unwrap();
        MetricTable {
            metric: metric.info(),
            brand: "Acme".into(),
            from: time("2026-03-01T00:00:00Z"),
            to: time("2026-03-02T00:00:00Z"),
            by: None,
            columns,
            rows: vec![row],
            coverage: grapevine_store::Coverage {
                complete_through: None,
                gaps: vec![],
                sampled: vec![],
                partial: false,
                note: String::new(),
            },
            model: None,
            correction: None,
        }
    }

    fn printed(format: FigureFormat) -> String {
        let mut out = vec![];
        print(&digest(), format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_digest_is_handed_on_whole_as_csv_and_as_ndjson() {
        insta::assert_snapshot!(printed(FigureFormat::Csv));
        insta::assert_snapshot!(printed(FigureFormat::Ndjson));
    }

    #[test]
    fn a_digest_shows_people_one_example_and_says_where_the_others_are() {
        let table = printed(FigureFormat::Table);
        assert!(
            table.contains("too dear") && !table.contains("https://f.example/1") && !table.contains("EXAMPLE 2"),
            "{table}"
        );
        assert!(table.contains("hint: further examples"), "{table}");
    }
}
