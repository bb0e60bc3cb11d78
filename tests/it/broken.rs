//! What breaks is said clearly, costs nothing that was acknowledged, and mends itself where it can.

use std::{io::Write, net::TcpListener, time::Duration};

use anyhow::{Context, ensure};
use grapevine_testkit::ports::free_port;

use crate::app::{App, PATIENCE, file_source, grapevine, stderr};

const BRAND: &str = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";

fn post(n: usize) -> String {
    let created_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(600 - (n % 500) as i64);
    let text = ["acme is great", "acme broke again, awful", "reading about acme"][n % 3];
    serde_json::json!({
        "id": n.to_string(), "platform": "test", "created_at": created_at.to_string(),
        "author": format!("author{}", n % 50), "text": format!("{text} {n}"),
    })
    .to_string()
}

fn posts(from: usize, to: usize) -> String {
    (from..to).map(|n| post(n) + "\n").collect()
}

fn append(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// With scoring switched off these tests start in half a second.
fn config() -> String {
    format!("{BRAND}{}[scoring]\nenabled = false\n", file_source("posts.ndjson"))
}

#[tokio::test]
async fn a_bad_line_is_named_and_the_rest_goes_on() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("posts.ndjson");
    append(&file, &posts(0, 10))?;
    append(&file, "{\"id\": \"torn\", \n")?;
    append(&file, &posts(10, 20))?;
    let app = App::start(folder.path(), &config()).await?;
    app.wait_for_stored(20).await?;
    let status = app.get("/api/v1/status").await?;
    ensure!(status["stages"][0]["dead_letters"] == 1, "one dead letter: {status}");
    ensure!(app.log().contains("line 11"), "the log names the line:\n{}", app.log());
    Ok(())
}

#[tokio::test]
async fn a_kill_9_loses_nothing_and_doubles_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("posts.ndjson");
    append(&file, &posts(0, 1))?;
    let mut app = App::start(folder.path(), &config()).await?;
    for round in 0..5 {
        append(&file, &posts(1 + round * 3_000, 1 + (round + 1) * 3_000))?;
        // Somewhere between reading, storing and committing: each round at another moment.
        tokio::time::sleep(Duration::from_millis(150 + 450 * round as u64)).await;
        app.kill_and_restart().await?;
    }
    app.wait_for_stored(15_001).await?;
    let rollup: u64 = app.clickhouse()?.query("SELECT sum(mentions) FROM rollup_5m").fetch_one().await?;
    ensure!(rollup == 15_001, "the rollup counts {rollup}");
    app.stop()
}

#[tokio::test]
async fn a_crash_between_insert_and_commit_inserts_the_same_range_again() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    append(&folder.path().join("posts.ndjson"), &posts(0, 500))?;
    let env = [("GRAPEVINE_CRASH_AT", "sink-inserted")];
    let crashed = App::start_with(folder.path(), &config(), &env).await;
    // It crashes before the page is up, or soon after.
    let log = std::fs::read_to_string(folder.path().join("up.log")).unwrap_or_default();
    match crashed {
        Ok(mut app) => ensure!(app.ended_by_signal(libc::SIGABRT), "it must have crashed:\n{}", app.log()),
        Err(error) => ensure!(format!("{error:#}").contains("SIGABRT"), "it must have crashed: {error:#}\n{log}"),
    }
    std::fs::remove_file(folder.path().join("data/token.sha256"))?;
    let app = App::start(folder.path(), &config()).await?;
    app.wait_for_stored(500).await?;
    let rollup: u64 = app.clickhouse()?.query("SELECT sum(mentions) FROM rollup_5m").fetch_one().await?;
    ensure!(rollup == 500, "the rollup counts {rollup}");
    Ok(())
}

#[tokio::test]
async fn an_engine_that_is_killed_while_it_inserts_comes_back() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("posts.ndjson");
    append(&file, &posts(0, 1))?;
    let app = App::start(folder.path(), &config()).await?;
    for round in 0..3 {
        append(&file, &posts(1 + round * 3_000, 1 + (round + 1) * 3_000))?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        // It may still be starting again after the round before: only one that answered counts as restarted.
        let deadline = std::time::Instant::now() + PATIENCE;
        while app.stored().await.is_err() && std::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pid = engine_pid(&app).context("the engine runs as a child process")?;
        grapevine_testkit::process::signal(pid, libc::SIGKILL);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    app.wait_for_stored(9_001).await?;
    let status = app.get("/api/v1/status").await?;
    ensure!(status["engine_restarts"].as_u64() >= Some(2), "restarts are shown: {status}");
    Ok(())
}

/// The child of this app that serves its engine.
fn engine_pid(app: &App) -> Option<u32> {
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name before the bracket may hold blanks; state and parent follow it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if parent == Some(app.id().to_string().as_str()) && command.contains("engine-serve") {
            return entry.file_name().to_string_lossy().parse().ok();
        }
    }
    None
}

#[test]
fn a_wrong_key_is_named_with_its_line_and_the_mend() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("grapevine.toml"), "[scoring]\nengin = \"auto\"\n")?;
    let output = grapevine(folder.path(), &["up"])?;
    ensure!(!output.status.success());
    let message = stderr(&output);
    ensure!(message.contains("grapevine.toml line 2"), "{message}");
    ensure!(message.contains("did you mean `engine`?"), "{message}");
    Ok(())
}

#[test]
fn a_missing_model_is_named_with_its_path() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let config = format!("[scoring]\nmodel = \"no-model\"\n[api]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(folder.path().join("grapevine.toml"), config)?;
    let output = grapevine(folder.path(), &["up"])?;
    ensure!(!output.status.success());
    let message = stderr(&output);
    ensure!(message.contains("no-model"), "{message}");
    Ok(())
}

#[test]
fn a_port_in_use_is_said_before_anything_else_starts() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let config = format!("[api]\nlisten = \"{}\"\n", taken.local_addr()?);
    std::fs::write(folder.path().join("grapevine.toml"), config)?;
    let output = grapevine(folder.path(), &["up"])?;
    ensure!(!output.status.success());
    let message = stderr(&output);
    ensure!(message.contains("is in use") && message.contains("hint:"), "{message}");
    ensure!(!folder.path().join("grapevine-data").exists(), "nothing was started");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost_once_there_is_space() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    let Some(_disk) = SmallDisk::mount(&data, "size=96m") else {
        eprintln!("skipped: a small disk needs root and tmpfs");
        return Ok(());
    };
    let file = folder.path().join("posts.ndjson");
    append(&file, &posts(0, 200))?;
    let app = App::start(folder.path(), &config()).await?;
    app.wait_for_stored(200).await?;

    let filler = data.join("filler");
    // `dd` ends with an error when the disk is full: that is what is wanted.
    std::process::Command::new("dd")
        .arg("if=/dev/zero")
        .arg(format!("of={}", filler.display()))
        .args(["bs=64k"])
        .output()?;
    append(&file, &posts(200, 3_200))?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let log = app.log().to_lowercase();
    ensure!(log.contains("full") || log.contains("no space") || log.contains("not_enough_space"), "it is said:\n{log}");
    std::fs::remove_file(&filler)?;
    app.wait_for_stored(3_200).await
}

/// A tmpfs that is unmounted when this is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path, size: &str) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", size, "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.into()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a child that is being killed may still hold files there.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
