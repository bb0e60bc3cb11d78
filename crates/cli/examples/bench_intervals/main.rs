//! How often the 95 % interval of `net_sentiment_corrected` holds what people said, on labelled texts, beside the interval of the
//! plain figure.
//!
//! `cargo xtask bench intervals -- --data FOLDER [--model FOLDER] [--engine onnx-int8] [--populations 200] [--elsewhere NAME] [--drawn 200]`
//! runs it in release, over the sets of sentiment that `bench accuracy` knows.
//!
//! Of each set, the model is measured on one half and populations of any shares are drawn from the other, each time anew. Then
//! it is measured on all of one set (`--elsewhere`) and applied to the others, which shows whether it carries over; and on a few
//! texts that chance draws of each set (`--drawn`), as people judge a brand's own posts.

mod resample;
// The same sets, read in the same way, though not all that is known of them is asked for.
#[allow(dead_code)]
#[path = "../../../scoring/examples/bench_accuracy/sets.rs"]
mod sets;

use std::error::Error;
use std::path::{Path, PathBuf};

use grapevine_model::Polarity;
use grapevine_scoring::{EngineChoice, SHIPPED_MODEL, Scorer, ScoringOptions, load};
use rand::{SeedableRng, rngs::SmallRng};
use serde::Deserialize;
use serde::de::value::{Error as Odd, StrDeserializer};

use resample::{Held, Side, Texts, by_drawn, by_halves, confusion, measured_elsewhere};
use sets::{Kind, Set};

const SEED: u64 = 20_261_122;
/// In percent, of all populations that are measured by halves.
const GOAL: f64 = 93.0;
const HEADER: &str = concat!(
    "                         recall  popu-   texts   |corrected                |plain\n",
    "set                              lations each    |people posts width    off |people posts width    off",
);

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let scorer = load(&ScoringOptions::new(options.model, options.engine))?;
    println!("{}\n\nmeasured on one half of a set, applied to the other\n{HEADER}", scorer.description());
    let named = read(&options.data, &*scorer)?;
    let mut rng = SmallRng::seed_from_u64(SEED);
    let mut halves = vec![];
    for (name, texts) in &named {
        let held = by_halves(&mut rng, texts, options.populations);
        line(name, texts, &held);
        halves.push(held);
    }
    let share = sum(&halves);
    println!("goal {GOAL:.0}: {}", if share >= GOAL { "reached" } else { "missed" });
    println!("\nmeasured on {} drawn texts of a set, applied to the others of it\n{HEADER}", options.drawn);
    let drawn = named.iter().map(|(name, texts)| {
        let held = by_drawn(&mut rng, texts, options.drawn, options.populations);
        line(name, texts, &held);
        held
    });
    let drawn: Vec<Held> = drawn.collect();
    sum(&drawn);
    match named.iter().find(|(name, _)| *name == options.elsewhere) {
        Some((name, known)) => {
            println!("\nmeasured on {name}, applied to others\n{HEADER}");
            for (other, texts) in named.iter().filter(|(other, _)| other != name) {
                line(other, texts, &measured_elsewhere(&mut rng, known, texts, options.populations)?);
            }
        }
        None => println!("\nthere is no set `{}` of sentiment to measure elsewhere on", options.elsewhere),
    }
    println!("{LEGEND}");
    Ok(())
}

const LEGEND: &str = "
people: % of populations whose interval holds the net sentiment of the shares that they were drawn by, any as likely as any
other. posts: the same of the labels of the very texts that were drawn. width, off: the interval's, and the mean distance of the
value from people, in points of net sentiment (-100 to 100). recall: mean over the classes, of the model on the whole set, in %.";

struct Options {
    data: PathBuf,
    model: PathBuf,
    engine: EngineChoice,
    populations: u32,
    elsewhere: String,
    drawn: usize,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let usage = "usage: bench_intervals --data FOLDER [--model FOLDER] [--engine auto|rust-bert-fp32|rust-bert-bf16|onnx-int8] \
                     [--populations N] [--elsewhere NAME] [--drawn N]";
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(SHIPPED_MODEL);
        let elsewhere = "tweeteval_sentiment".to_owned();
        let engine = EngineChoice::OnnxInt8;
        let mut options = Self { data: PathBuf::new(), model, engine, populations: 200, elsewhere, drawn: 200 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            match (name.as_str(), arguments.next()) {
                ("--data", Some(folder)) => options.data = folder.into(),
                ("--model", Some(folder)) => options.model = folder.into(),
                ("--populations", Some(number)) => options.populations = number.parse()?,
                ("--elsewhere", Some(name)) => options.elsewhere = name,
                ("--drawn", Some(number)) => options.drawn = number.parse()?,
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

/// The sets of sentiment by name, with what the model says of their texts.
fn read(folder: &Path, scorer: &dyn Scorer) -> Result<Vec<(String, Texts)>, Box<dyn Error>> {
    let mut named = vec![];
    for set in sets::all(folder)?.into_iter().filter(|set| matches!(set.kind(), Some(Kind::Sentiment))) {
        named.push((set.name.clone(), said(&set, scorer)?));
    }
    if named.is_empty() {
        return Err(format!("{} has no set of sentiment", folder.display()).into());
    }
    Ok(named)
}

fn said(set: &Set, scorer: &dyn Scorer) -> Result<Texts, Box<dyn Error>> {
    let texts: Vec<&str> = set.asked.iter().map(|row| row.text.as_str()).collect();
    let told = scorer.score(&texts)?;
    let mut by_class = Texts::default();
    for (gold, scores) in set.classes(&["negative", "neutral", "positive"]).into_iter().zip(told) {
        let class = Polarity::ALL.iter().position(|known| *known == scores.polarity).unwrap_or_default();
        by_class[gold].push(class);
    }
    Ok(by_class)
}

fn line(name: &str, texts: &Texts, held: &Held) {
    let recall = confusion(texts).macro_recall().unwrap_or_default() * 100.0;
    let of = f64::from(held.populations);
    let refused = held.refused.map(|(times, why)| format!("; {times} halves refused: {why}")).unwrap_or_default();
    if held.populations == 0 {
        return println!("{name:24} {recall:6.1} {:6}{refused}", 0);
    }
    let side = |side: &Side| {
        let [people, posts, width, off] = [side.people, side.posts, side.width, side.off].map(|sum| 100.0 * sum / of);
        format!("{people:6.1} {posts:5.1} {width:5.1} {off:6.1}")
    };
    let each = held.texts as f64 / of;
    let (corrected, plain) = (side(&held.corrected), side(&held.plain));
    println!("{name:24} {recall:6.1} {:6} {each:7.0}   |{corrected} |{plain}{refused}", held.populations);
}

/// Prints the shares over all populations, and returns how many corrected intervals held what people think, in percent.
fn sum(all: &[Held]) -> f64 {
    let of: f64 = all.iter().map(|held| f64::from(held.populations)).sum();
    let share = |side: fn(&Held) -> f64| 100.0 * all.iter().map(side).sum::<f64>() / of.max(1.0);
    let corrected = share(|held| held.corrected.people);
    println!(
        "all {of}: corrected {corrected:.1} % of people, {:.1} % of posts; plain {:.1} % and {:.1} %",
        share(|held| held.corrected.posts),
        share(|held| held.plain.people),
        share(|held| held.plain.posts)
    );
    corrected
}
