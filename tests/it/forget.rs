//! Authors who are forgotten while posts come in, through crashes, a replay of the log and a new poll of their source:
//! nothing of them is left, and everything of everyone else is.
//!
//! `GRAPEVINE_FORGET=1000 cargo test -p grapevine-e2e --test it forget` forgets as many.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, ensure};
use grapevine_log::{
    Log, PollLimits, Record,
    embedded::EmbeddedLog,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_testkit::kafka::{self, Broker};
use serde_json::json;

use crate::{
    app::{App, binary, file_source, grapevine, stderr, stdout},
    same_everywhere::kafka_section,
};

const BRAND: &str = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";
/// Posts of each author.
const EACH: usize = 3;
/// Crash points of the command, in its order.
const POINTS: [&str; 5] =
    ["forget-suppressed", "forget-counted", "forget-deleted", "forget-mended", "forget-rewritten"];

fn authors() -> usize {
    std::env::var("GRAPEVINE_FORGET").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

fn name(author: usize) -> String {
    format!("indiscreet-{author:05}")
}

/// A round of posts: of each author, and of as many who stay.
fn posts(round: usize, authors: usize) -> String {
    let created_at = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)).to_string();
    let one = |id: String, author: String| {
        let text = format!("acme is known to {author}");
        json!({"id": id, "platform": "test", "created_at": created_at, "author": author, "text": text}).to_string()
            + "\n"
    };
    let of = |author: usize| {
        [one(format!("{round}-{author}"), name(author)), one(format!("{round}-k{author}"), format!("kept-{author:05}"))]
    };
    (0..authors).flat_map(of).collect()
}

fn append(folder: &Path, lines: &str) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(folder.join("posts.ndjson"))?;
    Ok(file.write_all(lines.as_bytes())?)
}

fn forget(folder: &Path, authors: usize, crash_at: Option<&str>) -> anyhow::Result<Output> {
    let mut command = Command::new(binary());
    command.args(["forget", "--stdin", "--by", "bo", "--reason", "asked by letter"]).current_dir(folder);
    if let Some(point) = crash_at {
        command.env("GRAPEVINE_CRASH_AT", point);
    }
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let lines: String = (0..authors).map(|author| format!("test:{}\n", name(author))).collect();
    // One that crashes may not read all of it.
    let _ = running.stdin.take().context("stdin")?.write_all(lines.as_bytes());
    Ok(running.wait_with_output()?)
}

/// Kafka, or the embedded log of the folder where there is none.
async fn open_log(folder: &Path, broker: Option<&Broker>) -> anyhow::Result<Box<dyn Log>> {
    Ok(match broker {
        Some(broker) => Box::new(KafkaLog::connect(KafkaOptions::new(broker.address())).await?),
        None => Box::new(EmbeddedLog::open(folder.join("data/log.db"))?),
    })
}

/// Of the accounts, in any row of any version, and in the files of the embedded log. Kafka removes no single record: what it
/// holds goes with its topic's retention.
async fn traces(app: &App) -> anyhow::Result<u64> {
    let sql = "SELECT countIf(author LIKE 'indiscreet%' OR text LIKE '%indiscreet%') FROM mentions";
    let stored: u64 = app.clickhouse()?.query(sql).fetch_one().await?;
    let mut in_files = 0;
    for file in ["data/log.db", "data/log.db-wal"] {
        let bytes = std::fs::read(app.folder.join(file)).unwrap_or_default();
        in_files += bytes.windows(11).filter(|at| *at == b"indiscreet-").count() as u64;
    }
    println!("traces: {stored} rows, {in_files} places in the log's files");
    Ok(stored + in_files)
}

/// Appends again to the log's beginning what a sink would read again: everything that it holds.
async fn replay(log: &dyn Log) -> anyhow::Result<()> {
    let limits = PollLimits { records: 100_000, bytes: 1 << 30, wait: std::time::Duration::ZERO };
    for topic in ["mentions.raw", "mentions.scored"] {
        for (partition, (oldest, _)) in log.bounds(topic).await? {
            let again = log.read(topic, partition, oldest, limits).await?;
            let record =
                |read: grapevine_log::Received| Record { key: read.key, value: read.value, partition: Some(partition) };
            log.append(topic, again.into_iter().map(record).collect()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn authors_who_are_forgotten_during_load_stay_forgotten_through_crashes_and_replays() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (app, listed) = forgotten_for_good(folder.path(), None).await?;
    ensure!(listed.contains("  done\n"), "{listed}");
    forgotten_over_http(&app).await
}

#[tokio::test]
async fn authors_who_are_forgotten_on_kafka_stay_forgotten_and_what_kafka_keeps_is_said() -> anyhow::Result<()> {
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (_, listed) = forgotten_for_good(folder.path(), Some(&broker)).await?;
    for topic in ["mentions.raw", "mentions.scored"] {
        let kept = listed.lines().find(|line| line.contains(topic) && line.contains("Kafka removes no single record"));
        ensure!(kept.is_some_and(|line| line.contains("until 20")), "{listed}");
    }
    Ok(())
}

/// The running program after it, and what the list of requests says.
async fn forgotten_for_good(folder: &Path, broker: Option<&Broker>) -> anyhow::Result<(App, String)> {
    let (authors, log) = (authors(), broker.map(kafka_section).unwrap_or_default());
    let config = format!("{log}{BRAND}{}[scoring]\nenabled = false\n", file_source("posts.ndjson"));
    append(folder, &posts(0, authors))?;
    let app = App::start(folder, &config).await?;
    app.wait_for_stored(2 * authors as u64).await?;
    ensure!(traces(&app).await? > 0);
    let counted = grapevine(folder, &["forget", "--author", &format!("test:{}", name(0)), "--dry-run"])?;
    let rows =
        stdout(&counted).lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    ensure!(rows.iter().any(|row| row == "1 mentions"), "{}{}", stdout(&counted), stderr(&counted));

    // Posts of theirs go on coming in while they are forgotten, and the command dies at each of its steps.
    for (round, point) in POINTS.into_iter().enumerate() {
        append(folder, &posts(1 + round % (EACH - 1), authors))?;
        let crashed = forget(folder, authors, Some(point))?;
        ensure!(!crashed.status.success(), "{point} was not passed: {}{}", stdout(&crashed), stderr(&crashed));
    }
    let done = forget(folder, authors, None)?;
    println!("{}{}", stdout(&done), stderr(&done));
    ensure!(done.status.success(), "{}{}", stdout(&done), stderr(&done));
    app.wait_for_stored((EACH * authors) as u64).await?;
    ensure!(traces(&app).await? == 0);

    // A replay of all that the log has, and a poll that gives their posts again.
    replay(&*open_log(folder, broker).await?).await?;
    append(folder, &posts(EACH, authors))?;
    app.wait_for_stored(((EACH + 1) * authors) as u64).await?;
    ensure!(traces(&app).await? == 0);
    let verified = grapevine(folder, &["store", "verify", "--from", "-2d"])?;
    ensure!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));
    let listed = stdout(&grapevine(folder, &["forget", "list"])?);
    println!("{listed}");
    ensure!(listed.contains("asked by letter"), "{listed}");
    ensure!(
        !listed.contains("indiscreet") && listed.matches("by bo").count() == 1,
        "one request, in six runs: {listed}"
    );
    Ok((app, listed))
}

/// Another author, by the API: the answer comes first, the rest behind it; the same twice at once, and again, is one request.
async fn forgotten_over_http(app: &App) -> anyhow::Result<()> {
    let before = app.stored().await?;
    let asked = json!({"authors": ["test:kept-00000"], "reason": "letter 12", "by": "cy"});
    let (taken, twin) = tokio::try_join!(app.post("/api/v1/forget", &asked), app.post("/api/v1/forget", &asked))?;
    ensure!(taken["id"] == twin["id"] && taken["state"] == "running", "{taken} {twin}");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let request = loop {
        let requests = app.get("/api/v1/forget").await?;
        let own = requests.as_array().into_iter().flatten().find(|request| request["id"] == taken["id"]).cloned();
        match own {
            Some(request) if request["state"] != "running" => break request,
            _ => ensure!(std::time::Instant::now() < until, "it does not end: {requests}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    };
    ensure!(request["state"] == "done" && request["runs"][0]["found"]["mentions"] == EACH + 1, "{request}");
    ensure!(app.stored().await? == before - (EACH as u64 + 1));
    ensure!(request["runs"].as_array().is_some_and(|runs| runs.len() == 1), "its twin was no run: {request}");
    let again = app.post("/api/v1/forget", &asked).await?;
    ensure!(again["id"] == taken["id"] && again["subjects"] == taken["subjects"], "{again}");
    Ok(())
}
