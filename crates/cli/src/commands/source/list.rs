//! `grapevine source list`.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use grapevine_sources::registry::KindRow;

/// Every kind with what it reads; those that a definition describes look the same to a user.
pub fn print(kinds: &[&KindRow], width: u16, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["KIND", "WHAT IT READS"]);
    for row in kinds {
        table.add_row([row.kind, row.doc]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(
        out,
        "\nA source is a [[source]] table with `name`, `kind` and the kind's own keys. What each kind has shown, and"
    )?;
    writeln!(out, "which edits and deletions it sees: docs/sources.md. How to describe another: docs/declarative.md.")
}
