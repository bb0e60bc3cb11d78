//! Loads a model and chooses the engine.

use std::sync::Arc;
use std::time::Instant;

use tch::Device;

use crate::adopted::{ClassifierEngine, ClassifierWeights};
use crate::heads::Heads;
use crate::layout::Layout;
use crate::manifest::ModelFolder;
use crate::onnx_engine::{Graph, OnnxEngine, find_library};
use crate::pool::{Engine, Pool};
use crate::rust_bert_engine::{self as rust_bert, Precision, RustBertEngine, Weights};
use crate::scorer::ModelScorer;
use crate::text::Tokeniser;
use crate::{DeviceChoice, EngineChoice, Scorer, ScoringError, ScoringOptions};

/// Texts of the start-up probe.
const PROBE: usize = 64;

/// Loads the model and starts its workers. Blocking.
///
/// Fails where a file of the model is missing or damaged, or where the engine that was asked for cannot run here.
pub fn load(options: &ScoringOptions) -> Result<Arc<dyn Scorer>, ScoringError> {
    Ok(Arc::new(load_model(options)?))
}

/// [`load`], with the outputs of the model within reach.
pub fn load_model(options: &ScoringOptions) -> Result<ModelScorer, ScoringError> {
    let started = Instant::now();
    let loader = Loader::new(options)?;
    let scorer = match options.engine {
        EngineChoice::RustBertFp32 => loader.rust_bert(Precision::Fp32, "as configured"),
        EngineChoice::RustBertBf16 => loader.bf16_as_configured(),
        EngineChoice::OnnxInt8 => loader.onnx("as configured"),
        EngineChoice::Auto => loader.auto(),
    }?;
    let took_ms = started.elapsed().as_millis() as u64;
    tracing::info!(model = scorer.model, took_ms, "scoring with {}", scorer.description);
    Ok(scorer)
}

struct Loader<'o> {
    options: &'o ScoringOptions,
    folder: ModelFolder,
    /// Of rust-bert.
    device: Device,
    workers: usize,
}

impl<'o> Loader<'o> {
    fn new(options: &'o ScoringOptions) -> Result<Self, ScoringError> {
        let device = device(options.device, options.engine)?;
        let folder = ModelFolder::open(&options.model)?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if options.workers == 0 { cores() } else { options.workers };
        Ok(Self { options, folder, device, workers })
    }

    fn auto(&self) -> Result<ModelScorer, ScoringError> {
        if self.device.is_cuda() {
            return self.rust_bert(Precision::Fp32, "chosen because there is a CUDA device");
        }
        self.probe(if rust_bert::cpu_has_bf16() { Precision::Bf16 } else { Precision::Fp32 })
    }

    /// On the CPU, the faster one on this machine, right now.
    fn probe(&self, precision: Precision) -> Result<ModelScorer, ScoringError> {
        let mut torch = self.rust_bert(precision, "")?;
        let mut int8 = match self.onnx("") {
            Ok(scorer) => scorer,
            Err(ScoringError::Engine(why)) => {
                torch.description += &format!("chosen without a probe: {why}");
                return Ok(torch);
            }
            Err(damaged) => return Err(damaged),
        };
        let (slow, fast) = (texts_per_second(&torch)?, texts_per_second(&int8)?);
        let why = format!(
            "chosen by a probe: rust-bert {} {slow:.0} texts/s, ONNX Runtime int8 {fast:.0} texts/s; {}",
            precision.name(),
            if self.options.device == DeviceChoice::Cpu { "CUDA is not asked for" } else { "no CUDA" }
        );
        let chosen = if fast > slow { &mut int8 } else { &mut torch };
        chosen.description += &why;
        Ok(if fast > slow { int8 } else { torch })
    }

    fn bf16_as_configured(&self) -> Result<ModelScorer, ScoringError> {
        check_bf16(self.device, rust_bert::cpu_has_bf16())?;
        self.rust_bert(Precision::Bf16, "as configured")
    }

    /// A GPU is one device: more workers than one would only queue for it.
    fn rust_bert(&self, precision: Precision, why: &str) -> Result<ModelScorer, ScoringError> {
        let device = self.device;
        let workers = if device.is_cuda() { 1 } else { self.workers };
        let pool = match &self.folder.classifier {
            None => {
                let weights = Weights::read(&self.folder)?;
                self.pool(workers, move || Ok(Box::new(RustBertEngine::load(&weights, precision, device)?)))
            }
            Some(classifier) => {
                let weights = ClassifierWeights::read(&self.folder, classifier)?;
                self.pool(workers, move || Ok(Box::new(ClassifierEngine::load(&weights, precision, device)?)))
            }
        }?;
        let kind = precision.name();
        let name = format!("rust-bert {kind} on {}", if device.is_cuda() { "CUDA" } else { "the CPU" });
        self.scorer(&name, why, pool)
    }

    /// Of workers with libtorch, each set up on its own thread.
    fn pool(
        &self,
        workers: usize,
        load: impl Fn() -> Result<Box<dyn Engine>, ScoringError> + Send + Sync + 'static,
    ) -> Result<Pool, ScoringError> {
        let make = move || {
            rust_bert::tune();
            load()
        };
        Pool::start(workers, self.layout().width(), make)
    }

    fn onnx(&self, why: &str) -> Result<ModelScorer, ScoringError> {
        let library = find_library(self.options.onnxruntime.as_deref())?;
        let graph = Graph::read(&self.folder, library)?;
        let make = move || Ok(Box::new(OnnxEngine::load(&graph)?) as Box<dyn Engine>);
        self.scorer("ONNX Runtime int8", why, Pool::start(self.workers, self.layout().width(), make)?)
    }

    fn layout(&self) -> Layout {
        Layout::of(&self.folder.manifest)
    }

    fn scorer(&self, engine: &str, why: &str, pool: Pool) -> Result<ModelScorer, ScoringError> {
        let manifest = &self.folder.manifest;
        let json = self.folder.read(&manifest.files.tokenizer)?;
        let (model, workers) = (self.folder.id(), pool.workers());
        let plural = if workers == 1 { "" } else { "s" };
        Ok(ModelScorer {
            description: format!("{model}: {engine}, {workers} worker{plural}, {why}"),
            model,
            manifest: manifest.clone(),
            heads: Heads::of(&self.folder)?,
            tokeniser: Tokeniser::from_bytes(&json, manifest.max_tokens)?,
            pool,
        })
    }
}

fn device(choice: DeviceChoice, engine: EngineChoice) -> Result<Device, ScoringError> {
    let refused = |why: &str| Err(ScoringError::Engine(format!("scoring.device = \"cuda\": {why}")));
    match choice {
        DeviceChoice::Auto => Ok(Device::cuda_if_available()),
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda if engine == EngineChoice::OnnxInt8 => refused(
            "the engine onnx-int8 computes on the CPU alone; set scoring.engine to \"auto\", \"rust-bert-fp32\" or \"rust-bert-bf16\"",
        ),
        DeviceChoice::Cuda if tch::Cuda::is_available() => Ok(Device::Cuda(0)),
        DeviceChoice::Cuda => refused(
            "libtorch sees no CUDA device; build with a libtorch for CUDA (LIBTORCH) on a machine whose `nvidia-smi` lists one, \
             or set \"auto\" or \"cpu\"",
        ),
    }
}

fn check_bf16(device: Device, cpu_has_it: bool) -> Result<(), ScoringError> {
    if device.is_cuda() || cpu_has_it {
        return Ok(());
    }
    Err(ScoringError::Engine(
        "scoring.engine = \"rust-bert-bf16\" needs CUDA or a CPU with avx512_bf16, and it would run on a CPU without; set \
         \"auto\", \"rust-bert-fp32\" or \"onnx-int8\""
            .to_owned(),
    ))
}

/// Of texts with about the length of a post, after a first round that warms up.
fn texts_per_second(scorer: &ModelScorer) -> Result<f64, ScoringError> {
    let texts =
        ["the new update is great but my order has not arrived yet, can anyone from support look into it"; PROBE];
    scorer.logits(&texts[..PROBE / 4])?;
    let started = Instant::now();
    scorer.logits(&texts)?;
    Ok(PROBE as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn probed(onnxruntime: Option<&str>) -> ModelScorer {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(crate::SHIPPED_MODEL);
        let onnxruntime = onnxruntime.map(Into::into);
        let options = ScoringOptions { workers: 1, onnxruntime, ..ScoringOptions::new(model, EngineChoice::Auto) };
        Loader::new(&options).and_then(|loader| loader.probe(Precision::Fp32)).unwrap()
    }

    #[test]
    fn the_probe_names_both_speeds() {
        let scorer = probed(None);
        for part in ["1 worker, chosen by a probe", "fp32 ", "int8 ", "texts/s"] {
            assert!(scorer.description().contains(part), "{}", scorer.description());
        }
        assert!(scorer.logits(&["fine"]).unwrap()[0].is_some());
    }

    #[test]
    fn cuda_is_refused_where_there_is_none_and_where_the_engine_has_no_use_for_it() {
        let refused = |engine| device(DeviceChoice::Cuda, engine).unwrap_err().to_string();
        assert!(refused(EngineChoice::OnnxInt8).contains("computes on the CPU alone"));
        if !tch::Cuda::is_available() {
            assert!(refused(EngineChoice::Auto).contains("libtorch sees no CUDA device"));
            assert_eq!(device(DeviceChoice::Auto, EngineChoice::Auto).unwrap(), Device::Cpu);
        }
        assert_eq!(device(DeviceChoice::Cpu, EngineChoice::RustBertBf16).unwrap(), Device::Cpu);
    }

    #[test]
    fn bf16_needs_a_device_that_has_it() {
        assert!(check_bf16(Device::Cpu, false).unwrap_err().to_string().contains("avx512_bf16"));
        assert!(check_bf16(Device::Cpu, true).is_ok() && check_bf16(Device::Cuda(0), false).is_ok());
    }

    #[test]
    fn without_onnx_runtime_fp32_runs_and_says_why() {
        let description = probed(Some("no/such/library.so")).description();
        for part in ["rust-bert fp32", "without a probe", "no/such/library.so"] {
            assert!(description.contains(part), "{description}");
        }
    }
}
