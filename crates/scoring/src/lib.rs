//! Scoring: sentiment of a text, by a model that is a folder of files with a manifest.

use std::path::PathBuf;

use grapevine_model::Scores;
use serde::{Deserialize, Serialize};

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

/// How to score. Paths are absolute or relative to the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringOptions {
    /// Folder of the model: `manifest.json`, tokenizer and weights.
    pub model: PathBuf,
    pub engine: EngineChoice,
    /// Worker threads, each with a copy of the model; 0 means one a core.
    pub workers: usize,
    /// ONNX Runtime's shared library; `None` looks where `cargo xtask setup` puts it, then in the system's path.
    pub onnxruntime: Option<PathBuf>,
}

/// Scores texts. Blocking: call it from a blocking thread. `scores[i]` belongs to `texts[i]`.
pub trait Scorer: Send + Sync {
    /// What runs, and why it was chosen, in one line for a person.
    fn description(&self) -> String;
    /// `name@version`.
    fn model(&self) -> &str;
    fn score(&self, texts: &[&str]) -> Result<Vec<Scores>, ScoringError>;
}

#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    #[error("{0}")]
    Model(String),
    #[error("{0}")]
    Engine(String),
}
