//! Each stage as a process of its own over Kafka, as the compose file runs them.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};
use grapevine_testkit::{
    kafka,
    ports::free_port,
    process::{Process, wait_for},
    story::{self, Story},
};

use crate::{
    app::{App, PATIENCE, binary, file_source, grapevine, root, stderr, stdout},
    same_everywhere::{expected_rows, kafka_section},
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

/// What the story's first posts give in one process, over the embedded log.
async fn expected(posts: &str) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("posts.ndjson"), posts)?;
    let config = format!("{}{}[scoring]\nenabled = false\n", story::config_toml(), file_source("posts.ndjson"));
    let app = App::start(folder.path(), &config).await?;
    expected_rows(&app, posts.lines().count() as u64).await?;
    volume(folder.path())
}

#[tokio::test]
async fn the_stages_work_together_as_processes_that_come_and_go() -> anyhow::Result<()> {
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let story = Story::new(Story::SEED, jiff::Timestamp::now());
    let posts: String = story.posts().iter().take(4_000).map(|post| post.to_line() + "\n").collect();
    let expected = expected(&posts).await?;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    std::fs::write(folder.join("posts.ndjson"), &posts)?;
    let port = free_port()?;
    let (log, brands, source) = (kafka_section(&broker), story::config_toml(), file_source("posts.ndjson"));
    let config = format!("{log}{brands}{source}[api]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(folder.join("grapevine.toml"), config)?;

    // The first that asks for the embedded engine starts it; the others find it.
    let serve = stage(folder, &["serve"])?;
    let found = wait_for(PATIENCE, || folder.join("grapevine-data/engine.json").exists());
    ensure!(found, "the first starts the engine:\n{}", serve.log_tail(20));
    let lasting = [&["alert"][..], &["sink"], &["score", "--stage"], &["ingest"]].map(|args| stage(folder, args));
    let lasting: Vec<Process> = lasting.into_iter().collect::<Result<_, _>>()?;
    come_and_go(folder)?;

    let mut seen = 0;
    let done = wait_for(PATIENCE, || {
        seen = volume(folder).unwrap_or_default();
        seen >= expected
    });
    let logs: Vec<String> = lasting.iter().map(|process| process.log_tail(5)).collect();
    ensure!(done, "{seen} of {expected} mentions\n{}\n{}", serve.log_tail(5), logs.join("\n"));
    std::thread::sleep(std::time::Duration::from_secs(3));
    ensure!(volume(folder)? == expected, "{} mentions, {expected} were expected", volume(folder)?);
    let served = grapevine_testkit::process::http_status(format!("127.0.0.1:{port}").parse()?, "/api/v1/health");
    ensure!(served == Some(200), "the page is served by its own process: {served:?}");
    a_server_is_asked_over_its_url(folder, seen)
}

/// Second members join the groups of a running pipeline; one leaves in order, one is killed.
fn come_and_go(folder: &Path) -> anyhow::Result<()> {
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (mut sink, mut score) = (stage(folder, &["sink"])?, stage(folder, &["score", "--stage"])?);
    std::thread::sleep(std::time::Duration::from_secs(6));
    sink.stop(std::time::Duration::from_secs(30))?;
    score.kill()?;
    Ok(())
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
