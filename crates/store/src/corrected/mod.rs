//! Shares of polarity corrected for what the model gets wrong: cells of counts in, rows of a figure out.
//!
//! A cell is what one model said of one language. It is corrected by what was measured of that model in that language
//! ([`solve`]): on the brand's own posts, where people judged enough of those that chance drew, else on the sets of its card. Posts of
//! another kind than these sets are harder or easier to read, and then the figure is no nearer to the truth than without a
//! correction. Where the platform and the detection name no language, all languages of the model together stand for it. What
//! has no measurement is left out of the corrected figure, and is said to be.

mod cards;
pub mod solve;

use std::collections::BTreeMap;

pub(crate) use cards::CardRecord;
use grapevine_model::{Confusion, ModelCard};
use serde::Serialize;
use serde_json::{Value, json};
use solve::{Counts, Estimate, LEAST_MEASURED, Solver, correct};

use crate::{Checked, StoreError};

/// What was corrected by what, and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Correction {
    pub measured: Vec<Measured>,
    pub left_out: Vec<LeftOut>,
    /// In words.
    pub note: String,
}

/// Mentions that were corrected, and the measurement that they were corrected by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// `name@version`.
    pub model: String,
    /// ISO 639-1; empty where it is not known, and the model's languages together stand for it.
    pub language: String,
    pub set: String,
    /// Texts of the set.
    pub n: u64,
    /// 0 to 1.
    pub macro_recall: f64,
    pub mentions: u64,
}

/// Scored mentions that can not be corrected, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    pub model: String,
    pub language: String,
    pub mentions: u64,
    pub reason: String,
}

/// Scored mentions of one model and language, under one key of the split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// Absent where the figure is not split.
    pub key: Option<Value>,
    pub model: String,
    pub language: String,
    pub counts: Counts,
}

/// What is known of how well models read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub cards: &'a [ModelCard],
    pub brand: &'a str,
    /// On posts of this brand.
    pub own: &'a [Checked],
}

/// The figure's rows, in the order in which their keys come, and what was corrected by what.
pub(crate) fn table(cells: &[Cell], known: Known<'_>) -> (Vec<Vec<Value>>, Correction) {
    let judged = judge(cells, known);
    let mut keys: Vec<&Option<Value>> = Vec::new();
    let mut rows: Vec<Vec<&Cell>> = Vec::new();
    for cell in cells {
        match keys.iter().position(|key| **key == cell.key) {
            Some(at) => rows[at].push(cell),
            None => {
                keys.push(&cell.key);
                rows.push(vec![cell]);
            }
        }
    }
    let rows = keys.into_iter().zip(rows).map(|(key, cells)| row(key, &cells, &judged)).collect();
    (rows, correction(judged, cells))
}

/// By model and language, the solver or why there is none.
type Judged<'a> = BTreeMap<(&'a str, &'a str), Result<(Solver, Confusion), String>>;

fn judge<'a>(cells: &'a [Cell], known: Known<'_>) -> Judged<'a> {
    let mut judged = Judged::new();
    for cell in cells {
        judged.entry((&cell.model, &cell.language)).or_insert_with(|| {
            let card = || known.cards.iter().find(|card| card.id == cell.model);
            let measured = own(known, cell).or_else(|| confusion(card()?, &cell.language));
            let confusion = measured.ok_or_else(|| unmeasured(cell))?;
            let solver = Solver::new(&confusion).map_err(|error| format!("{}: {error}", cell.model))?;
            Ok((solver, confusion))
        });
    }
    judged
}

fn unmeasured(cell: &Cell) -> String {
    format!("no confusion of {} is measured {}", cell.model, in_language(&cell.language))
}

fn in_language(language: &str) -> String {
    if language.is_empty() { "in any language".to_owned() } else { format!("in {language}") }
}

/// What people judged of the brand's own posts, where that is enough; of an unknown language, in all languages together.
fn own(known: Known<'_>, cell: &Cell) -> Option<Confusion> {
    let counts = known.own.iter().filter(|of| of.model == cell.model);
    let counts = counts.filter(|of| cell.language.is_empty() || of.language == cell.language).map(|of| of.counts);
    let counts = counts.reduce(|sum, next| std::array::from_fn(|row| add(sum[row], next[row])))?;
    let enough = counts.iter().all(|row| row.iter().sum::<u32>() >= LEAST_MEASURED);
    let set = format!("drawn posts of {}, read by people", known.brand);
    let n = counts.iter().flatten().sum();
    enough.then(|| Confusion { language: cell.language.clone(), set, n, counts })
}

fn add(a: [u32; 3], b: [u32; 3]) -> [u32; 3] {
    std::array::from_fn(|at| a[at] + b[at])
}

/// Of the sets of a language the largest; of an unknown language, all of them together.
fn confusion(card: &ModelCard, language: &str) -> Option<Confusion> {
    let largest = |language: &str| {
        card.confusions.iter().filter(|of| of.language == language).max_by_key(|confusion| confusion.n).cloned()
    };
    if !language.is_empty() {
        return largest(language);
    }
    let mut languages: Vec<&str> = card.confusions.iter().map(|confusion| confusion.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    let one_each = languages.into_iter().filter_map(largest);
    one_each.reduce(|sum, next| Confusion {
        language: String::new(),
        set: format!("{}, {}", sum.set, next.set),
        n: sum.n + next.n,
        counts: std::array::from_fn(|row| add(sum.counts[row], next.counts[row])),
    })
}

/// Corrected net sentiment and shares, each with its interval; the uncorrected; mentions scored and corrected.
fn row(key: &Option<Value>, cells: &[&Cell], judged: &Judged<'_>) -> Vec<Value> {
    let parts: Vec<(&Solver, Counts)> = cells.iter().filter_map(|cell| solver(cell, judged)).collect();
    let mut row: Vec<Value> = key.clone().into_iter().collect();
    match correct(&parts) {
        Some(corrected) => {
            row.extend(values(corrected.net));
            corrected.shares.into_iter().for_each(|share| row.extend(values(share)));
        }
        None => row.extend(vec![Value::Null; 12]),
    }
    let said = cells.iter().fold([0; 3], |sum, cell| std::array::from_fn(|at| sum[at] + cell.counts[at]));
    let scored: u64 = said.iter().sum();
    row.push(json!((said[2] as f64 - said[0] as f64) / (scored as f64) * 100.0));
    row.push(json!(scored));
    row.push(json!(parts.iter().map(|(_, counts)| counts.iter().sum::<u64>()).sum::<u64>()));
    row
}

fn solver<'a>(cell: &'a Cell, judged: &'a Judged<'_>) -> Option<(&'a Solver, Counts)> {
    let of = judged.get(&(cell.model.as_str(), cell.language.as_str()))?;
    Some((&of.as_ref().ok()?.0, cell.counts))
}

/// In points, or percent.
fn values(estimate: Estimate) -> [Value; 3] {
    [estimate.value, estimate.low, estimate.high].map(|value| json!(value * 100.0))
}

fn correction(judged: Judged<'_>, cells: &[Cell]) -> Correction {
    let mut correction = Correction::default();
    for ((model, language), judged) in judged {
        let of = cells.iter().filter(|cell| (cell.model.as_str(), cell.language.as_str()) == (model, language));
        let mentions = of.map(|cell| cell.counts.iter().sum::<u64>()).sum();
        let (model, language) = (model.to_owned(), language.to_owned());
        match judged {
            Ok((_, Confusion { set, n, counts, .. })) => {
                let of = Confusion { language: language.clone(), set: set.clone(), n, counts };
                let (n, macro_recall) = (u64::from(n), of.macro_recall().unwrap_or_default());
                correction.measured.push(Measured { model, language, set, n, macro_recall, mentions });
            }
            Err(reason) => correction.left_out.push(LeftOut { model, language, mentions, reason }),
        }
    }
    correction.measured.sort_by_key(|one| std::cmp::Reverse(one.mentions));
    correction.left_out.sort_by_key(|one| std::cmp::Reverse(one.mentions));
    correction.note = note(&correction);
    correction
}

/// Languages that a note names; the rest is counted.
const NAMED: usize = 4;

fn note(correction: &Correction) -> String {
    let corrected: u64 = correction.measured.iter().map(|part| part.mentions).sum();
    let left_out: u64 = correction.left_out.iter().map(|part| part.mentions).sum();
    if corrected + left_out == 0 {
        return String::new();
    }
    let share = |part: u64| part as f64 / (corrected + left_out) as f64 * 100.0;
    let measured = listed(&correction.measured, |part| {
        let language = if part.language.is_empty() { "unknown language" } else { &part.language };
        let recall = part.macro_recall * 100.0;
        format!("{language}: {} finds {recall:.1} % of each polarity ({}, n = {})", part.model, part.set, part.n)
    });
    let reasons = listed(&correction.left_out, |part| part.reason.clone());
    match (corrected, left_out) {
        (0, _) => format!("not corrected: {reasons}"),
        (_, 0) => measured,
        _ => format!("{measured}; {:.1} % of the scored mentions are left out: {reasons}", share(left_out)),
    }
}

fn listed<T>(parts: &[T], say: impl Fn(&T) -> String) -> String {
    let more = parts.len().saturating_sub(NAMED);
    let named = parts.iter().take(NAMED).map(say).collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{named}; and {more} more") } else { named }
}

/// Model, language and the three counts.
const CELL: usize = 5;

/// Cells as the registry's statement gives them: the key where the figure is split, model, language, counts.
pub(crate) fn cells(rows: Vec<Vec<Value>>) -> Result<Vec<Cell>, StoreError> {
    rows.into_iter()
        .map(|mut row| {
            let key = (row.len() > CELL).then(|| row.remove(0));
            let (model, language, negative, neutral, positive) = serde_json::from_value(Value::Array(row))
                .map_err(|source| StoreError::Answer { doing: DOING, source })?;
            Ok(Cell { key, model, language, counts: [negative, neutral, positive] })
        })
        .collect()
}

const DOING: &str = "correcting a figure";

#[cfg(test)]
mod tests;
