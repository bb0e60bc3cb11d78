//! Themes that are tried on what is stored, and another model that reads it, is compared, switched to and forgotten: the commands as a
//! person runs them, over a running pipeline.

use std::{os::unix::process::ExitStatusExt, path::PathBuf, process::Command};

use anyhow::ensure;
use serde_json::Value;

use crate::app::{App, PATIENCE, binary, grapevine, root, stderr, stdout};

/// A theme that is not configured: rules alone, so that what it catches can be counted by hand.
const DRAFT: &str = "[[theme]]\nname = \"lamps\"\ndescription = \"about lamps\"\nrules = [\"lamp OR lamps\"]\n";

/// What `args` print, which have to succeed.
fn said(app: &App, args: &[&str]) -> anyhow::Result<String> {
    let began = std::time::Instant::now();
    let output = grapevine(&app.folder, args)?;
    println!("{args:?} took {:.1?}", began.elapsed());
    ensure!(output.status.success(), "{args:?}: {}", stderr(&output));
    Ok(stdout(&output))
}

/// So many `lamps` of the brand's posts name one; all were written in 2026.
pub fn themes_are_listed_tested_and_tried_on_what_is_stored(app: &App, lamps: usize) -> anyhow::Result<()> {
    std::fs::write(app.folder.join("draft.toml"), DRAFT)?;
    ensure!(said(app, &["theme", "list"])?.contains("built in"), "the built-in themes are listed");
    // With a model that loads at once, and gives no embeddings.
    let quick = format!("[scoring]\nmodel = \"{}\"\nengine = \"rust-bert-fp32\"\n", other().display());
    std::fs::write(app.folder.join("quick.toml"), quick)?;
    let tested = said(app, &["theme", "test", "draft.toml", "--config", "quick.toml"])?;
    ensure!(tested.starts_with("lamps: 1 rules alone decide"), "{tested}");
    let tried = said(app, &["theme", "try", "lamps", "--draft", "draft.toml", "--from", "2026-01-01"])?;
    ensure!(tried.contains(&format!("would catch {lamps} (")), "{lamps} were expected: {tried}");
    ensure!(tried.contains(&format!("0 by the model alone, {lamps} by a rule alone, 0 by both")), "{tried}");
    let unknown = grapevine(&app.folder, &["theme", "try", "lamps", "--from", "2026-01-01"])?;
    ensure!(stderr(&unknown).contains("--draft FILE tries one that is not saved yet"), "{}", stderr(&unknown));
    Ok(())
}

/// A model of somebody else's, with weights by chance.
fn other() -> PathBuf {
    root().join("crates/scoring/tests/classifiers/roberta")
}

/// `posts` rows are stored, on several days. `config` is the one that it runs with.
pub async fn another_model_reads_is_compared_switched_to_and_dropped(
    app: &mut App,
    posts: u64,
    config: &str,
) -> anyhow::Result<()> {
    let model = other().display().to_string();
    let rescore = ["rescore", "--model", &model, "--engine", "rust-bert-fp32"];
    let killed = Command::new(binary())
        .args(rescore)
        .current_dir(&app.folder)
        .env("GRAPEVINE_CRASH_AT", "rescore-kept:2")
        .output()?;
    ensure!(killed.status.signal() == Some(libc::SIGABRT), "{}: {}", killed.status, stderr(&killed));
    let kept = kept(app).await?;
    ensure!(kept > 0 && kept < posts, "it was killed on its way: {kept} of {posts}");
    let gone_on = said(app, &rescore)?;
    ensure!(gone_on.starts_with(&format!("{} mentions read by roberta@", posts - kept)), "after {kept}: {gone_on}");

    let compared: Value = serde_json::from_str(&said(app, &["rescore", "compare", "--format", "json"])?)?;
    ensure!(compared["mentions"] == posts && compared["same_polarity"] != posts, "{compared}");
    let id = compared["model"].as_str().unwrap_or_default().to_owned();
    let early = grapevine(&app.folder, &["rescore", "switch"])?;
    ensure!(
        !early.status.success() && stderr(&early).contains("new mentions would not be read by"),
        "{}",
        stderr(&early)
    );
    ensure!(shown_by(app, &id).await? == 0, "nothing is shown before the switch");

    let engine = format!("engine = \"rust-bert-fp32\"\nmodel = \"{model}\"");
    app.restart_with(&config.replace("engine = \"onnx-int8\"", &engine)).await?;
    app.wait_for_stored(posts).await?;
    ensure!(
        said(app, &["rescore", "switch"])?.starts_with(&format!("what {id} says of {posts} mentions is in the log"))
    );
    let deadline = std::time::Instant::now() + PATIENCE;
    while shown_by(app, &id).await? < posts {
        ensure!(std::time::Instant::now() < deadline, "{} of {posts}:\n{}", shown_by(app, &id).await?, app.log());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    ensure!(said(app, &["rescore", "switch"])?.starts_with("nothing is left to switch"));
    let dropped = said(app, &["rescore", "drop"])?;
    ensure!(dropped == format!("what {id} says of {posts} mentions was dropped\n"), "{dropped}");
    ensure!(shown_by(app, &id).await? == posts, "what was switched stays");
    let none = grapevine(&app.folder, &["rescore", "compare"])?;
    ensure!(stderr(&none).contains("no other model has read stored mentions yet"), "{}", stderr(&none));
    Ok(())
}

/// Mentions that stand beside.
async fn kept(app: &App) -> anyhow::Result<u64> {
    Ok(app.clickhouse()?.query("SELECT count() FROM rescored FINAL").fetch_one().await?)
}

async fn shown_by(app: &App, id: &str) -> anyhow::Result<u64> {
    let count = app.clickhouse()?.query("SELECT count() FROM mentions FINAL WHERE model = ?").bind(id);
    Ok(count.fetch_one().await?)
}
