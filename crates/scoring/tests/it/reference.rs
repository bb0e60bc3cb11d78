//! The model written out in plain Rust, straight from the weights: what the engines are measured against.
//!
//! No library computes here, so an error in a library, or in how it is called, cannot be on both sides.

use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::text::{Tokeniser, normalise};
use half::f16;
use safetensors::{Dtype, SafeTensors};

use crate::support::{fp32, model_folder};

const HIDDEN: usize = 384;
const HEADS: usize = 12;
const HEAD: usize = HIDDEN / HEADS;

/// One text's hidden states: a row of `HIDDEN` numbers for each token.
type Rows = Vec<Vec<f32>>;

struct Reference<'f> {
    file: SafeTensors<'f>,
}

impl Reference<'_> {
    fn has(&self, name: &str) -> bool {
        self.file.tensor(name).is_ok()
    }

    /// As it lies in the file.
    fn values(&self, name: &str) -> Vec<f32> {
        let tensor = self.file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|&pair| f16::from_le_bytes(pair).to_f32()).collect(),
            Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
            Dtype::I8 => bytes.iter().map(|&byte| f32::from(byte.cast_signed())).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Rows of an embedding; each has a scale of its own where they are int8.
    fn table(&self, name: &str) -> Vec<f32> {
        let name = format!("b.embeddings.{name}_embeddings");
        let rows = self.values(&format!("{name}.weight"));
        if !self.has(&format!("{name}.scale")) {
            return rows;
        }
        let scale = self.values(&format!("{name}.scale"));
        rows.iter().enumerate().map(|(at, value)| value * scale[at / HIDDEN]).collect()
    }

    /// Weight, a row for each output, and bias. In int8 they lie as columns, query, key and value in one.
    fn matrix(&self, name: &str) -> (Vec<f32>, Vec<f32>) {
        if self.has(&format!("{name}.weight")) {
            return (self.values(&format!("{name}.weight")), self.values(&format!("{name}.bias")));
        }
        let part = ["query", "key", "value"].iter().position(|part| name.ends_with(&format!("self.{part}")));
        let whole = part.map_or(name.to_owned(), |_| format!("{}.qkv", name.rsplit_once('.').unwrap().0));
        let (columns, scale) = (self.values(&format!("{whole}.weight_t")), self.values(&format!("{whole}.scale")));
        let bias = self.values(&format!("{whole}.bias"));
        let outputs = part.map_or(0..scale.len(), |part| part * HIDDEN..(part + 1) * HIDDEN);
        let row = |output: usize| columns.iter().skip(output).step_by(scale.len()).map(move |w| (w, output));
        let weight = outputs.clone().flat_map(row).map(|(w, output)| w * scale[output]).collect();
        (weight, bias[outputs].to_vec())
    }

    /// `x · Wᵀ + bias`.
    fn linear(&self, name: &str, x: &Rows) -> Rows {
        let (weight, bias) = self.matrix(name);
        x.iter().map(|row| weight.chunks(row.len()).zip(&bias).map(|(w, b)| dot(w, row) + b).collect()).collect()
    }

    fn layer_norm(&self, name: &str, x: &Rows) -> Rows {
        let (weight, bias) = (self.values(&format!("{name}.weight")), self.values(&format!("{name}.bias")));
        let one = |row: &Vec<f32>| {
            let mean = row.iter().sum::<f32>() / row.len() as f32;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / row.len() as f32;
            let scale = 1.0 / (variance + 1e-12).sqrt();
            row.iter().zip(weight.iter().zip(&bias)).map(|(v, (w, b))| (v - mean) * scale * w + b).collect()
        };
        x.iter().map(one).collect()
    }

    fn embed(&self, tokens: &[u32]) -> Rows {
        let (words, positions) = (self.table("word"), self.table("position"));
        // The only type of token is part of the positions where there is none.
        let is_apart = self.has("b.embeddings.token_type_embeddings.weight");
        let types = if is_apart { self.table("token_type") } else { vec![0.0; HIDDEN] };
        let one = |(position, &token): (usize, &u32)| {
            let (word, place) = (token as usize * HIDDEN, position * HIDDEN);
            (0..HIDDEN).map(|i| words[word + i] + positions[place + i] + types[i]).collect()
        };
        self.layer_norm("b.embeddings.LayerNorm", &tokens.iter().enumerate().map(one).collect())
    }

    fn attention(&self, layer: &str, x: &Rows) -> Rows {
        let part = |name: &str| self.linear(&format!("{layer}.attention.self.{name}"), x);
        let (query, key, value) = (part("query"), part("key"), part("value"));
        let mut mixed = vec![vec![0.0; HIDDEN]; x.len()];
        for head in 0..HEADS {
            let span = head * HEAD..(head + 1) * HEAD;
            for (at, row) in query.iter().enumerate() {
                let scores = key.iter().map(|k| dot(&row[span.clone()], &k[span.clone()]) / (HEAD as f32).sqrt());
                for (weight, v) in softmax(scores.collect()).into_iter().zip(&value) {
                    span.clone().for_each(|i| mixed[at][i] += weight * v[i]);
                }
            }
        }
        let out = self.linear(&format!("{layer}.attention.output.dense"), &mixed);
        self.layer_norm(&format!("{layer}.attention.output.LayerNorm"), &add(&out, x))
    }

    fn layer(&self, number: usize, x: &Rows) -> Rows {
        let layer = format!("b.encoder.layer.{number}");
        let x = self.attention(&layer, x);
        let mut wide = self.linear(&format!("{layer}.intermediate.dense"), &x);
        wide.iter_mut().flatten().for_each(|v| *v = gelu(*v));
        let narrow = self.linear(&format!("{layer}.output.dense"), &wide);
        self.layer_norm(&format!("{layer}.output.LayerNorm"), &add(&narrow, &x))
    }

    fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let layers =
            (0..).take_while(|number| self.has(&format!("b.encoder.layer.{number}.output.dense.bias"))).count();
        let last = (0..layers).fold(self.embed(tokens), |x, number| self.layer(number, &x));
        let mean = (0..HIDDEN).map(|i| last.iter().map(|row| row[i]).sum::<f32>() / last.len() as f32).collect();
        let head = if self.has("h.weight") { "h" } else { "heads.sentiment" };
        self.linear(head, &vec![mean]).remove(0)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(x, y)| x + y).collect()).collect()
}

fn softmax(scores: Vec<f32>) -> Vec<f32> {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|s| (s - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

fn gelu(x: f32) -> f32 {
    (0.5 * f64::from(x) * (1.0 + erf(f64::from(x) / std::f64::consts::SQRT_2))) as f32
}

/// The power series of erf; past 5 it is 1 to sixteen digits.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
        if term.abs() < 1e-17 {
            break;
        }
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn erf_has_its_known_values() {
    for (x, expected) in
        [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (-2.0, -0.995_322_265_0), (9.0, 1.0)]
    {
        assert!((erf(x) - expected).abs() < 1e-9, "erf({x}) = {}", erf(x));
    }
}

#[test]
fn fp32_outputs_equal_a_reference_computation_within_a_thousandth() {
    let folder = ModelFolder::open(&model_folder()).unwrap();
    let files = &folder.manifest.files;
    let weights = folder.read(&files.weights).unwrap();
    let reference = Reference { file: SafeTensors::deserialize(&weights).unwrap() };
    let tokeniser = Tokeniser::from_bytes(&folder.read(&files.tokenizer).unwrap(), 64).unwrap();
    let texts = [
        "ok",
        "I love it!",
        "worst app ever 😡",
        "@acme &amp; friends: https://acme.test",
        "Das Update ist da",
        "where is my parcel?",
        "not bad, not great",
        "شكرا",
    ];
    let engine = fp32().encoder_logits(&texts).unwrap();
    let mut worst = 0f32;
    for (text, found) in texts.iter().zip(engine) {
        let expected = reference.logits(&tokeniser.encode(&normalise(text)).unwrap());
        for (found, expected) in found.unwrap().iter().zip(&expected) {
            worst = worst.max((found - expected).abs());
        }
    }
    println!("largest difference from the reference over {} texts: {worst:.1e}", texts.len());
    assert!(worst < 1e-3, "largest difference {worst}");
}
