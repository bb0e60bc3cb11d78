//! What a data engineer does when something is wrong: look, mend, replay, verify, rebuild.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, ensure};
use grapevine_log::{Log, PollLimits, Record, embedded::EmbeddedLog};
use grapevine_testkit::{
    kafka,
    ports::free_port,
    process::{Process, http_status, wait_for},
};
use serde_json::{Value, json};

use crate::{
    app::{App, PATIENCE, binary, file_source, grapevine, stderr, stdout},
    same_everywhere::kafka_section,
};

const BRAND: &str = "[[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n";
const UNSCORED: &str = "[scoring]\nenabled = false\n";

fn config() -> String {
    format!("{BRAND}{}{UNSCORED}", file_source("posts.ndjson"))
}

/// A line of the file; `time` is the name of its time's field.
fn post(id: usize, time: &str) -> String {
    let created_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(600 - id as i64);
    json!({"id": id.to_string(), time: created_at.to_string(), "author": "ada", "text": format!("acme {id}")})
        .to_string()
}

fn run(folder: &Path, args: &[&str], code: i32) -> anyhow::Result<String> {
    let output = grapevine(folder, args)?;
    said(args, &output, code)
}

/// What it printed, where it ended with this code.
fn said(args: &[&str], output: &Output, code: i32) -> anyhow::Result<String> {
    let (out, err) = (stdout(output), stderr(output));
    ensure!(output.status.code() == Some(code), "{args:?} gave {:?}, not {code}:\n{out}\n{err}", output.status);
    Ok(if out.is_empty() { err } else { out })
}

fn json_of(folder: &Path, args: &[&str]) -> anyhow::Result<Value> {
    let output = grapevine(folder, args)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("{args:?}: {}", stderr(&output)))
}

/// The numbers of the letters whose reason contains this, once there are so many in all.
fn letters(folder: &Path, count: u64, reason: &str) -> anyhow::Result<Vec<String>> {
    let mut listed = Value::Null;
    let there = wait_for(PATIENCE, || {
        listed = json_of(folder, &["dlq", "list", "--format", "json"]).unwrap_or_default();
        listed["count"].as_u64() >= Some(count)
    });
    ensure!(there, "{count} dead letters were expected: {listed}");
    let all = listed["letters"].as_array().context("a list of letters")?;
    let fits = |letter: &&Value| letter["reason"].as_str().is_some_and(|text| text.contains(reason));
    Ok(all.iter().filter(fits).map(|letter| letter["number"].to_string()).collect())
}

/// A record that the scoring stage can not read, and how it would have to be.
async fn poison(folder: &Path) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let log = EmbeddedLog::open(folder.join("data/log.db"))?;
    let limits = PollLimits { records: 1, bytes: 1 << 20, wait: Duration::ZERO };
    for partition in 0..3 {
        let read = log.read("mentions.raw", partition, 0, limits).await?;
        let text = String::from_utf8(read.first().map(|record| record.value.clone()).unwrap_or_default())?;
        if text.contains("acme") {
            let good = text.replace("acme", "poisoned acme").replace("\"native_id\":\"", "\"native_id\":\"p");
            let bad = good.as_bytes()[..good.len() - 9].to_vec();
            let record = Record { key: b"test::poison".to_vec(), value: bad.clone(), partition: Some(1) };
            log.append("mentions.raw", vec![record]).await?;
            return Ok((bad, good.into_bytes()));
        }
    }
    anyhow::bail!("no partition begins with a post")
}

#[tokio::test]
async fn a_bad_line_and_a_poison_record_are_found_mended_and_replayed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let lines: Vec<String> = (0..10).map(|id| post(id, "created_at")).collect();
    let bad = format!("{}\n{{\"id\": \"torn\", \n{}\n", lines.join("\n"), post(50, "posted"));
    std::fs::write(folder.join("posts.ndjson"), bad)?;
    let app = App::start(folder, &config()).await?;
    app.wait_for_stored(10).await?;
    let (bytes, mended) = poison(folder).await?;

    let [record] = &letters(folder, 3, "not the JSON of an event")?[..] else { anyhow::bail!("one poison record") };
    let list = run(folder, &["dlq", "list"], 0)?;
    ensure!(list.contains("3 letters: ") && list.contains("1 ingest/not JSON"), "{list}");
    let shown = run(folder, &["dlq", "show", record], 0)?;
    ensure!(shown.contains("mentions.raw partition 1, key test::poison"), "{shown}");
    let raw = grapevine(folder, &["dlq", "show", record, "--raw"])?.stdout;
    ensure!(raw == bytes, "the bytes come out as they went in");

    let refused = run(folder, &["dlq", "replay", record], 1)?;
    ensure!(refused.contains("0 replayed, 1 refused again and still parked"), "{refused}");
    std::fs::write(folder.join("mended"), mended)?;
    let dry = run(folder, &["dlq", "replay", record, "--mended", "mended", "--dry-run"], 0)?;
    ensure!(dry.contains("1 would be replayed; nothing was done"), "{dry}");
    run(folder, &["dlq", "replay", record, "--mended", "mended"], 0)?;
    the_lines_are_mended(folder)?;
    app.wait_for_stored(13).await?;

    let again = run(folder, &["dlq", "replay", record], 1)?;
    ensure!(again.contains("was replayed") && again.contains("--again"), "{again}");
    let list = run(folder, &["dlq", "list"], 0)?;
    ensure!(list.contains("3 letters, all replayed"), "{list}");
    ensure!(run(folder, &["dlq", "replay", "--all"], 0)?.trim() == "0 replayed");
    Ok(())
}

/// One by its source's settings, one by its bytes.
fn the_lines_are_mended(folder: &Path) -> anyhow::Result<()> {
    let config = std::fs::read_to_string(folder.join("grapevine.toml"))?;
    let fields = "follow = true\nfields = { created_at = \"posted\" }\n";
    std::fs::write(folder.join("mended.toml"), config.replace("follow = true\n", fields))?;
    let all = run(folder, &["dlq", "replay", "--all", "--stage", "ingest", "--config", "mended.toml"], 1)?;
    ensure!(all.contains("1 replayed, 1 refused again and still parked"), "{all}");
    let [torn] = &letters(folder, 3, "not JSON:")?[..] else { anyhow::bail!("one torn line") };
    std::fs::write(folder.join("mended"), post(51, "created_at"))?;
    run(folder, &["dlq", "replay", torn, "--mended", "mended"], 0)?;
    Ok(())
}

#[tokio::test]
async fn status_says_in_its_first_line_whether_all_is_well() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    std::fs::write(folder.join("grapevine.toml"), format!("data_dir = \"data\"\n{}", config()))?;
    let nothing = run(folder, &["status"], 3)?;
    ensure!(nothing.starts_with("not known: the log and the store"), "{nothing}");
    ensure!(!folder.join("data").exists(), "to look makes nothing");
    let wrong = run(folder, &["status", "--format", "yaml"], 2)?;
    ensure!(wrong.contains("[possible values: table, json]"), "not what a part that does not answer gives: {wrong}");

    std::fs::write(folder.join("posts.ndjson"), (0..20).map(|id| post(id, "created_at") + "\n").collect::<String>())?;
    let mut app = App::start(folder, &config()).await?;
    app.wait_for_stored(20).await?;
    let healthy = run(folder, &["status"], 0)?;
    ensure!(healthy.starts_with("healthy: ") && healthy.contains("rollups agree"), "{healthy}");
    let status = json_of(folder, &["status", "--format", "json"])?;
    ensure!(status["verdict"] == "healthy" && status["store"]["mentions"] == 20, "{status}");
    ensure!(status["sources"][0]["checkpoint"] == true && status["sources"][0]["caught_up"] == true, "{status}");
    ensure!(status["sources"][0]["state"] == "live", "{status}");
    for name in ["lost", "doubled", "rollup_mismatch", "commit_beyond_frontier"] {
        let all = status["invariants"].as_array().context("a list")?;
        let one = all.iter().find(|one| one["name"] == name).context(name)?;
        ensure!(one["violations"] == 0 && one["checked"].as_u64() > Some(0), "{one}");
    }

    app.stop()?;
    let stopped = run(folder, &["status"], 3)?;
    ensure!(stopped.starts_with("not known: the store; what could be asked is well"), "{stopped}");
    ensure!(stopped.contains("no dead letters") && stopped.contains(" sink "), "the rest is shown:\n{stopped}");
    ensure!(!stopped.contains("COUNTED MENTIONS"), "what is not known is not 0:\n{stopped}");
    Ok(())
}

#[tokio::test]
async fn the_commands_say_the_same_of_a_log_on_kafka() -> anyhow::Result<()> {
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let lines: String = (0..20).map(|id| post(id, "created_at") + "\n").collect();
    std::fs::write(folder.join("posts.ndjson"), format!("{lines}{{torn\n"))?;
    let mut app = App::start(folder, &format!("{}{}", kafka_section(&broker), config())).await?;
    app.wait_for_stored(20).await?;
    let healthy = run(folder, &["status"], 0)?;
    ensure!(healthy.starts_with("healthy: ") && healthy.contains("1 dead letter is parked"), "{healthy}");
    let [torn] = &letters(folder, 1, "not JSON")?[..] else { anyhow::bail!("one torn line") };
    std::fs::write(folder.join("mended"), post(51, "created_at"))?;
    run(folder, &["dlq", "replay", torn, "--mended", "mended"], 0)?;
    app.wait_for_stored(21).await?;
    ensure!(run(folder, &["dlq", "list"], 0)?.contains("1 letter, all replayed"));
    app.stop()?;
    let stopped = run(folder, &["status"], 3)?;
    ensure!(stopped.starts_with("not known: the store; what could be asked is well"), "{stopped}");
    Ok(())
}

#[tokio::test]
async fn a_rollup_that_was_damaged_is_found_and_rebuilt() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    std::fs::write(folder.join("posts.ndjson"), (0..20).map(|id| post(id, "created_at") + "\n").collect::<String>())?;
    let mut app = App::start(folder, &config()).await?;
    app.wait_for_stored(20).await?;
    let agree = run(folder, &["store", "verify"], 0)?;
    ensure!(agree.starts_with("base and rollups agree: ") && agree.contains("20 mentions compared"), "{agree}");

    let delete = "ALTER TABLE rollup_epochs DELETE WHERE brand = 'Acme' SETTINGS mutations_sync = 2";
    app.clickhouse()?.query(delete).execute().await?;
    let differ = run(folder, &["store", "verify"], 1)?;
    ensure!(differ.contains("DIFFER") && differ.contains("mentions") && differ.contains("store rebuild"), "{differ}");
    let ill = run(folder, &["status"], 1)?;
    ensure!(ill.starts_with("not healthy: rollup mismatch: "), "{ill}");

    let rebuilt = run(folder, &["store", "rebuild", "--brand", "Acme", "--from", "-2h"], 0)?;
    ensure!(rebuilt.contains("rebuilt") && rebuilt.contains("base and rollups agree"), "{rebuilt}");
    run(folder, &["store", "verify"], 0)?;
    let unknown = run(folder, &["store", "rebuild", "--brand", "Acne", "--from", "-2h"], 1)?;
    ensure!(unknown.contains("there are: Acme"), "{unknown}");

    app.stop()?;
    let alone = run(folder, &["store", "verify", "--format", "json"], 0)?;
    let alone: Value = serde_json::from_str(&alone)?;
    ensure!(alone["mentions"] == 20, "with no pipeline it starts the engine itself: {alone}");
    std::fs::write(folder.join("other.toml"), format!("data_dir = \"elsewhere\"\n{}", config()))?;
    for command in [&["store", "verify"][..], &["store", "rebuild", "--from", "-2h"]] {
        let nothing = run(folder, &[command, &["--config", "other.toml"]].concat(), 1)?;
        ensure!(
            nothing.contains("there is no store at ") && nothing.contains("is --config the right file"),
            "{nothing}"
        );
    }
    ensure!(!folder.join("elsewhere").exists(), "neither makes a store");
    Ok(())
}

#[tokio::test]
async fn a_stage_alone_tells_prometheus_and_probes_how_it_is() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    std::fs::write(folder.join("posts.ndjson"), post(1, "created_at") + "\n")?;
    let (configured, own) = (free_port()?, free_port()?);
    let monitoring = format!("[monitoring]\nlisten = \"127.0.0.1:{configured}\"\n");
    std::fs::write(folder.join("grapevine.toml"), format!("{}{monitoring}", config()))?;
    let stage = |args: &[&str], listen: Option<String>| {
        let mut command = Command::new(binary());
        command.args(args).current_dir(folder).envs(listen.map(|listen| ("GRAPEVINE_MONITORING_LISTEN", listen)));
        Process::start(command, &folder.join(format!("{}.log", args[0])))
    };
    let ingest = stage(&["ingest"], None)?;
    let score = stage(&["score", "--stage"], Some(format!("127.0.0.1:{own}")))?;
    for (port, process) in [(configured, &ingest), (own, &score)] {
        let address = format!("127.0.0.1:{port}").parse()?;
        let well = wait_for(PATIENCE, || http_status(address, "/health") == Some(200));
        ensure!(well, "no health at {port}:\n{}", process.log_tail(10));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut text = String::new();
    for _ in 0..100 {
        text = reqwest::get(format!("http://127.0.0.1:{configured}/metrics")).await?.text().await?;
        if text.contains("grapevine_events_total") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(text.contains("grapevine_events_total{stage=\"ingest\""), "{text}");
    Ok(())
}
