//! The manifest of a model: what it is, which files it has, and how well it was measured.
//!
//! A file's SHA-256 is checked each time the file is read, over the very bytes that are then used. That costs about 30 ms for
//! 45 MB on a CPU with SHA instructions and 0.2 s on one without; only the files that the chosen engine needs are read. A file that
//! was hashed, and is as old as it was then, is not hashed again by the same [`ModelFolder`].
//! So a damaged copy is found at start, and not as odd scores a week later.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use grapevine_model::{Confusion, Polarity};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::adopted::{self, Classifier};
use crate::text::NORMALISATION;
use crate::{SHIPPED_MODEL, ScoringError};

/// Name of the manifest inside the model's folder.
pub const FILE_NAME: &str = "manifest.json";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub description: String,
    pub licence: String,
    /// Where the encoder and the training data came from.
    pub provenance: String,
    /// Shape of the network; `bert` is the one that a manifest may name.
    pub architecture: Architecture,
    pub files: Files,
    /// Meaning of the outputs, in order.
    pub classes: Vec<Polarity>,
    /// Longest input in tokens, the two special ones included.
    pub max_tokens: usize,
    /// Name and version of the text preparation that the model was trained with.
    pub normalisation: String,
    /// The outputs are divided by this before the softmax.
    pub temperature: f32,
    pub calibration: Calibration,
    /// ISO 639-1 codes of the languages that it was trained on.
    pub languages: Vec<String>,
    pub accuracy: Vec<Accuracy>,
    /// What else it tells of a text, behind the sentiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<Head>,
    /// Numbers of the embedding that it gives of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<usize>,
    /// Which errors it makes in each language, on texts that it was not trained on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusions: Vec<Confusion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// BERT encoder under `b.`, mean over the tokens, linear heads. The sentiment's is `h.`, and the graph's output is
    /// `logits`, where the manifest names no other head and no embedding; else heads are `heads.NAME.`, the embedding's
    /// projection is `e.`, the graph's outputs have the names, and its weights are ranges of the file of weights.
    Bert,
    /// Somebody's classifier, which has no manifest ([`crate::adopted`]).
    #[serde(skip)]
    Classifier,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    pub weights: ModelFile,
    /// A model without it runs in rust-bert alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx_int8: Option<ModelFile>,
    pub tokenizer: ModelFile,
    pub config: ModelFile,
    /// What words say of the sentiment ([`crate::terms`]); a model without it has the encoder alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<ModelFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Name inside the model's folder.
    pub path: String,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// How the temperature was fitted. The errors are expected calibration errors over 15 equal bins, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub set: String,
    pub n: usize,
    pub error_before: f32,
    pub error_after: f32,
}

/// One measurement of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    pub set: String,
    pub n: usize,
    pub engine: String,
    /// Macro-averaged recall, in percent.
    pub macro_recall: f32,
    /// ISO 639-1, of a set of one language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of this head; else of the sentiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

/// A question that the model answers beside the sentiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// `irony`, `hostile` and `intent` are known; others are computed and not shown.
    pub name: String,
    /// Meaning of its outputs, in order.
    pub classes: Vec<String>,
    /// Its outputs are divided by this before the softmax.
    pub temperature: f32,
    /// Absent where no labelled texts were there to fit it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// A model's folder whose manifest has been read and checked.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    folder: PathBuf,
    pub manifest: Manifest,
    /// Of a model that others made.
    pub(crate) classifier: Option<Classifier>,
    hashed: Arc<Mutex<HashMap<String, Hashed>>>,
}

/// What was found right, and when the file had been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hashed {
    pub sha256: String,
    pub written: SystemTime,
}

impl ModelFolder {
    /// Reads and checks the manifest; the other files are read on demand.
    pub fn open(folder: &Path) -> Result<Self, ScoringError> {
        if !folder.is_dir() {
            return Err(model_error(format!(
                "no model at {}: there is no such folder; point `scoring.model` at one, for example the folder \
                 models/{SHIPPED_MODEL} of the repository",
                folder.display()
            )));
        }
        let path = folder.join(FILE_NAME);
        if !path.exists() && adopted::is(folder) {
            let adopted::Adopted { manifest, classifier, hashed } = adopted::open(folder)?;
            manifest.check(&folder.join("config.json"))?;
            let hashed = Arc::new(Mutex::new(hashed));
            return Ok(Self { folder: folder.to_owned(), manifest, classifier: Some(classifier), hashed });
        }
        let bytes = read(&path)?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|e| model_error(format!("cannot read the manifest {}: {e}; {MEND}", path.display())))?;
        manifest.check(&path)?;
        Ok(Self { folder: folder.to_owned(), manifest, classifier: None, hashed: Arc::default() })
    }

    /// The file's bytes, after size and hash were found right.
    pub fn read(&self, file: &ModelFile) -> Result<Vec<u8>, ScoringError> {
        let path = self.folder.join(&file.path);
        // Before the bytes: what is written meanwhile is hashed again.
        let written = std::fs::metadata(&path).and_then(|known| known.modified()).ok();
        let bytes = read(&path)?;
        if bytes.len() as u64 != file.bytes {
            return Err(model_error(format!(
                "model file {} is not the one that the manifest names: expected {} bytes, found {}; {MEND}",
                path.display(),
                file.bytes,
                bytes.len()
            )));
        }
        let known = written.map(|written| Hashed { sha256: file.sha256.clone(), written });
        if known.is_some() && self.hashed.lock().get(&file.path) == known.as_ref() {
            return Ok(bytes);
        }
        let found = hex::encode(Sha256::digest(&bytes));
        if found != file.sha256 {
            return Err(model_error(format!(
                "model file {} is damaged or was changed: expected sha256 {}, found {found}; {MEND}",
                path.display(),
                file.sha256
            )));
        }
        known.and_then(|known| self.hashed.lock().insert(file.path.clone(), known));
        Ok(bytes)
    }

    /// The first of two generations: sentiment alone, and each engine with weights of its own.
    pub fn is_plain(&self) -> bool {
        self.manifest.heads.is_empty() && self.manifest.embedding.is_none()
    }

    /// `name@version`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.manifest.name, self.manifest.version)
    }
}

impl Manifest {
    /// Whether the model was made for this language, a BCP 47 tag. Of a text whose language nobody knows it is tried: such a text
    /// is mostly short.
    pub fn covers(&self, language: Option<&str>) -> bool {
        let Some(tag) = language else { return true };
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        self.languages.iter().any(|covered| covered.eq_ignore_ascii_case(primary))
    }

    fn check(&self, path: &Path) -> Result<(), ScoringError> {
        let wrong = |what: String| Err(model_error(format!("the manifest {} {what}", path.display())));
        if self.classes != Polarity::ALL {
            return wrong(format!(
                "has the classes {:?}; expected negative, neutral, positive in this order",
                self.classes
            ));
        }
        if self.normalisation != NORMALISATION {
            return wrong(format!(
                "asks for the normalisation `{}`; this version has {NORMALISATION}",
                self.normalisation
            ));
        }
        let temperatures = self.heads.iter().map(|head| head.temperature).chain([self.temperature]);
        if let Some(odd) = temperatures.into_iter().find(|t| !(t.is_finite() && *t > 0.0)) {
            return wrong(format!("has the temperature {odd}; expected a number above 0"));
        }
        if let Some(odd) = self.heads.iter().find(|head| head.classes.len() < 2) {
            return wrong(format!("has the head `{}` with fewer than two classes", odd.name));
        }
        if let Some(odd) = self.confusions.iter().find(|c| c.counts.iter().flatten().sum::<u32>() != c.n) {
            return wrong(format!("counts other than n = {} texts in the confusion of `{}`", odd.n, odd.language));
        }
        if !(3..=512).contains(&self.max_tokens) {
            return wrong(format!("has max_tokens {}; expected 3 to 512", self.max_tokens));
        }
        Ok(())
    }
}

const MEND: &str = "copy the whole model folder again (in a clone of the repository: git checkout -- models)";

fn read(path: &Path) -> Result<Vec<u8>, ScoringError> {
    std::fs::read(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => model_error(format!("model file {} is missing; {MEND}", path.display())),
        _ => model_error(format!("cannot read the model file {}: {e}", path.display())),
    })
}

fn model_error(message: String) -> ScoringError {
    ScoringError::Model(message)
}
