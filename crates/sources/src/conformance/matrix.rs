use std::fmt::Write;

use super::{Check, Outcome};
use crate::registry::{self, Capabilities};

/// What one source showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub cells: Vec<(Check, Outcome)>,
}

impl Row {
    /// What it failed to show, for a person.
    pub fn failures(&self) -> Vec<String> {
        let failure = |(check, outcome): &(Check, Outcome)| match outcome {
            Outcome::Failed(problem) => Some(format!("{}: {}: {problem}", self.name, check.words().0)),
            _ => None,
        };
        self.cells.iter().filter_map(failure).collect()
    }
}

/// The rows as a page of Markdown.
pub fn page(rows: &[Row]) -> String {
    let mut page = String::from(HEAD);
    let heads: Vec<&str> = Check::ALL.iter().map(|check| check.words().0).collect();
    // Writing to a string does not fail.
    let _ = writeln!(page, "| source | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<&str> = row.cells.iter().map(|(_, outcome)| sign(outcome)).collect();
        let _ = writeln!(page, "| {} | {} |", row.name, cells.join(" | "));
    }
    page.push('\n');
    for check in Check::ALL {
        let (head, words) = check.words();
        let _ = writeln!(page, "- **{head}**: {words}");
    }
    page.push_str(CAPABILITIES_HEAD);
    for row in registry::kinds() {
        let Capabilities { arrival, backfill, edits, deletions, engagement, cost } = row.capabilities;
        let (kind, arrival, terms) = (row.kind, arrival.name(), row.terms);
        let _ = writeln!(
            page,
            "| {kind} | {arrival} | {backfill} | {edits} | {deletions} | {engagement} | {cost} | {terms} |"
        );
    }
    page
}

const CAPABILITIES_HEAD: &str = "
## What each kind can do, and what its platform demands

A post that was given once may change. What a kind can not see stays as it was read; `never` means that a deletion on the
platform leaves no trace here.

| kind | arrives | reads back | edits | deletions | counters read again | cost of a record | terms |
|---|---|---|---|---|---|---|---|
";

const HEAD: &str = "# What every source has shown

Generated from the conformance kit (`crates/sources/src/conformance`): `GRAPEVINE_BLESS=1 cargo test -p grapevine-sources
--test it conformance` writes it anew. ✓ is shown, – does not apply to the platform, ✗ failed.

";

fn sign(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::DoesNotApply => "–",
        Outcome::Failed(_) => "✗",
    }
}
