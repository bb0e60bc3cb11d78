//! Every crash point of ingest, score, sink and store is passed once by a process that ends there. What the one leaves, the
//! next takes up, and is ended at the next point.

use std::{io::Write, os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use grapevine_log::{Log, Record, embedded::EmbeddedLog};
use grapevine_testkit::process::{Process, wait_for};
use serde_json::json;

use crate::app::{App, binary, file_source, grapevine, stderr, stdout};

const BRAND: &str = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";
const POSTS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Those that a pipeline on the embedded log passes without an alert.
fn points(folder: &Path) -> anyhow::Result<Vec<String>> {
    let listed = stdout(&grapevine(folder, &["crash-points"])?);
    // In Kafka alone is there anything between an append and its commit.
    // Commands pass those of a rescoring, of a deletion request, and of what is carried from store to store.
    let of_commands = ["alert-", "rescore-", "forget-", "export-", "import-"];
    let elsewhere = |name: &str| of_commands.iter().any(|kind| name.starts_with(kind));
    let passed = |name: &&str| !elsewhere(name) && *name != "score-appended";
    Ok(listed.lines().filter(passed).map(str::to_owned).collect())
}

fn post(id: usize, text: &str) -> String {
    let created_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(7200);
    json!({"id": id.to_string(), "platform": "test", "created_at": created_at.to_string(), "author": "ada", "text": text})
        .to_string()
}

/// New posts; one of the round before, edited; one line that is torn, and one post that can not be stored.
async fn feed(folder: &Path, round: usize) -> anyhow::Result<()> {
    let mut lines: Vec<String> = (round * POSTS..(round + 1) * POSTS).map(|id| post(id, "acme is here")).collect();
    if round > 0 {
        lines.push(post(round * POSTS - 1, "acme is here, edited"));
    }
    lines.push("{\"id\": \"torn\"".to_owned());
    lines.push(json!({"id": "far", "created_at": "2150-01-01T00:00:00Z", "author": "ada", "text": "acme"}).to_string());
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(folder.join("posts.ndjson"))?;
    file.write_all((lines.join("\n") + "\n").as_bytes())?;
    if round > 0 {
        // What the scoring stage can not read is not a source's to write.
        let log = EmbeddedLog::open(folder.join("data/log.db"))?;
        log.append("mentions.raw", vec![Record { key: vec![], value: b"{".to_vec(), partition: Some(0) }]).await?;
    }
    Ok(())
}

/// Starts the pipeline and waits for it to end at this point.
fn crash_at(folder: &Path, point: &str) -> anyhow::Result<()> {
    let mut command = Command::new(binary());
    command.args(["up", "--config", "grapevine.toml"]).current_dir(folder).env("GRAPEVINE_CRASH_AT", point);
    let mut process = Process::start(command, &folder.join(format!("{point}.log")))?;
    let mut status = None;
    wait_for(PATIENCE, || {
        status = process.exited().ok().flatten();
        status.is_some()
    });
    let status = status.with_context(|| format!("{point} was not passed:\n{}", process.log_tail(20)))?;
    ensure!(status.signal() == Some(libc::SIGABRT), "{point}: it ended with {status}:\n{}", process.log_tail(20));
    Ok(())
}

#[tokio::test]
async fn a_process_may_end_at_every_crash_point_and_nothing_is_lost_or_doubled() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let port = grapevine_testkit::ports::free_port()?;
    let config = format!("{BRAND}{}[scoring]\nenabled = false\n", file_source("posts.ndjson"));
    let listen = format!("[api]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(folder.join("grapevine.toml"), format!("data_dir = \"data\"\n{config}{listen}"))?;
    let points = points(folder)?;
    ensure!(points.len() >= 15, "{points:?}");
    for (round, point) in points.iter().enumerate() {
        feed(folder, round).await?;
        crash_at(folder, point)?;
    }
    std::fs::remove_file(folder.join("data/token.sha256"))?;
    let app = App::start(folder, &config).await?;
    app.wait_for_stored((points.len() * POSTS) as u64).await?;
    check(&app, points.len()).await?;
    carry(&app, (points.len() * POSTS) as u64)
}

/// From this store to another, through files, by commands that end at each of their points.
fn carry(app: &App, posts: u64) -> anyhow::Result<()> {
    let folder = &app.folder;
    std::fs::write(folder.join("other.toml"), format!("data_dir = \"other\"\n{BRAND}"))?;
    let export = ["export", "--to", "moved", "--format", "parquet", "--brand", "Acme"];
    let import = ["import", "moved", "--config", "other.toml", "--format", "json"];
    for (command, point) in [
        (&export[..], "export-file-drafted:2"),
        (&export[..], "export-file-written:2"),
        (&import[..], "import-piece-read"),
        (&import[..], "import-file-read:3"),
    ] {
        let mut killed = Command::new(binary());
        killed.args(command).current_dir(folder).env("GRAPEVINE_CRASH_AT", point);
        let status = killed.status()?;
        ensure!(status.signal() == Some(libc::SIGABRT), "{point}: it ended with {status}");
        if point == "export-file-written:2" {
            let done = grapevine(folder, &export)?;
            ensure!(done.status.success(), "{}{}", stdout(&done), stderr(&done));
        }
    }
    let done = grapevine(folder, &import)?;
    ensure!(done.status.success(), "{}{}", stdout(&done), stderr(&done));
    let imported: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    ensure!(imported["files_kept"].as_u64() >= Some(3), "{imported}");
    let mentions =
        grapevine(folder, &["query", "mention_volume", "--config", "other.toml", "--from", "-2d", "--format", "json"])?;
    ensure!(stdout(&mentions).contains(&posts.to_string()), "{}{}", stdout(&mentions), stderr(&mentions));
    Ok(())
}

/// Each post once, the edits in place, and rollups that agree once the last hours are rebuilt.
async fn check(app: &App, rounds: usize) -> anyhow::Result<()> {
    let count = async |sql: &str| app.clickhouse()?.query(sql).fetch_one::<u64>().await.context(sql.to_owned());
    let (posts, edited) = ((rounds * POSTS) as u64, (rounds - 1) as u64);
    ensure!(count("SELECT uniqExact(id) FROM mentions").await? == posts);
    ensure!(count("SELECT countIf(text LIKE '%edited') FROM mentions FINAL").await? == edited);
    let mut said = String::new();
    let agrees = wait_for(PATIENCE, || {
        let Ok(output) = grapevine(&app.folder, &["store", "verify", "--from", "-2d"]) else { return false };
        said = format!("{}{}", stdout(&output), stderr(&output));
        output.status.success()
    });
    ensure!(agrees, "base and rollups: {said}\n{}", app.log());
    let rollup = count("SELECT sum(mentions) FROM rollup_5m").await?;
    ensure!(rollup == posts, "the rollup counts {rollup} of {posts}");
    let broken = app.get("/api/v1/status").await?["invariants"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|invariant| invariant["violations"] != 0)
        .count();
    ensure!(broken == 0, "{}", app.get("/api/v1/status").await?);
    Ok(())
}
