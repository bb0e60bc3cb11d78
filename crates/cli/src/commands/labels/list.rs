//! Labels as people and as training programs read them.

use std::io::Write;

use anyhow::Context;
use comfy_table::{ColumnConstraint, Table, presets};
use grapevine_store::LabelRow;
use jiff::Timestamp;
use serde::Serialize;

use super::super::{figure, words};
use crate::args::OutputFormat;

/// Characters of a text that a table shows.
const EXCERPT: usize = 50;

pub fn print(labels: &[LabelRow], format: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, labels)?;
            writeln!(out)?;
        }
        OutputFormat::Csv => print_csv(labels, out)?,
        OutputFormat::Table if labels.is_empty() => writeln!(out, "no labels")?,
        OutputFormat::Table => writeln!(out, "{}", figure::fit(table(labels)).trim_fmt())?,
    }
    Ok(())
}

fn print_csv(labels: &[LabelRow], out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["at", "mention", "brand", "field", "value", "before", "model", "by", "note", "drawn"])?;
    for label in labels {
        let LabelRow { mention, brand, field, value, by, at, note, before, model, drawn, .. } = label;
        csv.write_record([
            &at.to_string(),
            &mention.to_string(),
            brand,
            field,
            value,
            before,
            model,
            by,
            note,
            &drawn.to_string(),
        ])?;
    }
    csv.flush().context("stdout could not be written")
}

fn table(labels: &[LabelRow]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["WHEN (UTC)", "MENTION", "BRAND", "FIELD", "SAYS", "MODEL SAID", "BY", "TEXT"]);
    // An id is there to be copied: it stays in one piece.
    if let Some(mention) = table.column_mut(1) {
        mention.set_constraint(ColumnConstraint::ContentWidth);
    }
    for label in labels {
        let said = match (&*label.before, label.before == label.value) {
            (_, true) => "the same",
            ("", _) => "nothing",
            (before, _) => before,
        };
        let by = words::plain(&label.by);
        let text = label.said_of.as_ref().map_or("(not stored)".to_owned(), |of| excerpt(&of.text));
        table.add_row([
            &words::minutes(label.at),
            &label.mention.to_string(),
            &words::plain(&label.brand),
            &label.field,
            &words::plain(&label.value),
            &words::plain(said),
            &if label.drawn { by + " (drawn)" } else { by },
            &text,
        ]);
    }
    table
}

fn excerpt(text: &str) -> String {
    let text = words::plain(text);
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(EXCERPT).collect();
    if characters.next().is_some() { start + "…" } else { start }
}

/// A line of the training set.
#[derive(Debug, Serialize)]
pub struct Sample<'a> {
    mention: String,
    brand: &'a str,
    platform: &'a str,
    created_at: Timestamp,
    text: &'a str,
    /// Absent where it is not known.
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'a str,
    field: &'a str,
    value: &'a str,
    /// What the newest model says; absent of themes and relevance.
    model_value: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    model: &'a str,
    before: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    before_model: &'a str,
    by: &'a str,
    at: Timestamp,
    /// Chance drew the post: the label measures a model.
    drawn: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
}

impl<'a> Sample<'a> {
    /// `None` where the text is not there any more.
    pub fn of(label: &'a LabelRow) -> Option<Self> {
        let of = label.said_of.as_ref()?;
        let model_value = match &*label.field {
            "polarity" => of.polarity.as_deref(),
            "intent" => of.intent.as_deref(),
            _ => None,
        };
        Some(Self {
            mention: label.mention.to_string(),
            brand: &label.brand,
            platform: &of.platform,
            created_at: of.created_at,
            text: &of.text,
            language: &of.language,
            field: &label.field,
            value: &label.value,
            model_value,
            model: &of.model,
            before: &label.before,
            before_model: &label.model,
            by: &label.by,
            at: label.at,
            drawn: label.drawn,
            note: &label.note,
        })
    }
}
