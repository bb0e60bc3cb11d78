//! Every source under the whole kit.

use std::path::Path;

use grapevine_sources::{
    conformance::{Case, Row, page, run},
    registry::{Capabilities, kinds},
};

use crate::{
    platforms::{feed, hackernews},
    quota_kinds::HEAD,
};

/// A new source comes under the kit with its shape; what is left here has none yet.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = grapevine_sources::shapes().into_iter().map(Case::of).collect();
    cases.extend([feed::case(), hackernews::case()]);
    cases.sort_by_key(|case| case.name);
    cases
}

/// `GRAPEVINE_ONLY=discord` tries that source alone, while one works on it.
#[test]
fn every_source_shows_what_the_matrix_says() {
    let only = std::env::var("GRAPEVINE_ONLY").ok();
    let is_wanted = |case: &Case| only.as_deref().is_none_or(|only| only.split(',').any(|name| name == case.name));
    let wanted = cases().into_iter().filter(is_wanted);
    let threads: Vec<_> = wanted.map(|case| std::thread::spawn(move || run(&case))).collect();
    let rows: Vec<Row> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let failures: Vec<String> = rows.iter().flat_map(Row::failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if only.is_some() {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    // What follows is of another test.
    let (matrix, week) = written.split_once(HEAD).unwrap_or((&written, ""));
    if std::env::var_os("GRAPEVINE_BLESS").is_some() {
        std::fs::write(&path, format!("{}{HEAD}{week}", page(&rows))).unwrap();
    } else {
        assert!(matrix == page(&rows), "docs/sources.md is old: run this test with GRAPEVINE_BLESS=1");
    }
}

/// What the page says of deletions is what the scripted platforms show: a case with one for each kind that sees them, in
/// one of its ways to read.
#[test]
fn a_kind_sees_deletions_exactly_where_its_case_has_one() {
    let cases = cases();
    for row in kinds().filter(|row| cases.iter().any(|case| case.kind == row.kind)) {
        let of_kind = cases.iter().filter(|case| case.kind == row.kind);
        let is_shown = of_kind.flat_map(|case| case.platform.expected()).any(|expected| !expected.is_there);
        assert_eq!(is_shown, row.capabilities.deletions != Capabilities::NEVER, "{}: {:?}", row.kind, row.capabilities);
    }
}

/// None of these has a shape yet.
const WITHOUT: [&str; 1] = ["declarative"];

#[test]
fn no_kind_is_left_out() {
    let cases = cases();
    let is_tried = |kind: &str| cases.iter().any(|case| case.kind == kind);
    let left_out: Vec<&str> = kinds().map(|row| row.kind).filter(|kind| !is_tried(kind)).collect();
    assert!(left_out.iter().all(|kind| WITHOUT.contains(kind)), "{left_out:?}: write a shape, see conformance/mod.rs");
}
