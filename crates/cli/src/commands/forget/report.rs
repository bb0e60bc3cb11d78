//! Deletion requests as people read them.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table, presets};
use grapevine_model::forgotten::{Remains, Request, Run};

use super::super::words;

/// What one run found and left.
pub fn print(request: &Request, run: &Run, dry_run: bool, out: &mut impl Write) -> io::Result<()> {
    let subjects = words::counted(request.subjects, "account or mention", "accounts and mentions");
    let but = if run.remains.is_empty() { "" } else { ", but for what is left" };
    match dry_run {
        true => writeln!(out, "of {subjects} there is, and would be removed{but}:")?,
        false => writeln!(out, "request {}: {subjects}; found and removed{but}:", request.id)?,
    }
    if run.found.is_empty() {
        writeln!(out, "nothing")?;
    } else {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        for (place, count) in &run.found {
            table.add_row([Cell::new(words::count(*count)).set_alignment(CellAlignment::Right), Cell::new(place)]);
        }
        writeln!(out, "{table}")?;
    }
    run.remains.iter().try_for_each(|remains| writeln!(out, "{}", left(remains)))
}

fn left(remains: &Remains) -> String {
    let count = remains.records.map_or("not known how much".to_owned(), words::count);
    let until = remains.until.map_or(String::new(), |until| format!(", until {} (UTC)", words::minutes(until)));
    format!("left: {count} in {}{until}: {}", remains.place, remains.why)
}

/// The newest first.
pub fn list(requests: &[&Request], out: &mut impl Write) -> io::Result<()> {
    if requests.is_empty() {
        return writeln!(out, "no deletion request was made");
    }
    for request in requests {
        let state = match request.is_done() {
            true => "done",
            false => "begun and not ended: repeat the command as it was",
        };
        let subjects = words::counted(request.subjects, "subject", "subjects");
        writeln!(
            out,
            "{}  {}  by {}  {subjects}  {state}",
            request.id,
            words::minutes(request.at),
            words::plain(&request.by)
        )?;
        if !request.reason.is_empty() {
            writeln!(out, "    reason: {}", words::plain(&request.reason))?;
        }
        for run in &request.runs {
            let found: Vec<String> =
                run.found.iter().map(|(place, n)| format!("{} {place}", words::count(*n))).collect();
            let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
            writeln!(out, "    {} found {found}", words::minutes(run.began_at))?;
            run.remains.iter().try_for_each(|remains| writeln!(out, "    {}", left(remains)))?;
        }
    }
    Ok(())
}
