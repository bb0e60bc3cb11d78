//! How many constructive complaints the model takes for hostile, and how many attacks on people it finds: the pairs of
//! `tests/data/hostility.tsv`, written by hand, by language.
//!
//! `cargo xtask bench hostility [-- --model FOLDER]` runs it in release.

mod pairs;

use std::error::Error;
use std::path::{Path, PathBuf};

use grapevine_scoring::{EngineChoice, SHIPPED_MODEL, Scorer, ScoringOptions, load};

use pairs::{MOST_WRONG, Pair, SHOWN, pairs, rate, threshold};

/// What the model said of the two sides of the pairs.
struct Told {
    constructive: Vec<f32>,
    hostile: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let scorer = load(&ScoringOptions::new(folder()?, EngineChoice::OnnxInt8))?;
    let all = pairs();
    let told = told(&*scorer, &all)?;
    let spared = threshold(&told.constructive);
    println!("{}\n\n{:>16} {:>26} {:>26}", scorer.description(), "", "constructive taken", "attacks found");
    println!(
        "{:9} {:>6} {:>13} {:>12} {:>13} {:>12}",
        "language",
        "pairs",
        shown(SHOWN),
        shown(spared),
        shown(SHOWN),
        shown(spared)
    );
    let mut languages: Vec<&str> = all.iter().map(|pair| pair.language).collect();
    languages.sort_unstable();
    languages.dedup();
    for language in languages {
        line(language, &told.of(&all, language), spared);
    }
    line("all", &told, spared);
    println!(
        "\nin %, at {SHOWN}, from where on mentions are shown and counted as hostile, and at the lowest threshold that takes at most \
         {:.0} % of the constructive",
        MOST_WRONG * 100.0
    );
    Ok(())
}

fn folder() -> Result<PathBuf, Box<dyn Error>> {
    match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(SHIPPED_MODEL)),
        [name, folder] if name == "--model" => Ok(folder.into()),
        _ => Err("usage: bench_hostility [--model FOLDER]".into()),
    }
}

fn told(scorer: &dyn Scorer, pairs: &[Pair]) -> Result<Told, Box<dyn Error>> {
    let ask = |text: fn(&Pair) -> &'static str| -> Result<Vec<f32>, Box<dyn Error>> {
        let scores = scorer.score(&pairs.iter().map(text).collect::<Vec<_>>())?;
        let said: Option<Vec<f32>> = scores.iter().map(|scores| scores.hostility).collect();
        said.ok_or_else(|| format!("{} does not tell hostility: it has no such head", scorer.model()).into())
    };
    Ok(Told { constructive: ask(|pair| pair.constructive)?, hostile: ask(|pair| pair.hostile)? })
}

impl Told {
    fn of(&self, pairs: &[Pair], language: &str) -> Self {
        let part = |side: &[f32]| {
            let of_it = pairs.iter().zip(side).filter(|(pair, _)| pair.language == language);
            of_it.map(|(_, probability)| *probability).collect()
        };
        Self { constructive: part(&self.constructive), hostile: part(&self.hostile) }
    }
}

fn shown(threshold: f32) -> String {
    format!("at {threshold:.3}")
}

fn line(name: &str, told: &Told, spared: f32) {
    let percent = |side: &[f32], at: f32| rate(side, at) * 100.0;
    println!(
        "{name:9} {:>6} {:>13.1} {:>12.1} {:>13.1} {:>12.1}",
        told.hostile.len(),
        percent(&told.constructive, SHOWN),
        percent(&told.constructive, spared),
        percent(&told.hostile, SHOWN),
        percent(&told.hostile, spared)
    );
}
