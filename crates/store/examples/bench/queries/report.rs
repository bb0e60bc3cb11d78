//! Tables of what was measured, and how it grew since a run of another size in the same folder.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Options;
use super::disk::Disk;
use super::panels::{Answer, BRANDS};

/// A panel should answer within so many milliseconds.
const GOAL: f64 = 50.0;
const SLOWEST: usize = 10;
const BILLION: f64 = 1e9;

#[derive(Serialize, Deserialize)]
struct Run {
    mentions: u64,
    answers: Vec<Answer>,
    bytes: f64,
}

pub fn print(answers: &[Answer]) {
    println!(
        "{:34} {:>5} {:>7} {:>7} {:>7} {:>11} {:>8} {:>8} {:>6} {:>7} {:>7}",
        "panel", "span", "p50", "p95", "fastest", "rows", "MB", "base", "ratio", "middle", "small"
    );
    for answer in answers.iter().filter(|answer| answer.brand == BRANDS[0]) {
        let other = |brand: &str| find(answers, answer, brand).map_or(f64::NAN, |other| other.p95);
        let (base, ratio) = match answer.base {
            Some(base) => (format!("{base:.0}"), format!("{:.1}", base / answer.p50)),
            None => ("itself".to_owned(), String::new()),
        };
        println!(
            "{:34} {:>5} {:>7.1} {:>7.1} {:>7.1} {:>11} {:>8.1} {base:>8} {ratio:>6} {:>7.1} {:>7.1}{}",
            answer.panel,
            answer.span,
            answer.p50,
            answer.p95,
            answer.fastest,
            answer.rows,
            answer.bytes as f64 / 1e6,
            other(BRANDS[1]),
            other(BRANDS[2]),
            answer.refused.as_ref().map_or(String::new(), |why| format!("  refused: {why}")),
        );
    }
    summary(answers);
}

fn find<'a>(answers: &'a [Answer], like: &Answer, brand: &str) -> Option<&'a Answer> {
    answers.iter().find(|answer| answer.panel == like.panel && answer.span == like.span && answer.brand == brand)
}

fn summary(answers: &[Answer]) {
    let mut sorted: Vec<&Answer> = answers.iter().collect();
    sorted.sort_by(|a, b| b.p95.total_cmp(&a.p95));
    let over = sorted.iter().filter(|answer| answer.p95 > GOAL).count();
    println!("{over} of {} questions have a p95 above {GOAL} ms; the slowest:", answers.len());
    for answer in sorted.iter().take(SLOWEST) {
        println!("  {:34} {:>5} {} {:>8.1} ms", answer.panel, answer.span, answer.brand, answer.p95);
    }
    for (span, count, all) in missed(answers) {
        println!("  over {span:>5}: {count} of {all}");
    }
}

/// By span: questions that miss the goal, of how many.
fn missed(answers: &[Answer]) -> Vec<(&str, usize, usize)> {
    let mut spans: Vec<(&str, usize, usize)> = vec![];
    for answer in answers {
        let slow = usize::from(answer.p95 > GOAL);
        match spans.iter_mut().find(|(span, ..)| *span == answer.span) {
            Some((_, count, all)) => (*count, *all) = (*count + slow, *all + 1),
            None => spans.push((&answer.span, slow, 1)),
        }
    }
    spans
}

/// Keeps this run beside the folder of its world, and compares it with the largest other one that was kept.
pub fn growth(options: &Options, answers: &[Answer], disk: &Disk) -> Result<(), Box<dyn Error>> {
    let file = |mentions: u64| options.folder.join(format!("queries-{mentions}.json"));
    let others = kept(options)?;
    let bytes = disk.mentions + disk.others.iter().map(|(_, bytes)| bytes).sum::<f64>();
    let answers: Vec<Answer> = serde_json::from_value(serde_json::to_value(answers)?)?;
    let run = Run { mentions: options.mentions, answers, bytes };
    fs::write(file(options.mentions), serde_json::to_vec(&run)?)?;
    let Some(before) =
        others.into_iter().filter(|other| other.mentions != run.mentions).max_by_key(|other| other.mentions)
    else {
        println!("no run of another size lies in {}: no growth to show", options.folder.display());
        return Ok(());
    };
    compare(&before, &run);
    Ok(())
}

fn kept(options: &Options) -> Result<Vec<Run>, Box<dyn Error>> {
    let mut runs = vec![];
    for entry in fs::read_dir(&options.folder)? {
        let path: PathBuf = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            runs.push(serde_json::from_slice(&fs::read(path)?)?);
        }
    }
    Ok(runs)
}

fn compare(before: &Run, run: &Run) {
    println!("growth from {} to {} mentions, and on to a billion by the same exponent:", before.mentions, run.mentions);
    println!("{:34} {:>5} {:>9} {:>9} {:>9} {:>12}", "panel", "span", "p50", "p50", "exponent", "at a billion");
    let decades = (run.mentions as f64 / before.mentions as f64).log10();
    for answer in run.answers.iter().filter(|answer| answer.brand == BRANDS[0]) {
        let Some(old) = find(&before.answers, answer, &answer.brand) else { continue };
        let exponent = (answer.p50 / old.p50).log10() / decades;
        let billion = answer.p50 * (BILLION / run.mentions as f64).powf(exponent.max(0.0));
        println!(
            "{:34} {:>5} {:>9.1} {:>9.1} {exponent:>9.2} {billion:>12.0}",
            answer.panel, answer.span, old.p50, answer.p50
        );
    }
    println!("on disk: {:.0} GB at a billion", run.bytes * BILLION / 1e9);
}
