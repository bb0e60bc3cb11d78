//! Models that others made: what rust-bert says of them beside what the reference implementation said (`tests/classifiers/make.py`), and
//! folders that do not say enough.

use std::fs;
use std::path::{Path, PathBuf};

use grapevine_model::Polarity::{self, Negative, Neutral, Positive};
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::{EngineChoice, ModelScorer, Scorer, ScoringError, ScoringOptions, load_model};
use serde::Deserialize;
use tempfile::TempDir;

const STARS: [Polarity; 5] = [Negative, Negative, Neutral, Positive, Positive];
const ALL: [(&str, &[Polarity]); 4] = [
    ("bert", &STARS),
    ("distilbert", &[Negative, Positive]),
    ("roberta", &[Negative, Neutral, Positive]),
    ("xlm-roberta", &[Positive, Neutral, Negative]),
];

#[derive(Deserialize)]
struct Reference {
    text: String,
    outputs: Vec<f64>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/classifiers").join(name)
}

fn open(model: &Path, engine: EngineChoice) -> Result<ModelScorer, ScoringError> {
    load_model(&ScoringOptions { workers: 1, ..ScoringOptions::new(model.to_owned(), engine) })
}

fn reference(name: &str) -> Vec<Reference> {
    serde_json::from_slice(&fs::read(folder(name).join("reference.json")).unwrap()).unwrap()
}

/// Negative, neutral, positive, from the reference's outputs.
fn expected(outputs: &[f64], classes: &[Polarity]) -> [f64; 3] {
    let sum: f64 = outputs.iter().map(|x| x.exp()).sum();
    Polarity::ALL.map(|polarity| {
        let of = outputs.iter().zip(classes).filter(|(_, class)| **class == polarity);
        of.map(|(x, _)| x.exp() / sum).sum()
    })
}

#[test]
fn every_network_says_what_the_reference_says() {
    for (name, classes) in ALL {
        let scorer = open(&folder(name), EngineChoice::RustBertFp32).unwrap();
        let reference = reference(name);
        // All in one call: short texts are padded.
        let texts: Vec<&str> = reference.iter().map(|one| one.text.as_str()).collect();
        let scores = scorer.score(&texts).unwrap();
        for (score, one) in scores.iter().zip(&reference) {
            let found = [score.negative, score.neutral, score.positive].map(f64::from);
            let expected = expected(&one.outputs, classes);
            let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-4, "{name}, {:?}: {found:?}, expected {expected:?}", one.text);
        }
        let spread = scores.iter().map(|score| score.positive).fold(f32::MIN, f32::max)
            - scores.iter().map(|score| score.positive).fold(f32::MAX, f32::min);
        assert!(spread > 0.01, "{name} says the same of every text");
    }
}

#[test]
fn it_is_named_by_its_folder_and_weights_and_runs_where_there_is_no_int8() {
    let scorer = open(&folder("roberta"), EngineChoice::Auto).unwrap();
    assert!(scorer.model().starts_with("roberta@") && scorer.model().len() == "roberta@".len() + 12);
    assert!(scorer.description().contains("has no int8 graph"), "{}", scorer.description());
    let manifest = ModelFolder::open(&folder("xlm-roberta")).unwrap().manifest;
    assert_eq!((manifest.languages, manifest.max_tokens), (vec!["en".into(), "es".into(), "de".into()], 64));
}

#[test]
fn the_eps_of_roberta_is_taken_and_weights_are_hashed_once_for_as_long_as_nobody_writes_them() {
    let copied = copy("roberta");
    edit(&copied, "config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-05");
    let model = ModelFolder::open(copied.path()).unwrap();
    let (path, weights) = (copied.path().join("model.safetensors"), &model.manifest.files.weights);
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let age = |time| fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    age(written + std::time::Duration::from_secs(1));
    assert!(model.read(weights).unwrap_err().to_string().contains("damaged or was changed"));
    // Nobody does that: it shows that the hash is not computed again.
    age(written);
    assert_eq!(model.read(weights).unwrap(), bytes);
}

#[test]
fn bf16_says_nearly_what_fp32_says() {
    if !grapevine_scoring::rust_bert_engine::cpu_has_bf16() {
        return eprintln!("skipped: this CPU has no avx512_bf16");
    }
    for (name, _) in ALL {
        let texts: Vec<String> = reference(name).into_iter().map(|one| one.text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let [full, half] = [EngineChoice::RustBertFp32, EngineChoice::RustBertBf16].map(|engine| {
            let scorer = open(&folder(name), engine).unwrap();
            scorer.score(&texts).unwrap()
        });
        for (full, half) in full.iter().zip(&half) {
            assert!((full.positive - half.positive).abs() < 0.03, "{name}: {} and {}", full.positive, half.positive);
        }
    }
}

#[test]
fn texts_beyond_its_room_are_cut() {
    let scorer = open(&folder("roberta"), EngineChoice::RustBertFp32).unwrap();
    assert!(scorer.score(&["how do i reset my password? ".repeat(50).as_str()]).unwrap()[0].confidence > 0.3);
}

fn copy(name: &str) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors", "grapevine.json"] {
        fs::copy(folder(name).join(file), copied.path().join(file)).unwrap();
    }
    copied
}

fn edit(folder: &TempDir, file: &str, from: &str, to: &str) {
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn error(folder: &TempDir) -> String {
    match open(folder.path(), EngineChoice::RustBertFp32) {
        Err(ScoringError::Model(error)) => error,
        Err(other) => panic!("not an error of the model: {other}"),
        Ok(_) => panic!("it was loaded"),
    }
}

#[test]
fn a_folder_that_does_not_say_enough_says_what_to_write() {
    let says = |spoil: &dyn Fn(&TempDir), part: &str| {
        let folder = copy("roberta");
        spoil(&folder);
        let error = error(&folder);
        assert!(error.contains(part), "`{part}` is not in: {error}");
    };
    says(&|f| fs::remove_file(f.path().join("grapevine.json")).unwrap(), "{\"languages\": [\"en\"]}");
    says(
        &|f| fs::write(f.path().join("grapevine.json"), r#"{"languages": ["en"]}"#).unwrap(),
        "LABEL_0, LABEL_1, LABEL_2",
    );
    says(&|f| fs::write(f.path().join("grapevine.json"), r#"{"language": "en"}"#).unwrap(), "unknown field `language`");
    says(&|f| fs::remove_file(f.path().join("tokenizer.json")).unwrap(), "use_fast=True");
    says(&|f| fs::remove_file(f.path().join("model.safetensors")).unwrap(), "safe_serialization=True");
    says(&|f| edit(f, "config.json", "\"roberta\"", "\"gpt2\""), "of the type `gpt2`");
    says(&|f| edit(f, "config.json", "ForSequenceClassification", "ForMaskedLM"), "no classifier of texts");
    says(
        &|f| edit(f, "config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 0.001"),
        "`layer_norm_eps` is 0.001",
    );
    says(&|f| edit(f, "config.json", "\"hidden_size\": 16", "\"hidden_size\": 18"), "do not fit its config.json");
    says(
        &|f| edit(f, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
        "roberta.encoder.layer.2",
    );
}
