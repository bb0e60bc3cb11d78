//! A model that others made: a folder in the layout of Hugging Face, with `config.json`, `tokenizer.json` and
//! `model.safetensors`, of a sequence classifier of BERT, DistilBERT, RoBERTa or XLM-RoBERTa.
//!
//! It has no manifest, so one is made of it. What such a folder does not say stands beside it in [`Note`]: its languages,
//! and what its classes mean where their names do not tell. Its name is the folder's, its version begins the SHA-256 of its weights, so
//! that other weights are another model.

mod classes;
mod engine;
mod fetched;
mod note;

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
};

use grapevine_model::Polarity;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(crate) use engine::{ClassifierEngine, ClassifierWeights};
pub use fetched::{FILE_NAME as FETCHED, Fetched, FetchedFile};
pub use note::{FILE_NAME as NOTE, Note};

use crate::ScoringError;
use crate::manifest::{Architecture, Calibration, Files, Hashed, Manifest, ModelFile};
use crate::text::NORMALISATION;

/// The files that must be there.
pub const FILES: [&str; 3] = [CONFIG, TOKENIZER, WEIGHTS];

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
/// What the rest of Grapevine reads at most of a text.
const MOST_TOKENS: usize = 512;

/// rust-bert adds 1e-12 under the root of every layer's norm, whatever `layer_norm_eps` says. RoBERTa and XLM-RoBERTa say 1e-5: of a network
/// of 6 layers of 768, with weights as small as before any training, that is 0.0007 in a probability at most, and 0.06 where they say 1e-3.
const MOST_EPS: f64 = 1e-5;

/// Which network of rust-bert computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Network {
    #[serde(rename = "bert")]
    Bert,
    #[serde(rename = "distilbert")]
    DistilBert,
    #[serde(rename = "roberta", alias = "xlm-roberta", alias = "camembert")]
    Roberta,
}

/// What is known of such a model beside its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classifier {
    pub network: Network,
    /// What each output stands for.
    pub classes: Vec<Polarity>,
    /// Fills short rows.
    pub padding: i64,
}

/// What is made of such a folder.
pub(crate) struct Adopted {
    pub manifest: Manifest,
    pub classifier: Classifier,
    /// By file.
    pub hashed: HashMap<String, Hashed>,
}

/// Of `config.json`, what is read here; the network reads the rest.
#[derive(Deserialize)]
struct Config {
    model_type: String,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    problem_type: Option<String>,
    #[serde(default)]
    id2label: BTreeMap<usize, String>,
    max_position_embeddings: usize,
    #[serde(default)]
    pad_token_id: i64,
    /// Of BERT and RoBERTa; DistilBERT has no choice.
    #[serde(default)]
    layer_norm_eps: Option<f64>,
}

/// Whether a folder without a manifest looks like one of Hugging Face.
pub(crate) fn is(folder: &Path) -> bool {
    folder.join(CONFIG).is_file()
}

/// Reads the folder, but for its weights, of which the hash alone is computed.
///
/// # Errors
/// A file that is missing, a network that is not known, classes whose meaning nobody says, languages that nobody names:
/// each with what to do.
pub(crate) fn open(folder: &Path) -> Result<Adopted, ScoringError> {
    let bytes = fs::read(folder.join(CONFIG)).map_err(|e| missing(folder, CONFIG, &e))?;
    let config: Config = serde_json::from_slice(&bytes)
        .map_err(|e| wrong(folder, &format!("its {CONFIG} is none of a classifier that is known: {e}")))?;
    let note = Note::read(folder)?;
    let classifier = config.classifier(folder, &note)?;
    let mut hashed = HashMap::new();
    let mut file = |name| file(folder, name, &mut hashed);
    let (weights, tokenizer, config_file) = (file(WEIGHTS)?, file(TOKENIZER)?, file(CONFIG)?);
    let files = Files { weights, onnx_int8: None, tokenizer, config: config_file, terms: None };
    let mut manifest = manifest(folder, &config, note, files);
    if let Some(fetched) = Fetched::read(folder)? {
        let Files { weights, tokenizer, config, .. } = &manifest.files;
        fetched.check(folder, [weights, tokenizer, config])?;
        manifest.provenance = fetched.provenance();
    }
    Ok(Adopted { manifest, classifier, hashed })
}

fn manifest(folder: &Path, config: &Config, note: Note, files: Files) -> Manifest {
    let name = folder.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
    let room = config.max_position_embeddings.saturating_sub(if config.model_type == "bert" { 0 } else { 2 });
    Manifest {
        name: note.name.unwrap_or(name),
        version: files.weights.sha256[..12].to_owned(),
        description: format!("{} classifier with the outputs {}", config.model_type, config.names()),
        licence: note.licence.unwrap_or_else(|| "not stated".to_owned()),
        provenance: "a folder of Hugging Face".to_owned(),
        architecture: Architecture::Classifier,
        files,
        classes: Polarity::ALL.to_vec(),
        max_tokens: note.max_tokens.unwrap_or(MOST_TOKENS).min(room).min(MOST_TOKENS),
        normalisation: NORMALISATION.to_owned(),
        temperature: note.temperature.unwrap_or(1.0),
        calibration: Calibration { set: "not measured".to_owned(), n: 0, error_before: 0.0, error_after: 0.0 },
        languages: note.languages,
        accuracy: note.accuracy,
        heads: Vec::new(),
        embedding: None,
        confusions: note.confusions,
    }
}

impl Config {
    fn classifier(&self, folder: &Path, note: &Note) -> Result<Classifier, ScoringError> {
        let network =
            Network::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&self.model_type))
                .map_err(|_| {
                wrong(
                    folder,
                    &format!(
                        "it is of the type `{}`; known are bert, distilbert, roberta, xlm-roberta and camembert",
                        self.model_type
                    ),
                )
            })?;
        if !self.architectures.iter().all(|name| name.ends_with("ForSequenceClassification")) {
            return Err(wrong(
                folder,
                &format!(
                    "it is a {}, and no classifier of texts; take one that was fine-tuned for sentiment",
                    self.architectures.join(", ")
                ),
            ));
        }
        if self.problem_type.as_deref() == Some("multi_label_classification") {
            return Err(wrong(
                folder,
                "its outputs exclude each other not (`multi_label_classification`); take one that names one class a text",
            ));
        }
        if let Some(eps) = self.layer_norm_eps.filter(|eps| !(0.0..=MOST_EPS).contains(eps)) {
            return Err(wrong(
                folder,
                &format!(
                    "its `layer_norm_eps` is {eps}, and rust-bert computes every one with 1e-12: up to {MOST_EPS} the difference \
                     does not show, beyond it the answers would not be the model's"
                ),
            ));
        }
        let classes = classes::meanings(&self.id2label, &note.labels).map_err(|why| wrong(folder, &why))?;
        Ok(Classifier { network, classes, padding: self.pad_token_id })
    }

    fn names(&self) -> String {
        self.id2label.values().cloned().collect::<Vec<_>>().join(", ")
    }
}

fn file(folder: &Path, name: &str, hashed: &mut HashMap<String, Hashed>) -> Result<ModelFile, ScoringError> {
    let mut hash = Sha256::new();
    let mut read = || {
        let mut file = fs::File::open(folder.join(name))?;
        let written = file.metadata()?.modified()?;
        Ok((io::copy(&mut file, &mut hash)?, written))
    };
    let (bytes, written) = read().map_err(|e| missing(folder, name, &e))?;
    let sha256 = hex::encode(hash.finalize());
    hashed.insert(name.to_owned(), Hashed { sha256: sha256.clone(), written });
    Ok(ModelFile { path: name.to_owned(), bytes, sha256 })
}

fn missing(folder: &Path, name: &str, error: &io::Error) -> ScoringError {
    let mend = match name {
        WEIGHTS => {
            "save the model anew in Python: AutoModelForSequenceClassification.from_pretrained(FOLDER).save_pretrained(FOLDER, safe_serialization=True)"
        }
        TOKENIZER => {
            "save it anew in Python: AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)"
        }
        _ => "copy the whole folder again",
    };
    match error.kind() {
        io::ErrorKind::NotFound => wrong(folder, &format!("it has no {name}; {mend}")),
        _ => wrong(folder, &format!("its {name} cannot be read: {error}")),
    }
}

fn wrong(folder: &Path, what: &str) -> ScoringError {
    ScoringError::Model(format!("the model at {} can not be used: {what}", folder.display()))
}
