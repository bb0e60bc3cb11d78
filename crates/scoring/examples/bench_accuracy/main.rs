//! What the model says of labelled texts, set by set, beside what words and runs of letters say (TF-IDF and logistic regression)
//! and VADER.
//!
//! `cargo xtask bench accuracy -- --data FOLDER [--model FOLDER] [--engine onnx-int8]` runs it in release. FOLDER has
//! `NAME/val.jsonl` or `NAME/dev.jsonl`, each line with `text` and `label`, and `NAME/train.jsonl` where words are to learn from it.
//! A set is told by its labels: sentiment, irony, offence; any other one is classes that heads learn by five folds, as themes do.
//!
//! No set is in the repository: their terms do not allow it.

mod figures;
mod sets;

use std::error::Error;
use std::path::{Path, PathBuf};

use grapevine_model::{MAY_BE_IRONIC, Polarity, Scores};
use grapevine_scoring::theme::{Examples, cross_tell, tell};
use grapevine_scoring::{EngineChoice, Reading, SHIPPED_MODEL, Scorer, ScoringOptions, load};
use serde::Deserialize;
use serde::de::value::{Error as Odd, StrDeserializer};

use figures::{Figures, HEADER, calibration_error, spread};
use sets::{Kind, Row, Set};

const FOLDS: usize = 5;
/// By a split, as tables of others are.
const SPLITS: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let scorer = load(&ScoringOptions::new(options.model, options.engine))?;
    println!("{}\n\n{HEADER}", scorer.description());
    let mut skipped = vec![];
    for set in sets::all(&options.data)? {
        match set.kind() {
            Some(Kind::Sentiment) => sentiment(&set, &*scorer)?,
            Some(Kind::YesOrNo { yes, head }) => yes_or_no(&set, &*scorer, &yes, head)?,
            Some(Kind::Classes) => classes(&set, &*scorer)?,
            None => skipped.push(set.name),
        }
    }
    println!(
        "\nR, F1: means over the classes, in %. ECE: expected calibration error over 15 bins. Words: TF-IDF of words, pairs and \
         runs of letters, logistic regression, trained on\nthe set's own train split, else by {FOLDS} folds; the model's heads of themes likewise. Ironic: the model, if \
         nothing\nthat it calls ironic from {MAY_BE_IRONIC} on were positive. \
         Not measured, as they have no labels of a known kind or no\nsplit to ask: {}.\n\
         Published on TweetEval's test split (macro-recall): RoBERTa-base 71.3, BERTweet 73.4, TimeLMs 73.7.",
        if skipped.is_empty() { "none".to_owned() } else { skipped.join(", ") }
    );
    Ok(())
}

struct Options {
    data: PathBuf,
    model: PathBuf,
    engine: EngineChoice,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let usage = "usage: bench_accuracy --data FOLDER [--model FOLDER] [--engine auto|rust-bert-fp32|rust-bert-bf16|onnx-int8]";
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(SHIPPED_MODEL);
        let mut options = Self { data: PathBuf::new(), model, engine: EngineChoice::OnnxInt8 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            match (name.as_str(), arguments.next()) {
                ("--data", Some(folder)) => options.data = folder.into(),
                ("--model", Some(folder)) => options.model = folder.into(),
                ("--engine", Some(name)) => {
                    options.engine = EngineChoice::deserialize(StrDeserializer::<Odd>::new(&name))
                        .map_err(|e| format!("{e}\n{usage}"))?;
                }
                _ => return Err(usage.into()),
            }
        }
        if options.data.as_os_str().is_empty() { Err(usage.into()) } else { Ok(options) }
    }
}

fn read(scorer: &dyn Scorer, rows: &[Row]) -> Result<Vec<Reading>, Box<dyn Error>> {
    Ok(scorer.read(&rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>())?)
}

fn class(polarity: Polarity) -> usize {
    Polarity::ALL.iter().position(|known| *known == polarity).unwrap_or_default()
}

fn sentiment(set: &Set, scorer: &dyn Scorer) -> Result<(), Box<dyn Error>> {
    let names = ["negative", "neutral", "positive"];
    let gold = set.classes(&names);
    let readings = read(scorer, &set.asked)?;
    let told: Vec<usize> = readings.iter().map(|reading| class(reading.scores.polarity)).collect();
    let sure: Vec<f64> = readings.iter().map(|reading| f64::from(reading.scores.confidence)).collect();
    let error = calibration_error(&sure, &told, &gold);
    Figures::of(&gold, &told, names.len()).line(&set.name, "model", Some(error));
    if let Some(told) = sobered(&readings) {
        Figures::of(&gold, &told, names.len()).line("", "ironic", None);
    }
    if !set.known.is_empty() {
        Figures::of(&gold, &words(set, &names), names.len()).line("", "words", None);
    }
    if set.english() {
        Figures::of(&gold, &vader(&set.asked), names.len()).line("", "VADER", None);
    }
    Ok(())
}

/// What would be told if nothing that may be ironic were positive; `None` where the model does not tell irony.
fn sobered(readings: &[Reading]) -> Option<Vec<usize>> {
    let one = |Reading { scores, .. }: &Reading| {
        let ironic = scores.irony? >= MAY_BE_IRONIC && scores.polarity == Polarity::Positive;
        Some(if ironic { usize::from(scores.neutral >= scores.negative) } else { class(scores.polarity) })
    };
    readings.iter().map(one).collect()
}

fn yes_or_no(
    set: &Set,
    scorer: &dyn Scorer,
    names: &[String; 2],
    head: fn(&Scores) -> Option<f32>,
) -> Result<(), Box<dyn Error>> {
    let names = [names[0].as_str(), names[1].as_str()];
    let gold = set.classes(&names);
    let said: Option<Vec<f32>> = read(scorer, &set.asked)?.iter().map(|reading| head(&reading.scores)).collect();
    match said {
        Some(said) => {
            let told: Vec<usize> = said.iter().map(|probability| usize::from(*probability >= 0.5)).collect();
            let sure: Vec<f64> = said.iter().map(|p| f64::from(p.max(1.0 - p))).collect();
            let error = calibration_error(&sure, &told, &gold);
            Figures::of(&gold, &told, 2).line(&set.name, "model", Some(error));
            let told: Vec<usize> = said.iter().map(|probability| usize::from(*probability >= MAY_BE_IRONIC)).collect();
            Figures::of(&gold, &told, 2).line("", "at 0.8", None);
        }
        None => println!("{:24} the model has no such head", set.name),
    }
    if !set.known.is_empty() {
        Figures::of(&gold, &words(set, &names), 2).line("", "words", None);
    }
    Ok(())
}

/// Classes that the model was not trained on: heads over its embedding, and over words alone, by folds.
fn classes(set: &Set, scorer: &dyn Scorer) -> Result<(), Box<dyn Error>> {
    let names = set.labels();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let gold = set.classes(&names);
    let texts: Vec<&str> = set.asked.iter().map(|row| row.text.as_str()).collect();
    let readings = read(scorer, &set.asked)?;
    let embeddings: Option<Vec<&[f32]>> = readings.iter().map(|reading| reading.embedding.as_deref()).collect();
    let by_words = by_words(&set.asked, &names);
    let mut splits = format!("by words {}", by_splits(&by_words, names.len()));
    if let Some(embeddings) = embeddings {
        let examples = Examples { texts, embeddings, classes: gold.clone() };
        Figures::of(&gold, &cross_tell(&examples, FOLDS), names.len()).line(&set.name, "heads", None);
        splits = format!("by heads {}, {splits}", by_splits(&examples, names.len()));
    }
    Figures::of(&gold, &cross_tell(&by_words, FOLDS), names.len()).line("", "words", None);
    println!("{:24} F1 over {SPLITS} splits, four fifths to one: {splits}", "");
    Ok(())
}

/// Macro-F1 swings by points between splits where a class has few texts: one says little.
fn by_splits(examples: &Examples<'_>, classes: usize) -> String {
    let f1 = |seed| {
        let (known, asked) = examples.split(seed);
        Figures::of(&asked.classes, &tell(&known, &asked), classes).f1()
    };
    spread(&(0..SPLITS).map(f1).collect::<Vec<f64>>())
}

fn words(set: &Set, names: &[&str]) -> Vec<usize> {
    tell(&by_words(&set.known, names), &by_words(&set.asked, names))
}

/// Without embeddings; a label that is asked for by nobody is left out.
fn by_words<'r>(rows: &'r [Row], names: &[&str]) -> Examples<'r> {
    let class = |row: &'r Row| names.iter().position(|name| *name == row.label).map(|class| (row.text.as_str(), class));
    let (texts, classes): (Vec<&str>, Vec<usize>) = rows.iter().filter_map(class).unzip();
    Examples { embeddings: vec![&[]; texts.len()], texts, classes }
}

/// At the thresholds of its authors, on the compound score.
fn vader(rows: &[Row]) -> Vec<usize> {
    let analyser = vader_sentiment::SentimentIntensityAnalyzer::new();
    let compound = |row: &Row| analyser.polarity_scores(&row.text).get("compound").copied().unwrap_or_default();
    let polarity = |compound: f64| if compound >= 0.05 { 2 } else { usize::from(compound > -0.05) };
    rows.iter().map(|row| polarity(compound(row))).collect()
}
