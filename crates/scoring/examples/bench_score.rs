//! Texts a second of each engine, beside the time of tokenising alone, in one run; and what each says about labelled texts.
//!
//! `cargo xtask bench score [-- --input FILE] [--model FOLDER]` runs it in release. FILE is NDJSON with `text`, and `label`
//! where it is known. Without it, 1,000 posts written for this project are scored.
//!
//! Beside the model's own engines stands a DistilBERT classifier in rust-bert, the architecture of its `SentimentModel`, with
//! random weights, which take as long as any others. The last column is the share of this core's arithmetic limit: of what one
//! thread of libtorch does in a large fp32 product, four times that in int8 (VNNI) and twice in bf16.
//!
//! The order matters: "as it comes" runs before anything tunes the allocator and libtorch's threads, which cannot be undone.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use grapevine_model::Polarity;
use grapevine_scoring::batch::{Batch, ROWS, plan};
use grapevine_scoring::layout::Layout;
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::onnx_engine::find_library;
use grapevine_scoring::rust_bert_engine::{self, Precision, RustBertEngine, Weights, cpu_has_bf16};
use grapevine_scoring::text::{Tokeniser, normalise};
use grapevine_scoring::{Engine, EngineChoice, SHIPPED_MODEL, ScoringOptions, load_model};
use rust_bert::bert::BertConfig;
use rust_bert::distilbert::{DistilBertConfig, DistilBertModelClassifier};
use serde::Deserialize;
use tch::{Device, Kind, Tensor, nn};

#[path = "../tests/it/posts.rs"]
mod posts;

#[derive(Deserialize)]
struct Row {
    text: String,
    label: Option<String>,
}

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

type Outputs = Vec<[f32; 3]>;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = rows()?;
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let folder = arguments()?.1;
    let model = ModelFolder::open(&folder)?;
    println!("{} texts, {} cores, {}", texts.len(), cores(), model.id());
    println!(
        "{:28} {:>7} {:>9} {:>9} {:>10} {:>6} {:>7}",
        "", "workers", "texts/s", "per core", "per CPU s", "ratio", "limit"
    );

    let tokeniser = Tokeniser::from_bytes(&model.read(&model.manifest.files.tokenizer)?, model.manifest.max_tokens)?;
    let clock = Clock::start();
    let tokens: Vec<Vec<u32>> = texts.iter().map(|t| tokeniser.encode(&normalise(t))).collect::<Result<_, _>>()?;
    clock.line("tokenising alone", (1, 1), texts.len(), (None, None));

    let (outputs, clock) = as_it_comes(&model, &tokens)?;
    clock.line(AS_IT_COMES, (1, cores()), texts.len(), (None, None));
    rust_bert_engine::tune();
    let limit = Limit::measure(&model, &tokens)?;
    let (clock, distil) = distilbert(&tokeniser, &texts)?;
    let base = clock.line("DistilBERT in rust-bert fp32", (1, 1), texts.len(), (None, Some(limit.share(distil, 1.0))));
    let mut answers = vec![(AS_IT_COMES, outputs)];
    for (name, engine) in tuned() {
        let mut all = Outputs::new();
        for workers in if cores() > 1 { vec![1, cores()] } else { vec![1] } {
            let options = ScoringOptions { workers, ..ScoringOptions::new(folder.clone(), engine) };
            let loading = Instant::now();
            let scorer = load_model(&options)?;
            let loaded_ms = loading.elapsed().as_millis();
            scorer.logits(&texts[..texts.len().min(256)])?;
            let clock = Clock::start();
            let outputs = scorer.logits(&texts)?;
            clock.line(name, (workers, workers), texts.len(), (Some(base), Some(limit.own(&tokens, engine))));
            eprintln!("  loaded in {loaded_ms} ms");
            all = outputs.into_iter().map(Option::unwrap_or_default).collect();
        }
        answers.push((name, all));
    }
    println!(
        "\n\"As it comes\": one engine with libtorch's own threads, batches of {ROWS} in arrival order, tokenising excluded.\n\
         The ratio is to DistilBERT on one core, by processor time. Limit: {:.0} GFLOP/s in fp32.",
        limit.flops / 1e9
    );
    compare(&rows, &answers);
    Ok(())
}

fn rows() -> Result<Vec<Row>, Box<dyn Error>> {
    let Some(file) = arguments()?.0 else {
        return Ok(posts::posts(1_000, 7).into_iter().map(|text| Row { text, label: None }).collect());
    };
    let content = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let row = |line| serde_json::from_str(line).map_err(|e| format!("{}: {e}", file.display()).into());
    content.lines().map(row).collect()
}

/// The file of texts and the model's folder.
fn arguments() -> Result<(Option<PathBuf>, PathBuf), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut input, mut model) = (None, Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(SHIPPED_MODEL));
    while let Some(name) = arguments.next() {
        match (name.as_str(), arguments.next()) {
            ("--input", Some(file)) => input = Some(file.into()),
            ("--model", Some(folder)) => model = folder.into(),
            _ => return Err("usage: bench_score [--input FILE.ndjson] [--model FOLDER]".into()),
        }
    }
    Ok((input, model))
}

/// What one core could do at most, and what a text costs.
struct Limit {
    /// Floating-point operations a second of one thread, in a large product of fp32.
    flops: f64,
    config: BertConfig,
}

impl Limit {
    fn measure(model: &ModelFolder, tokens: &[Vec<u32>]) -> Result<Self, Box<dyn Error>> {
        let config = serde_json::from_slice(&model.read(&model.manifest.files.config)?)?;
        let side = 1536;
        let (a, b) = (Tensor::rand([side, side], FLOAT), Tensor::rand([side, side], FLOAT));
        let _ = a.matmul(&b);
        let cpu = cpu_seconds();
        let rounds = 10;
        for _ in 0..rounds {
            let _ = a.matmul(&b);
        }
        let flops = f64::from(rounds) * 2.0 * (side as f64).powi(3) / (cpu_seconds() - cpu);
        println!("{:.1} tokens a text", tokens.iter().map(Vec::len).sum::<usize>() as f64 / tokens.len() as f64);
        Ok(Self { flops, config })
    }

    /// Of the seconds that `operations` take at the limit of an engine that is `faster` than fp32.
    fn share(&self, operations: f64, faster: f64) -> f64 {
        operations / self.flops / faster
    }

    fn own(&self, tokens: &[Vec<u32>], engine: EngineChoice) -> f64 {
        let BertConfig { hidden_size, intermediate_size, num_hidden_layers, .. } = self.config;
        let faster = match engine {
            EngineChoice::OnnxInt8 => 4.0,
            EngineChoice::RustBertBf16 => 2.0,
            _ => 1.0,
        };
        self.share(operations(tokens, (hidden_size, intermediate_size, num_hidden_layers)), faster)
    }
}

/// Of the products of an encoder of this width, inner width and depth: multiplications and additions, without padding.
fn operations(tokens: &[Vec<u32>], (width, inner, layers): (i64, i64, i64)) -> f64 {
    let (width, inner, layers) = (width as f64, inner as f64, layers as f64);
    let one = |length: f64| length * (4.0 * width * width + 2.0 * width * inner) + 2.0 * length * length * width;
    2.0 * layers * tokens.iter().map(|tokens| one(tokens.len() as f64)).sum::<f64>()
}

/// The architecture of rust-bert's `SentimentModel`, on one thread, in batches of texts of about the same length.
fn distilbert(tokeniser: &Tokeniser, texts: &[&str]) -> Result<(Clock, f64), Box<dyn Error>> {
    let labels = Some(["negative", "positive"].map(str::to_owned).into_iter().enumerate());
    let id2label = labels.map(|labels| labels.map(|(id, label)| (id as i64, label)).collect());
    let config = DistilBertConfig { id2label, ..DistilBertConfig::default() };
    let store = nn::VarStore::new(Device::Cpu);
    let model = DistilBertModelClassifier::new(store.root(), &config)?;
    let _no_gradients = tch::no_grad_guard();
    let run = |texts: &[&str]| -> Result<f64, Box<dyn Error>> {
        let rows = texts.iter().map(|text| tokeniser.encode(&normalise(text))).collect::<Result<Vec<_>, _>>()?;
        // Its vocabulary is smaller; which word it is does not change the time.
        let rows: Vec<Vec<u32>> =
            rows.into_iter().map(|row| row.into_iter().map(|id| id % config.vocab_size as u32).collect()).collect();
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        for group in plan(&lengths, 1) {
            let batch = Batch::of(&group.iter().map(|&at| rows[at].as_slice()).collect::<Vec<_>>());
            let tensor = |data: &[i64]| Tensor::from_slice(data).view([batch.rows as i64, batch.width as i64]);
            model.forward_t(Some(&tensor(&batch.ids)), Some(&tensor(&batch.mask)), None, false)?;
        }
        Ok(operations(&rows, (config.dim, config.hidden_dim, config.n_layers)))
    };
    run(&texts[..texts.len().min(64)])?;
    let clock = Clock::start();
    let operations = run(texts)?;
    Ok((clock.stopped(), operations))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const AS_IT_COMES: &str = "rust-bert fp32 as it comes";

/// Wall and processor time. The second says what an engine costs even while other programs use the cores.
struct Clock {
    wall: Instant,
    cpu: f64,
    /// Wall and processor seconds, once it was stopped.
    stopped: Option<(f64, f64)>,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds(), stopped: None }
    }

    fn read(&self) -> (f64, f64) {
        self.stopped.unwrap_or_else(|| (self.wall.elapsed().as_secs_f64(), cpu_seconds() - self.cpu))
    }

    fn stopped(self) -> Self {
        Self { stopped: Some(self.read()), ..self }
    }

    /// Prints one engine's line; `(workers, cores)` that it used, and the seconds of a core that its arithmetic takes at
    /// the limit. Returns texts a second of processor time.
    fn line(
        &self,
        name: &str,
        (workers, cores): (usize, usize),
        texts: usize,
        (base, least): (Option<f64>, Option<f64>),
    ) -> f64 {
        let (wall, cpu) = self.read();
        let (rate, per_cpu) = (texts as f64 / wall, texts as f64 / cpu);
        let ratio = base.map_or(String::new(), |base| format!("{:.2}", per_cpu / base));
        let limit = least.map_or(String::new(), |least| format!("{:.0} %", 100.0 * least / cpu));
        let per_core = rate / cores as f64;
        println!("{name:28} {workers:>7} {rate:>9.0} {per_core:>9.0} {per_cpu:>10.0} {ratio:>6} {limit:>7}");
        per_cpu
    }
}

/// Of this process, all threads, user and system.
fn cpu_seconds() -> f64 {
    // SAFETY: all zeros is a valid `rusage`, and `getrusage` only writes to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// One engine, arrival order, libtorch's own number of threads, the allocator untouched. The clock started after a warm-up.
fn as_it_comes(model: &ModelFolder, tokens: &[Vec<u32>]) -> Result<(Outputs, Clock), Box<dyn Error>> {
    let mut engine = RustBertEngine::load(&Weights::read(model)?, Precision::Fp32, tch::Device::Cpu)?;
    let width = Layout::of(&model.manifest).width();
    let mut run = |tokens: &[Vec<u32>]| -> Result<Outputs, Box<dyn Error>> {
        let mut outputs = Vec::new();
        for chunk in tokens.chunks(ROWS) {
            let rows = engine.outputs(&Batch::of(&chunk.iter().map(Vec::as_slice).collect::<Vec<_>>()))?;
            outputs.extend(rows.chunks(width).map(|row| [row[0], row[1], row[2]]));
        }
        Ok(outputs)
    };
    run(&tokens[..tokens.len().min(256)])?;
    let clock = Clock::start();
    Ok((run(tokens)?, clock))
}

fn tuned() -> Vec<(&'static str, EngineChoice)> {
    let mut engines = vec![("rust-bert fp32 tuned", EngineChoice::RustBertFp32)];
    if cpu_has_bf16() {
        engines.push(("rust-bert bf16 tuned", EngineChoice::RustBertBf16));
    } else {
        println!("rust-bert bf16: skipped, this CPU has no avx512_bf16");
    }
    match find_library(None) {
        Ok(_) => engines.push(("ONNX Runtime int8", EngineChoice::OnnxInt8)),
        Err(error) => println!("ONNX Runtime int8: skipped, {error}"),
    }
    engines
}

/// Agreement with fp32, and accuracy where the file has labels.
fn compare(rows: &[Row], answers: &[(&str, Outputs)]) {
    let polarities = |outputs: &Outputs| outputs.iter().map(most).collect::<Vec<_>>();
    let reference = polarities(&answers[0].1);
    for (name, outputs) in answers {
        let found = polarities(outputs);
        let same = found.iter().zip(&reference).filter(|(a, b)| a == b).count();
        println!("\n{name}: same polarity as fp32 on {:.2} %", 100.0 * same as f64 / rows.len() as f64);
        let labels: Option<Vec<usize>> = rows.iter().map(|row| class(row.label.as_deref()?)).collect();
        if let Some(labels) = labels {
            confusion(&labels, &found);
        }
    }
}

fn most(logits: &[f32; 3]) -> usize {
    (0..3).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

fn class(label: &str) -> Option<usize> {
    Polarity::ALL.iter().position(|polarity| polarity.name() == label)
}

fn confusion(labels: &[usize], found: &[usize]) {
    let mut table = [[0usize; 3]; 3];
    labels.iter().zip(found).for_each(|(&label, &found)| table[label][found] += 1);
    let recall: f64 = (0..3).map(|at| table[at][at] as f64 / table[at].iter().sum::<usize>().max(1) as f64).sum();
    println!("macro-recall {:.2} %; rows are labels, columns what the engine says", 100.0 * recall / 3.0);
    println!("{:10} {:>9} {:>9} {:>9}", "", "negative", "neutral", "positive");
    for (polarity, row) in Polarity::ALL.iter().zip(table) {
        println!("{:10} {:>9} {:>9} {:>9}", polarity.name(), row[0], row[1], row[2]);
    }
}
