//! `docs/metrics.md`: the registry's words, and what the proofs have shown.

use std::{fmt::Write as _, path::Path};

use grapevine_store::{By, MetricInfo, Role, registry};
use serde_json::Value;

/// A golden question that was answered, equal in all three ways.
pub struct Line {
    pub metric: &'static str,
    pub by: Option<By>,
    pub golden: Value,
    pub independent: Value,
}

/// Fails where the page is old; `GRAPEVINE_BLESS=1` writes it.
pub fn check(lines: &[Line], worlds: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let made = page(lines, worlds);
    if std::env::var_os("GRAPEVINE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == made, "docs/metrics.md is old: run this test with GRAPEVINE_BLESS=1");
}

const HEAD: &str = "# Every figure: what it is, and its proof

Generated from the metric registry (`crates/store/src/registry`) and its proofs (`crates/store/tests/it/proof`):
`GRAPEVINE_BLESS=1 cargo test -p grapevine-store --test it golden_values` writes it anew, and the test fails when it is old.

Each golden value was counted by hand on a small world that stands beside the proof. The independent value is computed by a
slow program in plain Rust over the same raw events, which shares no code with the registry's SQL. The same program is compared
with every split of the figure, for two brands, on generated worlds: 700 mentions over 18 weeks with replies, reposts, edits,
deletions, accounts that are gone, team, bots, growing counters, labels, gaps, campaigns and surveys. A figure
that differs fails the test, so no row of this page can say other than equal.

";

fn page(lines: &[Line], worlds: usize) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| metric | roles | unit | golden questions | questions on generated worlds | equal |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    let metrics: Vec<MetricInfo> = registry::all().iter().map(|metric| metric.info()).collect();
    for metric in &metrics {
        let of_metric = lines.iter().filter(|line| line.metric == metric.id).count();
        let shapes = registry::find(metric.id).map_or(&[][..], |metric| metric.shapes);
        let asked = worlds * 2 * shapes.iter().map(|shape| shape.by.len().max(1)).sum::<usize>();
        let (asked, sign) = if of_metric > 0 { (asked, "✓") } else { (0, "no proof") };
        let roles = roles(metric.roles);
        let _ =
            writeln!(page, "| [{0}](#{0}) | {roles} | {1} | {of_metric} | {asked} | {sign} |", metric.id, metric.unit);
    }
    for metric in &metrics {
        section(&mut page, metric, lines);
    }
    page
}

fn roles(roles: &[Role]) -> String {
    let name = |role: &Role| match role {
        Role::Awareness => "awareness",
        Role::Community => "community",
    };
    roles.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn section(page: &mut String, metric: &MetricInfo, lines: &[Line]) {
    let _ = write!(page, "\n## {}\n\n**{}.** {}\n\n", metric.id, metric.title, cell(metric.definition));
    let splits: Vec<&str> = metric.by.iter().map(|by| by.name()).collect();
    let splits = if splits.is_empty() { "nothing".to_owned() } else { splits.join(", ") };
    let or_none = |text: &'static str| if text.is_empty() { "none" } else { text };
    for (name, text) in [
        ("formula", metric.formula),
        ("unit", metric.unit),
        ("denominator", or_none(metric.denominator)),
        ("source", metric.source),
        ("partial when", metric.partial_when),
        ("split by", &splits),
    ] {
        let _ = writeln!(page, "- {name}: {}", cell(text));
    }
    let _ = writeln!(page, "- version: {}", metric.version);
    let of_metric: Vec<&Line> = lines.iter().filter(|line| line.metric == metric.id).collect();
    if of_metric.is_empty() {
        return;
    }
    page.push_str("\n| asked | golden value | independent value | equal |\n|---|---|---|---|\n");
    for line in of_metric {
        let asked = line.by.map_or("not split".to_owned(), |by| format!("by {by}"));
        let _ = writeln!(page, "| {asked} | {} | {} | ✓ |", shown(&line.golden), shown(&line.independent));
    }
}

/// On one line, with nothing that would end a cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The rows as JSON, to six digits.
fn shown(rows: &Value) -> String {
    format!("`{}`", rounded(rows).to_string().replace('|', "\\|"))
}

fn rounded(value: &Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.iter().map(rounded).collect()),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e15 => serde_json::json!(float as i64),
            Some(float) => serde_json::json!((float * 1e6).round() / 1e6),
            None => value.clone(),
        },
        other => other.clone(),
    }
}
