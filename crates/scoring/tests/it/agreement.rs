//! The engines must agree with each other, and be as good as the manifest says.

use std::sync::OnceLock;

use grapevine_model::{Polarity, Scores};
use grapevine_scoring::calibrate::{calibration_error, fit_temperature};
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::{ModelScorer, Scorer};

use crate::posts::posts;
use crate::support::{bf16, fp32, int8, model_folder, shared_set};

const POSTS: usize = 1_000;

fn score(scorer: &ModelScorer, texts: &[String]) -> Vec<Scores> {
    scorer.score(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

/// Percent of texts with the same polarity.
fn agreement(a: &[Scores], b: &[Scores]) -> f64 {
    100.0 * a.iter().zip(b).filter(|(a, b)| a.polarity == b.polarity).count() as f64 / a.len() as f64
}

fn check_agreement(what: &str, texts: &[String]) {
    let reference = score(fp32(), texts);
    let others = [("bf16", bf16()), ("int8", Some(int8()))];
    for (name, scorer) in others.into_iter().filter_map(|(name, scorer)| Some((name, scorer?))) {
        let same = agreement(&reference, &score(scorer, texts));
        println!("{what}: {name} gives fp32's polarity on {same:.1} % of {} posts", texts.len());
        assert!(same >= 97.0, "{what}: {name} agrees on only {same:.1} %");
    }
}

#[test]
fn fp32_bf16_and_int8_give_the_same_polarity_on_own_posts() {
    let texts = posts(POSTS, 7);
    let polarities: Vec<Polarity> = score(fp32(), &texts).iter().map(|s| s.polarity).collect();
    for polarity in Polarity::ALL {
        let count = polarities.iter().filter(|p| **p == polarity).count();
        assert!(count > POSTS / 10, "the posts are one-sided: only {count} are {}", polarity.name());
    }
    check_agreement("own posts", &texts);
}

#[test]
fn fp32_bf16_and_int8_give_the_same_polarity_on_real_posts() {
    let Some(rows) = shared_set("airline/posts.ndjson") else { return };
    let texts: Vec<String> = rows.into_iter().take(POSTS).map(|row| row.text).collect();
    check_agreement("airline/posts.ndjson", &texts);
}

/// Macro-averaged recall in percent.
fn macro_recall(predicted: &[usize], labels: &[usize]) -> f64 {
    let recall = |class: usize| {
        let of_class: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        of_class.iter().filter(|&&i| predicted[i] == class).count() as f64 / of_class.len() as f64
    };
    100.0 * (0..3).map(recall).sum::<f64>() / 3.0
}

fn most(logits: &[f32; 3]) -> usize {
    (0..3).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

struct Validation {
    texts: Vec<String>,
    /// Positions in `Polarity::ALL`.
    labels: Vec<usize>,
}

impl Validation {
    fn read() -> Option<Self> {
        Self::of("tweeteval_sentiment")
    }

    fn of(set: &str) -> Option<Self> {
        let rows = shared_set(&format!("{set}/val.jsonl"))?;
        let class = |label: &str| Polarity::ALL.iter().position(|p| p.name() == label).unwrap();
        let labels = rows.iter().map(|row| class(&row.label)).collect();
        Some(Self { texts: rows.into_iter().map(|row| row.text).collect(), labels })
    }

    /// Scored once: two tests need it, and fp32 is the slow engine.
    fn fp32_logits(&self) -> &'static [[f32; 3]] {
        static LOGITS: OnceLock<Vec<[f32; 3]>> = OnceLock::new();
        LOGITS.get_or_init(|| self.logits(fp32()))
    }

    fn logits(&self, scorer: &ModelScorer) -> Vec<[f32; 3]> {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        scorer.logits(&texts).unwrap().into_iter().map(Option::unwrap).collect()
    }
}

/// In the order in which they are counted through.
const SETS: [&str; 8] = [
    "tweeteval_sentiment",
    "umsab_arabic",
    "umsab_french",
    "umsab_german",
    "umsab_hindi",
    "umsab_italian",
    "umsab_portuguese",
    "umsab_spanish",
];

#[test]
fn the_manifest_states_the_temperature_that_is_fitted() {
    let sets = SETS.map(Validation::of);
    if sets.iter().any(Option::is_none) {
        return;
    }
    let (mut logits, mut labels) = ([vec![], vec![]], [vec![], vec![]]);
    let all = sets.iter().flatten().flat_map(|set| set.logits(int8()).into_iter().zip(set.labels.clone()));
    for (at, (outputs, label)) in all.enumerate() {
        logits[at % 2].push(outputs);
        labels[at % 2].push(label);
    }
    let temperature = fit_temperature(&logits[0], &labels[0]);
    let error = |temperature| calibration_error(&logits[1], &labels[1], temperature);
    let (before, after) = (error(1.0), error(temperature));
    println!("temperature {temperature:.3}, calibration error {before:.4} -> {after:.4}");
    let manifest = ModelFolder::open(&model_folder()).unwrap().manifest;
    assert_eq!(manifest.calibration.n, labels[1].len());
    assert!((manifest.temperature - temperature).abs() < 0.01);
    assert!((manifest.calibration.error_before - before).abs() < 2e-3);
    assert!((manifest.calibration.error_after - after).abs() < 2e-3);
    assert!(after < before);
}

#[test]
fn the_manifest_states_the_accuracy_that_is_measured() {
    let Some(validation) = Validation::read() else { return };
    let accuracy = ModelFolder::open(&model_folder()).unwrap().manifest.accuracy;
    let recall_of =
        |logits: &[[f32; 3]]| macro_recall(&logits.iter().map(most).collect::<Vec<_>>(), &validation.labels);
    let mut found = vec![("rust-bert-fp32", recall_of(validation.fp32_logits()))];
    found.extend(bf16().map(|scorer| ("rust-bert-bf16", recall_of(&validation.logits(scorer)))));
    found.push(("onnx-int8", recall_of(&validation.logits(int8()))));
    for (engine, recall) in found {
        println!("{engine}: macro-recall {recall:.2} on {} posts", validation.labels.len());
        let stated = accuracy.iter().find(|a| a.engine == engine && a.n == validation.labels.len());
        // A model of which one engine was measured is held to that by the others too.
        let stated = stated.or_else(|| accuracy.iter().find(|a| a.n == validation.labels.len())).unwrap();
        assert!((f64::from(stated.macro_recall) - recall).abs() < 0.5, "{engine}: {recall:.2} is not what is stated");
    }
}
