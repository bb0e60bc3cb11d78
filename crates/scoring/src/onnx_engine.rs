//! The second engine: ONNX Runtime in int8, for CPUs without bf16. Its library is loaded at run time.
//!
//! The crate `ort` is used without its feature `api-22`: with it, every session gets a policy of choosing devices, on which
//! ONNX Runtime 1.22 aborts the process on Linux, where it knows no devices.
//!
//! The model's activations are quantised per batch, so a text's outputs vary a little with its batch mates: on about 1 post in
//! 40 the polarity differs from fp32's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use parking_lot::Mutex;

use crate::ScoringError;
use crate::batch::Batch;
use crate::layout::Layout;
use crate::manifest::ModelFolder;
use crate::pool::Engine;

const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// A graph, and what it needs to run.
#[derive(Clone)]
pub struct Graph {
    /// Content of the `.onnx` file.
    model: Arc<Vec<u8>>,
    /// Name and content of the file that its weights are ranges of. Shared by the sessions of all workers.
    weights: Option<(String, Arc<[u8]>)>,
    layout: Layout,
    library: PathBuf,
}

impl Graph {
    /// `library` comes from [`find_library`].
    pub fn read(folder: &ModelFolder, library: PathBuf) -> Result<Self, ScoringError> {
        let files = &folder.manifest.files;
        let Some(graph) = &files.onnx_int8 else {
            return Err(ScoringError::Engine(format!("{} has no int8 graph; rust-bert runs it", folder.id())));
        };
        let model = Arc::new(folder.read(graph)?);
        let weights = match folder.is_plain() {
            true => None,
            false => Some((files.weights.path.clone(), folder.read(&files.weights)?.into())),
        };
        Ok(Self { model, weights, layout: Layout::of(&folder.manifest), library })
    }

    /// Name of an output. A graph of sentiment alone has `logits`.
    fn name<'n>(&self, output: &'n str) -> &'n str {
        if self.weights.is_none() { "logits" } else { output }
    }
}

/// One session with one thread.
pub struct OnnxEngine {
    session: Session,
    graph: Graph,
}

impl OnnxEngine {
    pub fn load(graph: &Graph) -> Result<Self, ScoringError> {
        let environment = environment(&graph.library)?;
        let mut builder = Session::builder(&environment)
            .map_err(|e| onnx(&e))?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|e| onnx(&e))?
            .with_intra_threads(1)
            .map_err(|e| onnx(&e))?
            // Without VNNI, the sums of two products of 8 bits overflow 16: unsigned weights are slower and right.
            .with_config_entry("session.x64quantprecision", "1")
            .map_err(|e| onnx(&e))?;
        if let Some((name, weights)) = &graph.weights {
            builder = builder.with_external_initializer_file_in_memory(name, weights.clone()).map_err(|e| onnx(&e))?;
        }
        let session = builder.commit_from_memory(&graph.model).map_err(|e| onnx(&e))?;
        Ok(Self { session, graph: graph.clone() })
    }
}

impl Engine for OnnxEngine {
    fn outputs(&mut self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
        let shape = [batch.rows, batch.width];
        let ids = TensorRef::from_array_view((shape, batch.ids.as_slice())).map_err(|e| onnx(&e))?;
        let mask = TensorRef::from_array_view((shape, batch.mask.as_slice())).map_err(|e| onnx(&e))?;
        let inputs = ort::inputs!["input_ids" => ids, "attention_mask" => mask];
        let outputs = self.session.run(inputs).map_err(|e| onnx(&e))?;
        let mut parts = Vec::new();
        for (name, _) in self.graph.layout.outputs() {
            let name = self.graph.name(name);
            let value = outputs.get(name).ok_or_else(|| no_output(name))?;
            parts.push(value.try_extract_tensor::<f32>().map_err(|e| onnx(&e))?.1.to_vec());
        }
        Ok(self.graph.layout.join(batch.rows, &parts))
    }
}

fn no_output(name: &str) -> ScoringError {
    ScoringError::Model(format!("the model's .onnx file has no output `{name}`"))
}

/// The process has one ONNX Runtime: the first library that loads stays.
fn environment(library: &Path) -> Result<Environment, ScoringError> {
    static CURRENT: Mutex<Option<Environment>> = Mutex::new(None);
    let mut current = CURRENT.lock();
    if let Some(environment) = &*current {
        return Ok(environment.clone());
    }
    let made = ort::init_from(library)
        .map_err(|e| ScoringError::Engine(format!("cannot load ONNX Runtime: {e}; {MEND}")))?
        .with_name("grapevine")
        .with_telemetry(false)
        .build()
        .map_err(|e| onnx(&e))?;
    *current = Some(made.clone());
    Ok(made)
}

const MEND: &str =
    "run `cargo xtask setup`, or point `scoring.onnxruntime` or ORT_DYLIB_PATH at libonnxruntime 1.21 or newer";

/// The library named in the options, else the one in Grapevine's cache, else the one that `ORT_DYLIB_PATH` names.
pub fn find_library(named: Option<&Path>) -> Result<PathBuf, ScoringError> {
    if let Some(path) = named {
        return exists(path).ok_or_else(|| missing(&format!("there is no file {}", path.display())));
    }
    let cache = cache_folder();
    if let Some(found) = cache.as_deref().and_then(newest_in) {
        return Ok(found);
    }
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from);
    match (variable, cache) {
        (Some(path), _) => {
            exists(&path).ok_or_else(|| missing(&format!("ORT_DYLIB_PATH names {}, which is no file", path.display())))
        }
        (None, Some(cache)) => Err(missing(&format!("there is no onnxruntime-*/{LIBRARY} in {}", cache.display()))),
        (None, None) => Err(missing("neither GRAPEVINE_CACHE nor HOME is set, so there is no cache to look in")),
    }
}

fn exists(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.to_owned())
}

fn missing(why: &str) -> ScoringError {
    ScoringError::Engine(format!("ONNX Runtime was not found: {why}; {MEND}"))
}

/// `$GRAPEVINE_CACHE`, else `$XDG_CACHE_HOME/grapevine`, else `$HOME/.cache/grapevine`.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("GRAPEVINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("grapevine")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/grapevine")))
}

/// The library in the folder `onnxruntime-VERSION` with the highest version.
fn newest_in(cache: &Path) -> Option<PathBuf> {
    let version = |folder: &Path| -> Option<Vec<u32>> {
        let version = folder.file_name()?.to_str()?.strip_prefix("onnxruntime-")?;
        Some(version.split('.').map(|part| part.parse().unwrap_or(0)).collect())
    };
    let folders = std::fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path());
    let found = folders.filter_map(|folder| Some((version(&folder)?, exists(&folder.join(LIBRARY))?)));
    found.max().map(|(_, library)| library)
}

fn onnx(error: &dyn std::error::Error) -> ScoringError {
    ScoringError::Engine(format!("ONNX Runtime: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_with_a_library_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(newest_in(cache.path()), None);
        for (folder, filled) in
            [("onnxruntime-1.9.0", true), ("onnxruntime-1.22.1", true), ("onnxruntime-1.30.0", false)]
        {
            let folder = cache.path().join(folder);
            std::fs::create_dir(&folder).unwrap();
            if filled {
                std::fs::write(folder.join(LIBRARY), b"").unwrap();
            }
        }
        assert_eq!(newest_in(cache.path()), Some(cache.path().join("onnxruntime-1.22.1").join(LIBRARY)));
    }

    #[test]
    fn a_library_that_is_not_there_is_named_with_the_mend() {
        let error = find_library(Some(Path::new("no/such/libonnxruntime.so"))).unwrap_err().to_string();
        assert!(error.contains("no/such/libonnxruntime.so") && error.contains("cargo xtask setup"), "{error}");
    }
}
