//! `grapevine dlq list`.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use super::letters::{Letter, State};
use crate::{
    args::OutputFormat,
    commands::{figure, words},
};

/// Letters that fit, the newest first, and how many there are of each kind.
#[derive(Debug, Serialize)]
pub struct Listing<'a> {
    pub letters: Vec<&'a Letter>,
    /// All that fit, also where fewer are listed.
    pub count: u64,
    pub parked: u64,
    pub totals: Vec<Total>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Total {
    pub stage: String,
    /// Without its details.
    pub reason: String,
    pub letters: u64,
    /// Of them, not replayed yet.
    pub parked: u64,
}

impl<'a> Listing<'a> {
    /// `letters` in the order that they were parked.
    pub fn new(letters: Vec<&'a Letter>, limit: usize) -> Self {
        let parked = letters.iter().filter(|letter| !letter.is_replayed()).count() as u64;
        let (count, totals) = (letters.len() as u64, totals(&letters));
        Self { letters: letters.into_iter().rev().take(limit).collect(), count, parked, totals }
    }
}

/// By stage and kind of reason, the most frequent first.
pub fn totals(letters: &[&Letter]) -> Vec<Total> {
    let mut counts: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for letter in letters {
        let (all, parked) = counts.entry((&letter.stage, letter.kind_of_reason())).or_default();
        *all += 1;
        *parked += u64::from(!letter.is_replayed());
    }
    let total = |((stage, reason), (letters, parked)): ((&str, &str), (u64, u64))| Total {
        stage: stage.to_owned(),
        reason: words::plain(reason),
        letters,
        parked,
    };
    let mut totals: Vec<Total> = counts.into_iter().map(total).collect();
    totals.sort_by_key(|total| std::cmp::Reverse(total.letters));
    totals
}

pub fn print(listing: &Listing<'_>, format: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
    match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, listing)?;
            writeln!(out)?;
        }
        OutputFormat::Csv => print_csv(listing, out)?,
        OutputFormat::Table => print_table(listing, out)?,
    }
    Ok(())
}

fn print_csv(listing: &Listing<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["number", "parked_at", "stage", "place", "reason", "bytes", "times", "state", "state_at"])?;
    for letter in &listing.letters {
        let (state, at) = match letter.state {
            State::Parked => ("parked", None),
            State::Refused { at } => ("refused", Some(at)),
            State::Replayed { at } => ("replayed", Some(at)),
        };
        csv.write_record([
            &letter.number.to_string(),
            &letter.parked_at.to_string(),
            &letter.stage,
            &letter.place,
            &letter.reason,
            &letter.bytes.to_string(),
            &letter.times.to_string(),
            state,
            &at.map(|at| at.to_string()).unwrap_or_default(),
        ])?;
    }
    csv.flush().context("stdout could not be written")
}

fn print_table(listing: &Listing<'_>, out: &mut impl Write) -> io::Result<()> {
    if listing.count == 0 {
        return writeln!(out, "no dead letters");
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["NUMBER", "PARKED (UTC)", "STAGE", "PLACE", "REASON", "SIZE", "STATE"]);
    for letter in &listing.letters {
        table.add_row([
            Cell::new(letter.number).set_alignment(CellAlignment::Right),
            Cell::new(words::minutes(letter.parked_at)),
            Cell::new(&letter.stage),
            Cell::new(words::plain(&letter.place)),
            Cell::new(words::plain(&letter.reason)),
            Cell::new(words::size(letter.bytes)).set_alignment(CellAlignment::Right),
            Cell::new(state(letter)),
        ]);
    }
    writeln!(out, "{}\n", figure::fit(table).trim_fmt())?;
    writeln!(out, "{}", summary(listing.count, listing.parked, &listing.totals))?;
    if (listing.letters.len() as u64) < listing.count {
        let shown = words::count(listing.letters.len() as u64);
        writeln!(out, "shown are the newest {shown}; --limit shows more")?;
    }
    if listing.parked > 0 {
        writeln!(
            out,
            "hint: `grapevine dlq show NUMBER` has all of one; `grapevine dlq replay NUMBER` tries it again"
        )?;
    }
    Ok(())
}

/// With how often it was parked, where a crash repeated that.
fn state(letter: &Letter) -> String {
    let state = match letter.state {
        State::Refused { .. } => "parked, refused again".to_owned(),
        state => words_of(state),
    };
    if letter.times > 1 { format!("{state}, {}x", letter.times) } else { state }
}

/// `parked`, `replayed 2026-03-01 12:00`.
pub fn words_of(state: State) -> String {
    let said = |word: &str, at: Timestamp| format!("{word} {}", words::minutes(at));
    match state {
        State::Parked => "parked".to_owned(),
        State::Refused { at } => said("parked, refused again", at),
        State::Replayed { at } => said("replayed", at),
    }
}

/// `12 letters, 10 still parked: 9 score/malformed, 3 ingest/not JSON`.
pub fn summary(count: u64, parked: u64, totals: &[Total]) -> String {
    let letters = words::counted(count, "letter", "letters");
    let still = match parked {
        0 => ", all replayed".to_owned(),
        _ if parked == count => String::new(),
        _ => format!(", {} still parked", words::count(parked)),
    };
    let kinds: Vec<String> = totals
        .iter()
        .map(|total| format!("{} {}/{}", words::count(total.letters), total.stage, total.reason))
        .collect();
    format!("{letters}{still}: {}", kinds.join(", "))
}
