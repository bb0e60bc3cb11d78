//! A model that is missing or damaged: which file, what is wrong, how to mend it.

use std::fs;
use std::path::{Path, PathBuf};

use grapevine_scoring::manifest::{Files, ModelFile, ModelFolder};
use grapevine_scoring::{EngineChoice, ScoringError, ScoringOptions, load};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::model_folder;

/// A copy of the model whose big files are links, to be spoilt.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["manifest.json", "config.json", "tokenizer.json"] {
        fs::copy(model_folder().join(name), folder.path().join(name)).unwrap();
    }
    let files = files();
    let graph = files.onnx_int8.expect("the shipped model has a graph");
    let terms = files.terms.expect("the shipped model hears words");
    for name in [&files.weights.path, &graph.path, &terms.path] {
        std::os::unix::fs::symlink(model_folder().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn files() -> Files {
    ModelFolder::open(&model_folder()).unwrap().manifest.files
}

fn options(model: &Path, engine: EngineChoice) -> ScoringOptions {
    ScoringOptions { workers: 1, ..ScoringOptions::new(model.to_owned(), engine) }
}

fn error(model: &Path) -> String {
    match load(&options(model, EngineChoice::RustBertFp32)) {
        Err(error @ ScoringError::Model(_)) => error.to_string(),
        Err(other) => panic!("not an error of the model: {other}"),
        Ok(_) => panic!("a spoilt model was loaded"),
    }
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

fn edit_manifest(folder: &Path, edit: impl Fn(&mut Value)) {
    let path = folder.join("manifest.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn a_missing_folder_and_a_missing_file_are_named_with_the_mend() {
    says(&error(Path::new("no/such/model")), &["no/such/model", "no such folder", "scoring.model"]);
    let folder = copy();
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    says(&error(folder.path()), &["tokenizer.json", "is missing", "copy the whole model folder"]);
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
    says(&error(folder.path()), &["has no manifest.json", "copy it again", "grapevine.json"]);
}

#[test]
fn a_changed_byte_and_a_cut_file_are_found() {
    let folder = copy();
    let config = folder.path().join("config.json");
    let spoilt = fs::read_to_string(&config).unwrap().replace("\"hidden_size\": 384", "\"hidden_size\": 385");
    fs::write(&config, spoilt).unwrap();
    says(
        &error(folder.path()),
        &["config.json", "damaged", &format!("expected sha256 {}", files().config.sha256), "found"],
    );
    fs::write(&config, "{").unwrap();
    says(&error(folder.path()), &["config.json", &format!("expected {} bytes, found 1", files().config.bytes)]);
}

#[test]
fn a_cut_copy_of_the_weights_is_found() {
    let folder = copy();
    let ModelFile { path, bytes: expected, .. } = files().weights;
    let weights = folder.path().join(&path);
    let bytes = fs::read(&weights).unwrap();
    fs::remove_file(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    says(&error(folder.path()), &[&path, &format!("expected {expected} bytes, found {}", expected / 2)]);
}

#[test]
fn a_manifest_with_an_unknown_key_or_another_meaning_is_refused() {
    let cases: [(&str, Value, &str); 5] = [
        ("accurracy", json!(1), "unknown field `accurracy`"),
        ("classes", json!(["positive", "neutral", "negative"]), "expected negative, neutral, positive"),
        ("normalisation", json!("social@9"), "social@9"),
        ("temperature", json!(0.0), "temperature 0"),
        ("max_tokens", json!(9_999), "max_tokens 9999"),
    ];
    for (key, value, expected) in cases {
        let folder = copy();
        edit_manifest(folder.path(), |manifest| manifest[key] = value.clone());
        says(&error(folder.path()), &["manifest.json", expected]);
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused() {
    let folder = copy();
    let config = folder.path().join("config.json");
    let other =
        fs::read_to_string(&config).unwrap().replace("\"intermediate_size\": 1536", "\"intermediate_size\": 1024");
    fs::write(&config, &other).unwrap();
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&other));
    edit_manifest(folder.path(), |manifest| manifest["files"]["config"]["sha256"] = json!(hash));
    says(&error(folder.path()), &["do not fit its config.json", "1024"]);
}

#[test]
fn a_missing_onnx_runtime_is_an_error_and_no_panic() {
    let library = PathBuf::from("no/such/libonnxruntime.so");
    let options = ScoringOptions { onnxruntime: Some(library), ..options(&model_folder(), EngineChoice::OnnxInt8) };
    let Err(error) = load(&options) else { panic!("loaded without a library") };
    says(&error.to_string(), &["no/such/libonnxruntime.so", "cargo xtask setup"]);
}
