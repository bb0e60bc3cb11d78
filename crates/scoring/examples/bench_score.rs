//! Texts a second of each engine, beside the time of tokenising alone, in one run; and what each says about labelled texts.
//!
//! `cargo xtask bench score [-- --input FILE]` runs it in release. FILE is NDJSON with `text`, and `label` where it is known.
//! Without it, 1,000 posts written for this project are scored.
//!
//! The order matters: "as it comes" runs before anything tunes the allocator and libtorch's threads, which cannot be undone.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use grapevine_model::Polarity;
use grapevine_scoring::batch::{Batch, ROWS};
use grapevine_scoring::layout::Layout;
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::onnx_engine::find_library;
use grapevine_scoring::rust_bert_engine::{Precision, RustBertEngine, Weights, cpu_has_bf16};
use grapevine_scoring::text::{Tokeniser, normalise};
use grapevine_scoring::{Engine, EngineChoice, ScoringOptions, load_model};
use serde::Deserialize;

#[path = "../tests/it/posts.rs"]
mod posts;

#[derive(Deserialize)]
struct Row {
    text: String,
    label: Option<String>,
}

type Outputs = Vec<[f32; 3]>;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = rows()?;
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/minilm-l6-sentiment");
    let model = ModelFolder::open(&folder)?;
    println!("{} texts, {} cores, {}", texts.len(), cores(), model.id());
    println!("{:28} {:>7} {:>9} {:>9} {:>10} {:>6}", "", "workers", "texts/s", "per core", "per CPU s", "ratio");

    let tokeniser = Tokeniser::from_bytes(&model.read(&model.manifest.files.tokenizer)?, model.manifest.max_tokens)?;
    let clock = Clock::start();
    let tokens: Vec<Vec<u32>> = texts.iter().map(|t| tokeniser.encode(&normalise(t))).collect::<Result<_, _>>()?;
    clock.line("tokenising alone", (1, 1), texts.len(), None);

    let (outputs, clock) = as_it_comes(&model, &tokens)?;
    let base = clock.line(AS_IT_COMES, (1, cores()), texts.len(), None);
    let mut answers = vec![(AS_IT_COMES, outputs)];
    for (name, engine) in tuned() {
        let mut all = Outputs::new();
        for workers in if cores() > 1 { vec![1, cores()] } else { vec![1] } {
            let options = ScoringOptions { model: folder.clone(), engine, workers, onnxruntime: None };
            let loading = Instant::now();
            let scorer = load_model(&options)?;
            let loaded_ms = loading.elapsed().as_millis();
            scorer.logits(&texts[..texts.len().min(256)])?;
            let clock = Clock::start();
            let outputs = scorer.logits(&texts)?;
            clock.line(name, (workers, workers), texts.len(), Some(base));
            eprintln!("  loaded in {loaded_ms} ms");
            all = outputs.into_iter().map(Option::unwrap_or_default).collect();
        }
        answers.push((name, all));
    }
    println!(
        "\n\"As it comes\": one engine with libtorch's own threads, batches of {ROWS} in arrival order, tokenising excluded."
    );
    compare(&rows, &answers);
    Ok(())
}

fn rows() -> Result<Vec<Row>, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(posts::posts(1_000, 7).into_iter().map(|text| Row { text, label: None }).collect()),
        (Some("--input"), Some(file)) => {
            let content = std::fs::read_to_string(PathBuf::from(&file)).map_err(|e| format!("{file}: {e}"))?;
            content.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("{file}: {e}").into())).collect()
        }
        _ => Err("usage: bench_score [--input FILE.ndjson]".into()),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const AS_IT_COMES: &str = "rust-bert fp32 as it comes";

/// Wall and processor time. The second says what an engine costs even while other programs use the cores.
struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds() }
    }

    /// Prints one engine's line; `(workers, cores)` that it used. Returns texts a second.
    fn line(&self, name: &str, (workers, cores): (usize, usize), texts: usize, base: Option<f64>) -> f64 {
        let (wall, cpu) = (self.wall.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        let (rate, per_cpu) = (texts as f64 / wall, texts as f64 / cpu);
        let ratio = base.map_or(String::new(), |base| format!("{:.2}", rate / base));
        println!("{name:28} {workers:>7} {rate:>9.0} {:>9.0} {per_cpu:>10.0} {ratio:>6}", rate / cores as f64);
        rate
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
    let mut engine = RustBertEngine::load(&Weights::read(model)?, Precision::Fp32)?;
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
