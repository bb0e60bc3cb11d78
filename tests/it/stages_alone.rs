//! Each stage as a process of its own over Kafka, as the compose file runs them.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};
use grapevine_testkit::{
    kafka,
    process::{Process, free_port, wait_for},
    story::{self, Story},
};

use crate::{
    app::{PATIENCE, binary, file_source, grapevine, root, stderr, stdout},
    same_everywhere::kafka_section,
};

fn stage(folder: &Path, args: &[&str]) -> anyhow::Result<Process> {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder).env("GRAPEVINE_MODELS", root().join("models"));
    Ok(Process::start(command, &folder.join(format!("{}.log", args[0])))?)
}

/// Mentions of the main brand, as `grapevine query` says it.
fn volume(folder: &Path) -> anyhow::Result<u64> {
    let output = grapevine(folder, &["query", "mention_volume", "--from", "-60d", "--format", "json"])?;
    ensure!(output.status.success(), "{}", stderr(&output));
    let answer: serde_json::Value = serde_json::from_str(&stdout(&output))?;
    Ok(answer["rows"][0][0].as_u64().unwrap_or_default())
}

#[test]
fn the_stages_work_together_as_processes() -> anyhow::Result<()> {
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let story = Story::new(Story::SEED, jiff::Timestamp::now());
    let posts: Vec<String> = story.posts().iter().take(2_000).map(|post| post.to_line()).collect();
    std::fs::write(folder.join("posts.ndjson"), posts.join("\n") + "\n")?;
    let port = free_port()?;
    let config = format!(
        "{}{}{}[api]\nlisten = \"127.0.0.1:{port}\"\n",
        kafka_section(&broker),
        story::config_toml(),
        file_source("posts.ndjson")
    );
    std::fs::write(folder.join("grapevine.toml"), config)?;

    // The first that asks for the embedded engine starts it; the others find it.
    let sink = stage(folder, &["sink"])?;
    let found = wait_for(PATIENCE, || folder.join("grapevine-data/engine.json").exists());
    ensure!(found, "the sink starts the engine:\n{}", sink.log_tail(20));
    let others = [&["serve"][..], &["alert"], &["score", "--stage"], &["ingest"]].map(|args| stage(folder, args));
    let others: Vec<Process> = others.into_iter().collect::<Result<_, _>>()?;

    let of_the_brand = posts.iter().filter(|post| post.to_lowercase().contains("kestrovel")).count() as u64;
    let mut seen = 0;
    let done = wait_for(PATIENCE, || {
        seen = volume(folder).unwrap_or_default();
        seen >= of_the_brand * 9 / 10
    });
    let logs: Vec<String> = others.iter().map(|process| process.log_tail(5)).collect();
    ensure!(done, "{seen} of about {of_the_brand} mentions\n{}\n{}", sink.log_tail(5), logs.join("\n"));
    let address = format!("127.0.0.1:{port}").parse().context("an address")?;
    let served = grapevine_testkit::process::http_status(address, "/api/v1/health");
    ensure!(served == Some(200), "the page is served by its own process: {served:?}");
    a_server_is_asked_over_its_url(folder, seen)
}

/// `[store] kind = "clickhouse"`: the same questions to whatever speaks ClickHouse's protocol at a URL.
fn a_server_is_asked_over_its_url(folder: &Path, seen: u64) -> anyhow::Result<()> {
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("grapevine-data/engine.json"))?)?;
    let field = |path: &str| saved.pointer(path).and_then(|value| value.as_str()).context(path.to_owned());
    let config = format!(
        "{}[store]\nkind = \"clickhouse\"\nurl = \"{}\"\nuser = \"{}\"\npassword_env = \"TEST_PASSWORD\"\n",
        story::config_toml(),
        field("/url")?,
        field("/writer/user")?
    );
    std::fs::write(folder.join("server.toml"), config)?;
    let output = Command::new(binary())
        .args(["query", "mention_volume", "--config", "server.toml", "--from", "-60d", "--format", "csv"])
        .current_dir(folder)
        .env("TEST_PASSWORD", field("/writer/password")?)
        .output()?;
    ensure!(output.status.success(), "{}", stderr(&output));
    let volume: u64 = stdout(&output).lines().nth(1).and_then(|row| row.split(',').next()?.parse().ok()).unwrap_or(0);
    ensure!(volume >= seen, "{volume} of {seen}");
    Ok(())
}
