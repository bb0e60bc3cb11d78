//! Commands as a person runs them.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::app::{binary, grapevine, root, stderr, stdout};

/// Feeds `input` to `grapevine score` and returns its status, stdout and stderr.
fn score(input: &str, args: &[&str]) -> anyhow::Result<std::process::Output> {
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(binary())
        .arg("score")
        .args(args)
        .current_dir(folder.path())
        .env("GRAPEVINE_MODELS", root().join("models"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(input.as_bytes())?;
    Ok(child.wait_with_output()?)
}

#[test]
fn score_keeps_the_objects_adds_the_scores_and_names_the_bad_line() -> anyhow::Result<()> {
    let input = "{\"id\":1,\"text\":\"I love it, best update ever\"}\nnonsense\n{\"id\":2,\"text\":\"terrible, it broke again\"}\n";
    let output = score(input, &[])?;
    ensure!(output.status.code() == Some(1), "a bad line gives exit code 1: {}", stderr(&output));
    ensure!(stderr(&output).contains("line 2: not JSON"), "{}", stderr(&output));
    let scored: Vec<Value> = stdout(&output).lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(scored.len() == 2);
    ensure!(scored[0]["id"] == 1 && scored[0]["polarity"] == "positive", "{scored:?}");
    ensure!(scored[1]["id"] == 2 && scored[1]["polarity"] == "negative", "{scored:?}");
    let sum: f64 = ["negative", "neutral", "positive"].iter().filter_map(|class| scored[0][class].as_f64()).sum();
    ensure!((sum - 1.0).abs() < 1e-3, "probabilities sum to {sum}");
    Ok(())
}

#[test]
fn every_engine_scores_and_says_its_name() -> anyhow::Result<()> {
    for engine in ["rust-bert-fp32", "onnx-int8"] {
        let output = score("{\"text\":\"what a great day\"}\n", &["--engine", engine])?;
        ensure!(output.status.success(), "{engine}: {}", stderr(&output));
        let scored: Value = serde_json::from_str(stdout(&output).trim())?;
        ensure!(scored["polarity"] == "positive", "{engine}: {scored}");
    }
    Ok(())
}

#[test]
fn detect_prints_a_row_for_every_row() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut csv = String::from("timestamp,value\n");
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse()?;
    for n in 0..1_000i64 {
        let value = if n == 900 { 500 } else { 20 + n % 5 };
        csv += &format!("{},{value}\n", start + jiff::SignedDuration::from_mins(5 * n));
    }
    std::fs::write(folder.path().join("volume.csv"), csv)?;
    let output = grapevine(folder.path(), &["alert", "detect", "--detector", "volume", "--input", "volume.csv"])?;
    ensure!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let mut lines = text.lines();
    ensure!(lines.next() == Some("timestamp,evidence,fired"), "{text:.200}");
    let rows: Vec<&str> = lines.collect();
    ensure!(rows.len() == 1_000, "{} rows", rows.len());
    let fired: Vec<usize> =
        (0..rows.len()).filter(|n| rows[*n].ends_with("true") || rows[*n].ends_with(",1")).collect();
    ensure!(fired == [900], "fired at {fired:?}");
    Ok(())
}

#[test]
fn the_example_configuration_passes_its_own_check() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let example = grapevine(folder.path(), &["example-config"])?;
    std::fs::write(folder.path().join("grapevine.toml"), &example.stdout)?;
    let output = grapevine(folder.path(), &["check-config", "--offline"])?;
    ensure!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    Ok(())
}

#[test]
fn query_without_a_metric_lists_them() -> anyhow::Result<()> {
    let output = grapevine(root(), &["query"])?;
    let text = stdout(&output);
    ensure!(text.contains("share_of_voice") && text.contains("first_response_time"), "{text}");
    Ok(())
}
