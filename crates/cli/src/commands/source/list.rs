//! `grapevine source list`.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use grapevine_sources::registry::{COMMON_KEYS, Capabilities, KeyDoc, KindRow};

/// Every kind with what it reads and can do; those that a definition describes look the same to a user.
pub fn print(kinds: &[&KindRow], width: u16, out: &mut impl Write) -> io::Result<()> {
    let mut table = table(width);
    table.set_header(["KIND", "COMES", "DELETIONS", "COST", "WHAT IT READS"]);
    for row in kinds {
        let can = row.capabilities;
        let deletions = if can.deletions == Capabilities::NEVER { "no" } else { "yes" };
        let cost = if can.cost == Capabilities::FREE { "free" } else { can.cost };
        table.add_row([row.kind, can.arrival.name(), deletions, &short(cost), row.doc]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(
        out,
        "\nA source is a [[source]] table with `name`, `kind` and the kind's own keys: grapevine source list KIND.\n\
         What each kind has shown: docs/sources.md. How to describe another: docs/declarative.md."
    )
}

/// Up to the first comma: the whole stands in the kind's own page.
fn short(cost: &str) -> String {
    cost.split([',', ';', ':']).next().unwrap_or_default().to_owned()
}

fn table(width: u16) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

/// All about one kind.
pub fn print_kind(row: &KindRow, width: u16, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}\n", row.kind, row.doc)?;
    let can = row.capabilities;
    let mut able = table(width);
    for (what, how) in [
        ("comes", can.arrival.name()),
        ("backfill", can.backfill),
        ("edits", can.edits),
        ("deletions", can.deletions),
        ("engagement", can.engagement),
        ("cost", can.cost),
        ("terms", if row.terms.is_empty() { "none known" } else { row.terms }),
    ] {
        able.add_row([what, how]);
    }
    writeln!(out, "{}\n", able.trim_fmt())?;
    let mut keys = table(width);
    keys.set_header(["KEY", "TYPE", "DEFAULT", "WHAT IT SETS"]);
    for key in COMMON_KEYS.iter().chain(row.keys) {
        keys.add_row([key.key, key.value_type, if key.default.is_empty() { "(needed)" } else { key.default }, key.doc]);
    }
    writeln!(out, "{}\n\n[[source]]", keys.trim_fmt())?;
    writeln!(out, "name = \"my-{}\"\nkind = {:?}", row.kind.replace('_', "-"), row.kind)?;
    let needed = row.keys.iter().filter(|key| key.default.is_empty());
    needed.map(example).try_for_each(|line| writeln!(out, "{line}"))
}

fn example(key: &KeyDoc) -> String {
    let value = match key.value_type {
        "integer" => "1",
        "boolean" => "true",
        "list" => "[\"…\"]",
        "table" => "{}",
        _ => "\"…\"",
    };
    format!("{} = {value}", key.key)
}
