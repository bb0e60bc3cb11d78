//! The report as people read it.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table, presets};
use grapevine_api::SourceState;
use jiff::Timestamp;

use super::judge::{Checked, DeadLetters, LastDay, Report, Source, Stage, StageState};
use crate::commands::{figure, words};

pub fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", words::plain(&report.headline))?;
    for problem in &report.problems {
        writeln!(out, "hint: {}", problem.hint)?;
    }
    for unknown in &report.not_known {
        writeln!(out, "{} not known: {}", unknown.part, words::plain(&unknown.why))?;
    }
    if !report.stages.is_empty() {
        section(out, stages(&report.stages, report.at))?;
    }
    if !report.sources.is_empty() {
        section(out, sources(&report.sources, report.at))?;
        messages(&report.sources, out)?;
    }
    print_store(report, out)?;
    if !report.invariants.is_empty() {
        section(out, invariants(&report.invariants))?;
        examples(&report.invariants, out)?;
    }
    match &report.dead_letters {
        Some(letters) if letters.letters > 0 => section(out, dead_letters(letters)),
        Some(_) => writeln!(out, "\nno dead letters"),
        None => Ok(()),
    }
}

fn section(out: &mut impl Write, table: Table) -> io::Result<()> {
    writeln!(out, "\n{}", figure::fit(table).trim_fmt())
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table
}

fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn ago(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| NOT_KNOWN.to_owned(), |time| format!("{} ago", words::age(time, now)))
}

const NOT_KNOWN: &str = "not known";
/// Does not apply to this row.
const NONE: &str = "–";

fn stages(stages: &[Stage], now: Timestamp) -> Table {
    let mut table = table(["STAGE", "STATE", "WAITING", "OLDEST WAITS", "FINISHED", "MOVED"]);
    for stage in stages {
        let number = |n: Option<u64>| n.map_or_else(|| NONE.to_owned(), words::count);
        let moved = match stage.watched_through {
            Some(through) => format!("watched up to {}", words::minutes(through)),
            None if stage.name == "alert" => NONE.to_owned(),
            None => ago(stage.moved, now),
        };
        let oldest = stage.oldest_waiting.map_or_else(|| NONE.to_owned(), |time| words::age(time, now));
        table.add_row([
            Cell::new(stage.name),
            Cell::new(state(stage.state)),
            right(number(stage.waiting)),
            right(oldest),
            right(number(stage.committed)),
            Cell::new(moved),
        ]);
    }
    table
}

fn state(state: StageState) -> &'static str {
    match state {
        StageState::UpToDate => "up to date",
        StageState::Working => "working",
        StageState::Stalled => "STALLED",
        StageState::NotStarted => "not started yet",
    }
}

fn source_notes(source: &Source) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(source.message.as_deref().map(words::plain));
    notes.extend(source.last_day.as_ref().map(last_day));
    let Some(usage) = &source.usage else { return notes };
    let used = usage.quota.iter().filter(|quota| quota.used > 0);
    notes.extend(used.map(|quota| {
        format!("{} of {} {}", words::count(quota.used), words::count(quota.allowed), words::plain(&quota.what))
    }));
    if let Some(spend) = &usage.spend {
        let read = if spend.share < 1.0 {
            format!("; {:.0} % of what is there is read", spend.share * 100.0)
        } else {
            String::new()
        };
        notes.push(format!(
            "{:.2} of {:.2} spent this month, on {} records{read}",
            spend.spent,
            spend.cap,
            words::count(spend.records)
        ));
    }
    notes
}

fn last_day(day: &LastDay) -> String {
    let counted = |count: u64, of: &str| format!("{} {of}", words::count(count));
    let classes: Vec<String> = day.errors.iter().map(|(class, count)| counted(*count, class)).collect();
    let failed = day.errors.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let mut said = vec![counted(day.requests, "requests"), counted(day.records, "records")];
    said.extend((day.rejected > 0).then(|| counted(day.rejected, "rejected")));
    said.extend((failed > 0).then(|| format!("{} ({})", counted(failed, "failed polls"), classes.join(", "))));
    format!("in 24 h {}", said.join(", "))
}

fn sources(sources: &[Source], now: Timestamp) -> Table {
    let mut table = table(["SOURCE", "STATE", "CHECKPOINT", "COMPLETE THROUGH (UTC)", "CAUGHT UP", "LAST HEARD"]);
    for source in sources {
        let word = |flag: Option<bool>, yes: &'static str, no: &'static str| {
            flag.map_or(NOT_KNOWN, |flag| if flag { yes } else { no })
        };
        let silent = if source.silent { ", SILENT" } else { "" };
        table.add_row([
            source.name.clone(),
            source.state.map_or(NOT_KNOWN, source_state).to_owned(),
            word(source.checkpoint, "saved", "none yet").to_owned(),
            source.complete_through.map_or_else(|| NOT_KNOWN.to_owned(), words::seconds),
            word(source.caught_up, "yes", "catching up").to_owned(),
            format!("{}{silent}", ago(source.last_heard, now)),
        ]);
    }
    table
}

fn source_state(state: SourceState) -> &'static str {
    match state {
        SourceState::Starting => "starting",
        SourceState::CatchingUp => "catching up",
        SourceState::Live => "live",
        SourceState::Waiting => "waits for its quota",
        SourceState::Retrying => "tries again",
        SourceState::Stalled => "STALLED",
        SourceState::Ended => "ended",
        SourceState::Failed => "FAILED",
    }
}

/// What each source says of itself, and what it has used of what it may.
fn messages(sources: &[Source], out: &mut impl Write) -> io::Result<()> {
    let notes = |source: &Source| {
        source_notes(source).into_iter().map(|note| format!("  {}: {note}", source.name)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(notes).try_for_each(|note| writeln!(out, "{note}"))
}

fn print_store(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(store) = &report.store else { return Ok(()) };
    let dirty = report.dirty_hours.map_or_else(|| NOT_KNOWN.to_owned(), words::count);
    let mut table = table(["COUNTED MENTIONS", "NEWEST", "LAST STORED", "HOURS TO REBUILD"]);
    let newest = store.newest.map_or_else(|| "none yet".to_owned(), |time| ago(Some(time), report.at));
    let written = store.last_written.map_or_else(|| "nothing yet".to_owned(), |time| ago(Some(time), report.at));
    table.add_row([right(words::count(store.mentions)), Cell::new(newest), Cell::new(written), right(dirty)]);
    section(out, table)
}

fn invariants(checked: &[Checked]) -> Table {
    let mut table = table(["INVARIANT", "VIOLATIONS", "CHECKED", ""]);
    for one in checked {
        table.add_row([
            Cell::new(one.name.replace('_', " ")),
            right(words::count(one.violations)),
            right(words::count(one.checked)),
            Cell::new(one.of),
        ]);
    }
    table
}

fn examples(checked: &[Checked], out: &mut impl Write) -> io::Result<()> {
    for one in checked {
        for example in &one.examples {
            writeln!(out, "  {}: {}", one.name.replace('_', " "), words::plain(example))?;
        }
    }
    Ok(())
}

fn dead_letters(letters: &DeadLetters) -> Table {
    let mut table = table(["DEAD LETTERS", "STILL PARKED", "STAGE", "REASON"]);
    for total in &letters.totals {
        table.add_row([
            right(words::count(total.letters)),
            right(words::count(total.parked)),
            Cell::new(&total.stage),
            Cell::new(&total.reason),
        ]);
    }
    table
}
