//! Where things are, and engines that are loaded once.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use grapevine_scoring::onnx_engine::find_library;
use grapevine_scoring::rust_bert_engine::cpu_has_bf16;
use grapevine_scoring::{EngineChoice, ModelScorer, SHIPPED_MODEL, ScoringOptions, load_model};
use serde::Deserialize;

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/scoring lies in the repository")
}

/// The shipped model; another one, before it ships, by `GRAPEVINE_TEST_MODEL`.
pub fn model_folder() -> PathBuf {
    std::env::var_os("GRAPEVINE_TEST_MODEL")
        .map_or_else(|| repository().join("models").join(SHIPPED_MODEL), PathBuf::from)
}

pub fn options(engine: EngineChoice) -> ScoringOptions {
    ScoringOptions { workers: 2, ..ScoringOptions::new(model_folder(), engine) }
}

fn loaded(engine: EngineChoice) -> ModelScorer {
    load_model(&options(engine)).unwrap_or_else(|e| panic!("{engine:?}: {e}"))
}

pub fn fp32() -> &'static ModelScorer {
    static SCORER: LazyLock<ModelScorer> = LazyLock::new(|| loaded(EngineChoice::RustBertFp32));
    &SCORER
}

/// `None`, with a message, where the CPU has no bf16.
pub fn bf16() -> Option<&'static ModelScorer> {
    static SCORER: LazyLock<ModelScorer> = LazyLock::new(|| loaded(EngineChoice::RustBertBf16));
    if !cpu_has_bf16() {
        eprintln!("skipped: this CPU has no avx512_bf16");
        return None;
    }
    Some(&SCORER)
}

/// Fails with the instruction where ONNX Runtime is not set up.
pub fn int8() -> &'static ModelScorer {
    static SCORER: OnceLock<ModelScorer> = OnceLock::new();
    SCORER.get_or_init(|| {
        find_library(None).unwrap_or_else(|e| panic!("{e}"));
        loaded(EngineChoice::OnnxInt8)
    })
}

#[derive(Deserialize)]
pub struct Labelled {
    pub text: String,
    pub label: String,
}

/// A set beside the repository (`../shared/data/SET`). Its texts are not ours to ship, so most machines do not have it.
pub fn shared_set(file: &str) -> Option<Vec<Labelled>> {
    let folders = repository().ancestors().skip(1).map(|folder| folder.join("shared/data"));
    let Some(path) = folders.map(|folder| folder.join(file)).find(|path| path.is_file()) else {
        eprintln!("skipped: ../shared/data/{file} is not on this machine");
        return None;
    };
    let text = std::fs::read_to_string(&path).expect("the file was just found");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a labelled line")).collect())
}
