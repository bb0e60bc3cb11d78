//! The child's life: lost, stuck, stopped, orphaned, refused.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clickhouse::Client;
use grapevine_engine::testing::child_command;
use grapevine_engine::{EmbeddedEngine, EngineError, EngineOptions};

use crate::support::{CREATE_ITEMS, assert_code, count, insert, items, kill, send, wait_until, writer};

/// Names the data directory, in the environment of a parent that a test will kill.
const PARENT: &str = "GRAPEVINE_TEST_PARENT";

fn options(dir: &Path) -> EngineOptions {
    EngineOptions::new(child_command(), dir.to_path_buf())
}

fn is_alive(pid: u32) -> bool {
    // A killed child that was not yet waited for is a zombie: dead, but still listed.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_inserting_it_comes_back_with_every_acknowledged_batch() {
    const ROWS: u64 = 2000;
    let dir = tempfile::tempdir().expect("a directory");
    let engine = EmbeddedEngine::start(options(dir.path())).expect("started");
    let client = writer(&engine);
    client.query(CREATE_ITEMS).execute().await.expect("created");
    let (acknowledged, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn(write_batches(client.clone(), ROWS, acknowledged.clone(), done.clone()));
    for round in 1..=3 {
        let before = acknowledged.load(Ordering::SeqCst);
        wait_until("more batches", || acknowledged.load(Ordering::SeqCst) >= before + 5);
        kill(engine.pid());
        wait_until("a restart", || engine.restarts() >= round && engine.is_healthy());
    }
    done.store(true, Ordering::SeqCst);
    writing.await.expect("no panic");
    let batches = acknowledged.load(Ordering::SeqCst);
    let sql = "SELECT count(), uniqExact(id) FROM items WHERE id < ?";
    let (rows, ids): (u64, u64) = client.query(sql).bind(batches * ROWS).fetch_one().await.expect("a row");
    assert_eq!((rows, ids), (batches * ROWS, batches * ROWS));
    engine.stop();
}

/// Inserts batch after batch, each again and again with its token until it is acknowledged.
async fn write_batches(client: Client, rows: u64, acknowledged: Arc<AtomicU64>, done: Arc<AtomicBool>) {
    for batch in 0.. {
        let token = format!("batch {batch}");
        let client = client.clone().with_setting("insert_deduplication_token", token);
        while insert(&client, items(batch * rows..(batch + 1) * rows)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acknowledged.store(batch + 1, Ordering::SeqCst);
        if done.load(Ordering::SeqCst) {
            return;
        }
    }
}

#[tokio::test]
async fn stopped_and_started_again_it_still_has_its_rows() {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = EmbeddedEngine::start(options(dir.path())).expect("started");
    let client = writer(&engine);
    client.query(CREATE_ITEMS).execute().await.expect("created");
    insert(&client, items(0..1000)).await.expect("stored");
    let (pid, password) = (engine.pid(), engine.password().to_owned());
    engine.stop();
    assert!(!is_alive(pid));
    let engine = EmbeddedEngine::start(options(dir.path())).expect("started again");
    assert_eq!(count(&writer(&engine), "items").await, 1000);
    assert_ne!(engine.password(), password);
    assert_eq!(engine.restarts(), 0);
}

#[tokio::test]
async fn the_servers_settings_are_ours() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(dir.path());
    options.memory_limit = Some(700 << 20);
    let engine = EmbeddedEngine::start(options).expect("started");
    let client = writer(&engine);
    let sql = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'";
    assert_eq!(client.query(sql).fetch_one::<String>().await.expect("a row"), (700_u64 << 20).to_string());
    let sql = "SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'";
    assert_eq!(client.query(sql).fetch_one::<String>().await.expect("a row"), "1");
    let large = "SELECT length(groupArray(number)) FROM numbers(200000000)";
    assert_code(client.query(large).fetch_one::<u64>().await, 241);
    assert_eq!(client.query("SELECT 1").fetch_one::<u8>().await.expect("it goes on"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_statement_does_not_hold_up_the_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = EmbeddedEngine::start(options(dir.path())).expect("started");
    let client = writer(&engine);
    let long = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))";
    let statement = client.query(long);
    let running = tokio::spawn(async move { statement.fetch_one::<u64>().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    engine.stop();
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    running.await.expect("no panic").expect_err("it was not finished");
}

#[test]
fn a_child_that_hangs_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(dir.path());
    options.unresponsive_after = Duration::from_secs(1);
    let engine = EmbeddedEngine::start(options).expect("started");
    let pid = engine.pid();
    send(pid, libc::SIGSTOP);
    wait_until("a restart", || engine.restarts() == 1 && engine.is_healthy());
    assert!(!is_alive(pid));
    assert_ne!(engine.pid(), pid);
}

#[test]
fn a_directory_has_one_engine() {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = EmbeddedEngine::start(options(dir.path())).expect("started");
    let error = EmbeddedEngine::start(options(dir.path())).expect_err("the directory is taken");
    assert!(matches!(error, EngineError::DataDirInUse { pid, .. } if pid == engine.pid()), "{error}");
    assert!(engine.is_healthy());
    drop(engine);
    EmbeddedEngine::start(options(dir.path())).expect("free again").stop();
}

#[test]
fn a_start_that_fails_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let start = |command: Vec<OsString>, library: Option<PathBuf>| {
        let mut options = EngineOptions::new(command, dir.path().join("data"));
        options.library = library;
        EmbeddedEngine::start(options).expect_err("it cannot start").to_string()
    };
    let text = start(child_command(), Some("nowhere/libchdb.so".into()));
    assert_eq!(text, "the ClickHouse library nowhere/libchdb.so is missing: run `cargo xtask setup`");
    let text = start(vec!["false".into()], None);
    assert!(text.contains("did not start: ") && text.contains("engine.log"), "{text}");
    let text = start(vec!["no-such-program".into()], None);
    assert!(text.starts_with("cannot run no-such-program: "), "{text}");
    let not_a_library = dir.path().join("libchdb.so");
    std::fs::write(&not_a_library, "text").expect("written");
    let text = start(child_command(), Some(not_a_library));
    assert!(text.contains("cannot be loaded: "), "{text}");
}

/// In a parent that a test will kill: starts an engine, says its child's id, and waits to be killed.
pub fn run_if_parent() {
    let Some(dir) = env::var_os(PARENT) else { return };
    let engine = EmbeddedEngine::start(options(Path::new(&dir))).expect("started");
    println!("\nchild {}", engine.pid());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_child_dies_with_its_parent() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut parent = Command::new(env::current_exe().expect("a path"))
        .args(["--exact", "engine_parent", "--nocapture", "--test-threads=1"])
        .env(PARENT, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(parent.stdout.take().expect("piped")).lines();
    let child = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("child ")?.parse::<u32>().ok());
    let child = child.expect("the parent says its child's id");
    assert!(is_alive(child));
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    wait_until("the child's end", || !is_alive(child));
    EmbeddedEngine::start(options(dir.path())).expect("its directory is free").stop();
}
