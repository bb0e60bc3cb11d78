//! What a model says beside the sentiment, and that the engines say what the checkpoint said.

use std::collections::HashMap;
use std::fs;

use grapevine_scoring::layout::Layout;
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::{ModelScorer, Scorer};
use serde_json::Value;

use crate::support::{fp32, int8, model_folder};

/// A sentence and the checkpoint's outputs for it in fp32, by head.
type Sentence = (String, HashMap<String, Vec<f32>>);

/// `None` where the model came without.
fn reference() -> Option<Vec<Sentence>> {
    let Ok(text) = fs::read_to_string(model_folder().join("reference.json")) else {
        eprintln!("skipped: the model has no reference.json");
        return None;
    };
    let rows: Vec<HashMap<String, Value>> = serde_json::from_str(&text).unwrap();
    let numbers = |value: &Value| serde_json::from_value(value.clone()).unwrap();
    let row = |mut row: HashMap<String, Value>| {
        let text = row.remove("text").unwrap().as_str().unwrap().to_owned();
        (text, row.iter().map(|(name, value)| (name.clone(), numbers(value))).collect())
    };
    Some(rows.into_iter().map(row).collect())
}

/// Mean and largest distance of an engine's outputs from the checkpoint's.
fn apart(scorer: &ModelScorer) -> Option<(f32, f32)> {
    let reference = reference()?;
    let layout = Layout::of(&ModelFolder::open(&model_folder()).unwrap().manifest);
    let texts: Vec<&str> = reference.iter().map(|(text, _)| text.as_str()).collect();
    let rows = scorer.outputs(&texts).unwrap();
    let mut distances = Vec::new();
    for ((_, expected), row) in reference.iter().zip(rows) {
        let row = row.unwrap();
        for (name, values) in expected {
            let found = &row[layout.place(name).unwrap()];
            distances.extend(values.iter().zip(found).map(|(a, b)| (a - b).abs()));
        }
    }
    let mean = distances.iter().sum::<f32>() / distances.len() as f32;
    Some((mean, distances.into_iter().fold(0.0, f32::max)))
}

#[test]
fn rust_bert_says_what_the_checkpoint_said_but_for_the_weights_rounding() {
    let Some((mean, largest)) = apart(fp32()) else { return };
    println!("rust-bert fp32 of int8 weights: mean {mean:.3}, largest {largest:.3} from the checkpoint");
    assert!(mean < 0.06 && largest < 0.4, "mean {mean}, largest {largest}");
}

#[test]
fn int8_says_what_the_checkpoint_said_but_for_rounding() {
    let Some((mean, largest)) = apart(int8()) else { return };
    println!("ONNX Runtime int8: mean {mean:.3}, largest {largest:.3} from the checkpoint");
    assert!(mean < 0.15 && largest < 1.0, "mean {mean}, largest {largest}");
}

#[test]
fn every_head_of_the_manifest_is_told_and_embeddings_have_length_one() {
    let manifest = ModelFolder::open(&model_folder()).unwrap().manifest;
    let has = |name: &str| manifest.heads.iter().any(|head| head.name == name);
    let texts = ["you are all useless idiots", "thank you, that was kind", "danke, das war nett", ""];
    for scorer in [fp32(), int8()] {
        let readings = scorer.read(&texts).unwrap();
        let scores = &readings[0].scores;
        assert_eq!((scores.hostility.is_some(), scores.irony.is_some()), (has("hostile"), has("irony")));
        let embedding = |at: usize| readings[at].embedding.as_deref();
        assert_eq!(embedding(0).map(<[f32]>::len), manifest.embedding);
        assert_eq!(embedding(3), None, "nothing is known of a blank text");
        let (Some(a), Some(b), Some(c)) = (embedding(0), embedding(1), embedding(2)) else { continue };
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!((cosine(a, a) - 1.0).abs() < 1e-4);
        assert!(cosine(b, c) > cosine(a, c), "thanks are nearer to thanks in another language than to an insult");
        assert!(readings[0].scores.hostility > readings[1].scores.hostility);
    }
}
