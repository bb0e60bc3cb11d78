//! The main engine: the encoder of `rust-bert` over libtorch, mean pooling, and the model's linear heads.

use std::sync::{Arc, Once};

use rust_bert::bert::{BertConfig, BertEmbeddings, BertModel};
use tch::nn::{self, Module};
use tch::{Device, Kind, Tensor};

use crate::ScoringError;
use crate::batch::Batch;
use crate::layout::{EMBEDDING, Layout, SENTIMENT};
use crate::manifest::ModelFolder;
use crate::pool::Engine;
use crate::weights::{File, torch};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Fp32,
    Bf16,
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Precision::Fp32 => "fp32",
            Precision::Bf16 => "bf16",
        }
    }
}

/// Weights as they lie on the disk, shared by the workers while each makes its own copy.
#[derive(Clone)]
pub struct Weights {
    config: BertConfig,
    safetensors: Arc<Vec<u8>>,
    layout: Layout,
    /// The only head is `h`.
    plain: bool,
}

impl Weights {
    pub fn read(folder: &ModelFolder) -> Result<Self, ScoringError> {
        let files = &folder.manifest.files;
        let config = serde_json::from_slice(&folder.read(&files.config)?)
            .map_err(|e| ScoringError::Model(format!("cannot read the model's {}: {e}", files.config.path)))?;
        let safetensors = Arc::new(folder.read(&files.weights)?);
        Ok(Self { config, safetensors, layout: Layout::of(&folder.manifest), plain: folder.is_plain() })
    }
}

/// Whether this CPU multiplies bf16 matrices in hardware. Without it bf16 is emulated, and slower than fp32.
pub fn cpu_has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Settings that make one-thread workers fast. Call it on each worker's own thread.
///
/// libtorch is told to use one thread: N workers of one thread each beat one worker of N threads. The setting is the
/// process's, and each thread takes it over when it first computes. glibc is told to keep freed memory: by default, each
/// activation of a batch is a fresh mapping whose pages fault in one by one.
pub fn tune() {
    static MALLOC: Once = Once::new();
    MALLOC.call_once(keep_freed_memory);
    tch::set_num_threads(1);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() {
    // 32 MiB is the highest threshold that older versions accept; the largest activation of a batch has 13 MB.
    // SAFETY: `mallopt` only sets parameters of the allocator, and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}

/// One copy of the model: 4 bytes a weight in fp32, 2 in bf16.
pub struct RustBertEngine {
    encoder: BertModel<BertEmbeddings>,
    /// One for each output of the layout.
    heads: Vec<nn::Linear>,
    device: Device,
    /// Owns the parameters that `encoder` and `heads` use.
    _parameters: nn::VarStore,
}

impl RustBertEngine {
    pub fn load(weights: &Weights, precision: Precision, device: Device) -> Result<Self, ScoringError> {
        let mut parameters = nn::VarStore::new(device);
        let root = parameters.root();
        let encoder = BertModel::new_with_optional_pooler(&root / "b", &weights.config, false);
        let heads = weights.layout.outputs().map(|output| head(&root, output, weights)).collect();
        fill(&parameters, &weights.safetensors)?;
        if precision == Precision::Bf16 {
            (root / "b").bfloat16();
        }
        parameters.freeze();
        Ok(Self { encoder, heads, device, _parameters: parameters })
    }

    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
        let shape = [batch.rows as i64, batch.width as i64];
        let tensor = |data: &[i64]| Tensor::f_from_slice(data)?.f_view(shape)?.f_to_device(self.device);
        let ids = tensor(&batch.ids).map_err(torch)?;
        let mask = tensor(&batch.mask).map_err(torch)?;
        let output = self
            .encoder
            .forward_t(Some(&ids), Some(&mask), None, None, None, None, None, false)
            .map_err(|e| ScoringError::Engine(format!("rust-bert could not compute a batch: {e}")))?;
        let hidden = output.hidden_state.to_kind(Kind::Float);
        let weight = mask.to_kind(Kind::Float).unsqueeze(-1);
        let sum = |x: &Tensor| x.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let pooled = sum(&(hidden * &weight)).map_err(torch)? / sum(&weight).map_err(torch)?;
        let outputs: Vec<Tensor> = self.heads.iter().map(|head| head.forward(&pooled)).collect();
        let rows = Tensor::f_cat(&outputs, 1).map_err(torch)?.to_device(Device::Cpu).view(-1);
        Vec::<f32>::try_from(rows).map_err(torch)
    }
}

impl Engine for RustBertEngine {
    fn outputs(&mut self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
        let _no_gradients = tch::no_grad_guard();
        self.forward(batch)
    }
}

fn head(root: &nn::Path<'_>, (name, size): (&str, usize), weights: &Weights) -> nn::Linear {
    let path = match name {
        SENTIMENT if weights.plain => root / "h",
        EMBEDDING => root / "e",
        name => root / "heads" / name,
    };
    let config = nn::LinearConfig { bias: name != EMBEDDING, ..nn::LinearConfig::default() };
    nn::linear(path, weights.config.hidden_size, size as i64, config)
}

/// Fills every parameter from the file by its name, and complains about one that is missing or has another shape.
pub(crate) fn fill(parameters: &nn::VarStore, file: &[u8]) -> Result<(), ScoringError> {
    let _no_gradients = tch::no_grad_guard();
    let file = File::read(file)?;
    for (name, mut parameter) in parameters.variables() {
        let value = file.parameter(&name, &parameter.size())?;
        parameter.f_copy_(&value).map_err(torch)?;
    }
    Ok(())
}
