//! Learns what words say of the sentiment ([`grapevine_scoring::terms`]), measures the model with it, and writes both into the
//! model's folder: `terms.safetensors`, and temperature, calibration, accuracy and confusions in the manifest.
//!
//! `cargo run --release -p grapevine-scoring --example train_terms -- --sets FOLDER --model FOLDER --version V`. FOLDER has
//! `NAME/train.jsonl` and `NAME/val.jsonl`, as `train/README.md` says. Without `--version` nothing is written.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use grapevine_model::{Confusion, Polarity};
use grapevine_scoring::calibrate::{calibration_error, decide, fit_temperature, probabilities};
use grapevine_scoring::manifest::{Accuracy, Calibration, Manifest, ModelFile, ModelFolder};
use grapevine_scoring::terms::{Terms, learn};
use grapevine_scoring::text::normalise;
use grapevine_scoring::{EngineChoice, ModelScorer, ScoringOptions, load_model};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Folder, language, and how often each text of its training split counts: not at all where its labels say nothing.
const SETS: [(&str, &str, usize); 8] = [
    ("tweeteval_sentiment", "en", 1),
    ("umsab_arabic", "ar", 2),
    ("umsab_french", "fr", 2),
    ("umsab_german", "de", 2),
    ("umsab_hindi", "hi", 0),
    ("umsab_italian", "it", 2),
    ("umsab_portuguese", "pt", 2),
    ("umsab_spanish", "es", 2),
];
/// How loud the terms are beside the encoder.
const SHARE: f32 = 0.5;
/// Others, to see what the choice depends on.
const SHARES: [f32; 7] = [0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0];
const FILE: &str = "terms.safetensors";

/// Labelled texts, normalised; `classes[i]` is a place in [`Polarity::ALL`].
#[derive(Default)]
struct Labelled {
    texts: Vec<String>,
    classes: Vec<usize>,
}

/// One validation split, with what encoder and terms say of each text.
struct Validated {
    language: &'static str,
    encoder: Vec<[f32; 3]>,
    terms: Vec<[f32; 3]>,
    classes: Vec<usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { sets, model, version } = Options::read()?;
    let mut taught = Labelled::default();
    for (set, _, times) in SETS.iter().filter(|(_, _, times)| *times > 0) {
        let Labelled { texts, classes } = Labelled::read(&sets.join(set).join("train.jsonl"))?;
        (0..*times).for_each(|_| taught.texts.extend_from_slice(&texts));
        (0..*times).for_each(|_| taught.classes.extend_from_slice(&classes));
    }
    println!("learning from {} texts", taught.texts.len());
    let terms = learn(&taught.texts, &taught.classes);
    let scorer = load_model(&ScoringOptions::new(model.clone(), EngineChoice::OnnxInt8))?;
    let validated = SETS
        .iter()
        .map(|(set, language, _)| Validated::of(&sets.join(set).join("val.jsonl"), language, &scorer, &terms))
        .collect::<Result<Vec<_>, _>>()?;
    show(&validated);
    let Some(version) = version else { return Ok(()) };
    let bytes = terms.times(SHARE).to_bytes()?;
    std::fs::write(model.join(FILE), &bytes)?;
    let manifest = measured(ModelFolder::open(&model)?.manifest, version, &bytes, &validated);
    std::fs::write(model.join("manifest.json"), serde_json::to_string_pretty(&manifest)? + "\n")?;
    Ok(())
}

struct Options {
    sets: PathBuf,
    model: PathBuf,
    version: Option<String>,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let usage = "usage: train_terms --sets FOLDER --model FOLDER [--version V]";
        let mut options = Self { sets: PathBuf::new(), model: PathBuf::new(), version: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(usage)?;
            match name.as_str() {
                "--sets" => options.sets = value.into(),
                "--model" => options.model = value.into(),
                "--version" => options.version = Some(value),
                _ => return Err(usage.into()),
            }
        }
        let whole = options.sets.is_dir() && options.model.is_dir();
        if whole { Ok(options) } else { Err(usage.into()) }
    }
}

impl Labelled {
    fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        #[derive(Deserialize)]
        struct Row {
            text: String,
            label: Polarity,
        }
        let lines = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut labelled = Self::default();
        for row in lines.lines().map(serde_json::from_str::<Row>) {
            let row = row?;
            labelled.texts.push(normalise(&row.text));
            labelled.classes.extend(Polarity::ALL.iter().position(|polarity| *polarity == row.label));
        }
        Ok(labelled)
    }
}

impl Validated {
    fn of(path: &Path, language: &'static str, scorer: &ModelScorer, terms: &Terms) -> Result<Self, Box<dyn Error>> {
        let Labelled { texts, classes } = Labelled::read(path)?;
        let outputs = scorer.encoder_logits(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
        let encoder = outputs.into_iter().map(Option::unwrap_or_default).collect();
        let began = Instant::now();
        let terms = texts.iter().map(|text| terms.say(text)).collect();
        println!("{language}: terms of a text in {:.1} us", began.elapsed().as_secs_f64() * 1e6 / texts.len() as f64);
        Ok(Self { language, encoder, terms, classes })
    }

    fn outputs(&self, share: f32) -> Vec<[f32; 3]> {
        let sum = |(encoder, terms): (&[f32; 3], &[f32; 3])| {
            std::array::from_fn(|class| encoder[class] + share * terms[class])
        };
        self.encoder.iter().zip(&self.terms).map(sum).collect()
    }

    /// `[label][said]`.
    fn confusion(&self, share: f32) -> [[u32; 3]; 3] {
        let mut counts = [[0; 3]; 3];
        for (outputs, class) in self.outputs(share).into_iter().zip(&self.classes) {
            let (said, _) = decide(probabilities(outputs, 1.0));
            let said = Polarity::ALL.iter().position(|polarity| *polarity == said).unwrap_or_default();
            counts[*class][said] += 1;
        }
        counts
    }
}

/// In %.
fn macro_recall(counts: [[u32; 3]; 3]) -> f32 {
    let recall = |(class, row): (usize, &[u32; 3])| 100.0 * row[class] as f32 / row.iter().sum::<u32>().max(1) as f32;
    counts.iter().enumerate().map(recall).sum::<f32>() / 3.0
}

fn show(validated: &[Validated]) {
    println!("macro-recall on validation, by the share of the terms; terms alone last");
    println!("    {}", SHARES.map(|share| format!("{share:>6.2}")).join(""));
    for of in validated {
        let recalls = SHARES.map(|share| format!("{:>6.1}", macro_recall(of.confusion(share)))).join("");
        let alone = Validated {
            encoder: vec![[0.0; 3]; of.classes.len()],
            terms: of.terms.clone(),
            classes: of.classes.clone(),
            ..*of
        };
        println!("{}  {recalls}  {:>6.1}", of.language, macro_recall(alone.confusion(1.0)));
    }
}

/// The manifest with what was measured of the sentiment in place of what was measured without the terms.
fn measured(mut manifest: Manifest, version: String, bytes: &[u8], validated: &[Validated]) -> Manifest {
    let sha256 = hex::encode(Sha256::digest(bytes));
    manifest.files.terms = Some(ModelFile { path: FILE.to_owned(), bytes: bytes.len() as u64, sha256 });
    manifest.version = version;
    let outputs: Vec<[f32; 3]> = validated.iter().flat_map(|of| of.outputs(SHARE)).collect();
    let classes: Vec<usize> = validated.iter().flat_map(|of| of.classes.clone()).collect();
    let halves = [0, 1].map(|first| {
        let every_second = |at: &usize| at % 2 == first;
        let of: Vec<usize> = (0..classes.len()).filter(every_second).collect();
        (of.iter().map(|at| outputs[*at]).collect::<Vec<_>>(), of.iter().map(|at| classes[*at]).collect::<Vec<_>>())
    });
    let [(fitted, labels), (told, others)] = &halves;
    manifest.temperature = (fit_temperature(fitted, labels) * 1000.0).round() / 1000.0;
    let error = |temperature| (calibration_error(told, others, temperature) * 1e4).round() / 1e4;
    manifest.calibration = Calibration {
        set: "Validation splits of all languages, every second text".to_owned(),
        n: others.len(),
        error_before: error(1.0),
        error_after: error(manifest.temperature),
    };
    for of in validated {
        let (counts, n) = (of.confusion(SHARE), of.classes.len());
        let recall = (macro_recall(counts) * 10.0).round() / 10.0;
        let is_it =
            |accuracy: &&mut Accuracy| accuracy.head.is_none() && accuracy.language.as_deref() == Some(of.language);
        manifest.accuracy.iter_mut().find(is_it).into_iter().for_each(|accuracy| accuracy.macro_recall = recall);
        let of_language = |confusion: &&mut Confusion| confusion.language == of.language;
        let confusion = manifest.confusions.iter_mut().find(of_language);
        confusion.into_iter().for_each(|confusion| (confusion.counts, confusion.n) = (counts, n as u32));
    }
    manifest
}
