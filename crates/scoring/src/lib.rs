//! Scoring: sentiment of a text, by a model that is a folder of files with a manifest.
//!
//! A text is [normalised](text::normalise), cut into tokens, put into a batch with texts of about its own length
//! ([`batch`]), and sent to a [pool] of worker threads. Each worker owns an [`Engine`]: `rust-bert` over libtorch
//! (fp32, or bf16 where the CPU has it), or ONNX Runtime in int8. The three outputs become probabilities through the
//! temperature that was fitted for the model ([`calibrate`]). Further heads and an embedding come from the same pass, where the
//! model has them ([`layout`]); what the author wants is told by its head, else by rules ([`intent`]).
//!
//! A folder of Hugging Face with a sequence classifier may stand in for it ([`adopted`]).
//!
//! [`load`] is the way in. The parts are public so that a benchmark can take them one at a time.

use std::path::PathBuf;

use grapevine_model::Scores;
use serde::{Deserialize, Serialize};

pub mod adopted;
pub mod batch;
pub mod calibrate;
mod choose;
mod heads;
pub mod intent;
mod known;
pub mod language;
pub mod layout;
pub mod manifest;
pub mod onnx_engine;
pub mod pool;
pub mod rust_bert_engine;
mod scorer;
pub mod story;
pub mod terms;
pub mod text;
pub mod theme;
mod weights;

pub use choose::{load, load_model};
pub use known::KnownTexts;
pub use pool::Engine;
pub use scorer::ModelScorer;

/// Folder of the model that Grapevine ships, under `models`.
pub const SHIPPED_MODEL: &str = "e5-small-social";

/// Which engine computes the model's outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// `rust-bert` where there is CUDA or bf16, else the faster one by a probe at start-up.
    #[default]
    Auto,
    RustBertFp32,
    RustBertBf16,
    OnnxInt8,
}

/// What rust-bert computes on. ONNX Runtime computes on the CPU alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The first CUDA device where libtorch sees one, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// The first CUDA device; without one, nothing is scored.
    Cuda,
}

/// How to score. Paths are absolute or relative to the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringOptions {
    /// Folder of the model: `manifest.json`, tokenizer and weights.
    pub model: PathBuf,
    pub engine: EngineChoice,
    pub device: DeviceChoice,
    /// Worker threads, each with a copy of the model; 0 means one a core.
    pub workers: usize,
    /// ONNX Runtime's shared library; `None` looks where `cargo xtask setup` puts it, then at `ORT_DYLIB_PATH`.
    pub onnxruntime: Option<PathBuf>,
}

impl ScoringOptions {
    /// On any device, with a worker a core.
    pub fn new(model: PathBuf, engine: EngineChoice) -> Self {
        Self { model, engine, device: DeviceChoice::Auto, workers: 0, onnxruntime: None }
    }
}

/// Scores texts. Blocking: call it from a blocking thread. `scores[i]` belongs to `texts[i]`.
pub trait Scorer: Send + Sync {
    /// What runs, and why it was chosen, in one line for a person.
    fn description(&self) -> String;
    /// `name@version`.
    fn model(&self) -> &str;
    /// All that one pass of the encoder tells of each text.
    ///
    /// A text with nothing in it but white space is neutral at one third each: nothing is known about it.
    fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError>;

    /// The scores alone.
    fn score(&self, texts: &[&str]) -> Result<Vec<Scores>, ScoringError> {
        Ok(self.read(texts)?.into_iter().map(|reading| reading.scores).collect())
    }
}

/// What a model made of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Without themes: those are told from the embedding.
    pub scores: Scores,
    /// Of length 1, as many numbers for every text; absent where the model has none, or the text is blank.
    pub embedding: Option<Vec<f32>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    /// The model's folder: a file is missing, damaged, or not what the manifest says.
    #[error("{0}")]
    Model(String),
    /// What computes: a library that is missing, an operation that failed, a worker that panicked.
    #[error("{0}")]
    Engine(String),
}

impl ScoringError {
    /// Whether the same call may succeed later with nothing mended. It may not: scoring is a pure computation over local
    /// files.
    pub fn is_transient(&self) -> bool {
        false
    }
}
