//! Constructive complaints are not hostile: 200 of them and more, each beside an attack on people about the same thing.

use std::collections::HashSet;

use grapevine_scoring::{EngineChoice, Scorer, ScoringOptions, load};

use crate::support::model_folder;

/// `cargo xtask bench hostility` prints the rates of the same pairs.
#[path = "../../examples/bench_hostility/pairs.rs"]
mod pairs;

use pairs::{MOST_WRONG, Pair, SHOWN, pairs, rate, threshold};

/// The least of the hostile that must be found, at the threshold that [`threshold`] chooses.
const LEAST_FOUND: f64 = 0.6;

#[test]
fn the_set_has_200_pairs_in_six_languages_and_no_sentence_twice() {
    let pairs = pairs();
    assert!(pairs.len() >= 200, "{} pairs", pairs.len());
    let sentences: HashSet<&str> = pairs.iter().flat_map(|pair| [pair.constructive, pair.hostile]).collect();
    assert_eq!(sentences.len(), 2 * pairs.len());
    let languages: HashSet<&str> = pairs.iter().map(|pair| pair.language).collect();
    assert_eq!(languages, HashSet::from(["en", "es", "pt", "fr", "de", "it"]));
}

#[test]
fn the_threshold_is_the_lowest_that_spares_the_constructive() {
    let constructive: Vec<f32> = (0..100).map(|n| n as f32 / 100.0).collect();
    let threshold = threshold(&constructive);
    assert!(rate(&constructive, threshold) <= MOST_WRONG && rate(&constructive, threshold - 0.011) > MOST_WRONG);
}

/// With a model that tells hostility; the first one did not. `GRAPEVINE_MODEL` names the folder of another one.
#[test]
fn a_model_that_tells_hostility_spares_constructive_complaints() {
    let folder = std::env::var_os("GRAPEVINE_MODEL").map_or_else(model_folder, Into::into);
    let options = ScoringOptions { workers: 1, ..ScoringOptions::new(folder, EngineChoice::Auto) };
    let scorer = load(&options).unwrap();
    let pairs = pairs();
    let told = |text: fn(&Pair) -> &'static str| hostilities(&*scorer, &pairs.iter().map(text).collect::<Vec<_>>());
    let (Some(constructive), Some(hostile)) = (told(|pair| pair.constructive), told(|pair| pair.hostile)) else {
        println!("{} does not tell hostility: nothing to measure", scorer.model());
        return;
    };
    let chosen = threshold(&constructive);
    for at in [SHOWN, chosen] {
        let (wrong, found) = (rate(&constructive, at) * 100.0, rate(&hostile, at) * 100.0);
        println!("{} pairs at {at:.3}: {wrong:.1} % of the constructive, {found:.1} % of the hostile", pairs.len());
    }
    assert!(rate(&hostile, chosen) >= LEAST_FOUND, "{:.3} found", rate(&hostile, chosen));
}

fn hostilities(scorer: &dyn Scorer, texts: &[&str]) -> Option<Vec<f32>> {
    scorer.read(texts).unwrap().into_iter().map(|reading| reading.scores.hostility).collect()
}
