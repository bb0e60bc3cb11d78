//! What is particular to the log in a file: faults of the disk, of the file and of processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use grapevine_log::{
    Consumer, Log, LogError, Offsets, Rewritten, StartAt, TopicSpec,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use tempfile::TempDir;

use crate::groups::noted;
use crate::place::{DAY, PATIENCE, at, limits, quick, read_n, record, settle_on, text};

const CHILD: &str = "GRAPEVINE_LOG_TEST_CHILD";

pub async fn new_log(options: EmbeddedOptions) -> (TempDir, PathBuf, EmbeddedLog) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("folder/log.db");
    let log = EmbeddedLog::open_with(&path, options).unwrap();
    log.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: 2, keep: DAY }]).await.unwrap();
    (dir, path, log)
}

async fn everything(path: &Path) -> BTreeMap<u32, Vec<u64>> {
    let log = EmbeddedLog::open(path).unwrap();
    let count = log.bounds("t").await.unwrap().values().map(|(oldest, next)| (next - oldest) as usize).sum();
    let mut consumer = log.consumer("t", "reader of everything", StartAt::Oldest).await.unwrap();
    let mut found: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for got in read_n(consumer.as_mut(), count).await {
        let numbers = found.entry(got.partition).or_default();
        assert_eq!(got.offset, numbers.len() as u64, "a gap");
        numbers.push(text(&got.value).split(' ').next().unwrap().parse().unwrap());
    }
    found
}

fn files_hold(path: &Path, words: &str) -> bool {
    let files = [path.to_owned(), path.with_extension("db-wal")];
    files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .any(|bytes| bytes.windows(words.len()).any(|at| at == words.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_holds_the_bytes_of_what_was_rewritten() {
    let (_dir, path, log) = new_log(quick()).await;
    // Of several sizes, and among others that stay: pages are split, joined and left with gaps.
    let said = |i: u64| match i % 3 {
        0 => format!("kept {i} {}", "y".repeat(700)),
        1 => format!("indiscreet {i} {}", "x".repeat(500)),
        _ => format!("{} indiscreet {i}", "x".repeat(if i % 30 == 2 { 20_000 } else { 300 })),
    };
    log.append("t", (0..3000).map(|i| at(0, said(i))).collect()).await.unwrap();
    assert!(files_hold(&path, "indiscreet"));
    let changes = (0..3000).filter(|i| i % 3 > 0).map(|offset| (offset, Vec::new())).collect();
    assert_eq!(log.rewrite("t", 0, changes).await.unwrap(), Rewritten::Done);
    log.purge().await.unwrap();
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let kept = read_n(consumer.as_mut(), 3000).await.iter().filter(|record| !record.value.is_empty()).count();
    assert_eq!(kept, 1000);
    assert!(!files_hold(&path, "indiscreet") && files_hold(&path, "kept"));
}

/// Not a test: the process that `what_was_acknowledged_survives_kill_9` kills. It appends numbers for ever and prints each
/// batch once it is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child process of other tests"]
async fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let log = EmbeddedLog::open_with(path, quick()).unwrap();
    let mut consumer = log.consumer("t", "child", StartAt::Oldest).await.unwrap();
    settle_on(consumer.as_mut(), 2).await;
    let first: u64 = log.bounds("t").await.unwrap()[&0].1;
    for batch in 0.. {
        let numbers: Vec<u64> = (0..7).map(|i| first + batch * 7 + i).collect();
        let records = numbers.iter().flat_map(|n| [at(0, format!("{n} {}", "x".repeat(300))), at(1, format!("{n}"))]);
        log.append("t", records.collect()).await.unwrap();
        println!("acked {}", numbers.last().unwrap());
    }
}

fn start_child(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "embedded::child", "--ignored", "--nocapture"]).env(CHILD, path);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Gives the last number that the child reported before it was killed.
fn kill_after(mut child: Child, lines: usize, delay: Duration) -> u64 {
    let mut acked = BufReader::new(child.stdout.take().unwrap()).lines().filter_map(|line| {
        let line = line.unwrap();
        line.split_once("acked ").map(|(_, number)| number.parse::<u64>().unwrap())
    });
    let mut last = acked.by_ref().nth(lines).unwrap();
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    acked.for_each(|number| last = number);
    last
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let (_dir, path, log) = new_log(quick()).await;
    drop(log);
    for round in 0..10u64 {
        let child = start_child(&path);
        let acked = kill_after(child, 3, Duration::from_micros(round * 1_700));
        let found = everything(&path).await;
        assert_eq!(found[&0], found[&1], "round {round}: a batch was torn");
        assert!(found[&0].iter().copied().eq(0..found[&0].len() as u64), "round {round}: a gap");
        assert!(*found[&0].last().unwrap() >= acked, "round {round}: {acked} was acknowledged");
        assert_eq!(found[&0].len() % 7, 0, "round {round}: a part of an append");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_process_loses_its_partitions_at_once() {
    let options = EmbeddedOptions { lease: Duration::from_secs(3600), ..quick() };
    let (_dir, path, log) = new_log(options).await;
    let child = start_child(&path);
    kill_after(child, 0, Duration::ZERO);
    let mut consumer = log.consumer("t", "child", StartAt::Oldest).await.unwrap();
    assert_eq!(consumer.assignment(), [0, 1], "the ghost of the killed process holds them");
    assert!(!consumer.poll(limits(10, 1 << 20, 1000)).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn a_member_without_a_sign_of_life_loses_its_partitions_when_its_lease_runs_out() {
    let (_dir, path, log) = new_log(quick()).await;
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    // As if a process of another container had joined, of which nothing is known but its lease.
    let other = rusqlite::Connection::open(&path).unwrap();
    let expires = jiff::Timestamp::now().as_millisecond() + 1_500;
    let began = Instant::now();
    other
        .execute_batch(&format!(
            "BEGIN IMMEDIATE;
             INSERT INTO members(id, grp, topic, session, owner, expires) VALUES(99, 'g', 1, 'x', 'elsewhere|1|1', {expires});
             UPDATE claims SET member = 99, since = 2 WHERE part = 1;
             UPDATE groups SET generation = 2;
             COMMIT;"
        ))
        .unwrap();
    let polled = consumer.poll(limits(1, 1, 2_000)).await.unwrap();
    assert!(polled.assignment_changed);
    assert_eq!(consumer.assignment(), [0]);
    settle_on(consumer.as_mut(), 2).await;
    assert!(began.elapsed() >= Duration::from_millis(1_400) && began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_torn_tail_costs_only_what_was_not_acknowledged() {
    let (_dir, path, log) = new_log(quick()).await;
    for n in 0..50 {
        log.append("t", vec![at(0, format!("{n}")), at(1, format!("{n}"))]).await.unwrap();
    }
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    let whole = fs::read(wal(&path)).unwrap();
    for (name, tail) in [
        ("half a frame of garbage", [whole.as_slice(), &[0xa5; 5_000]].concat()),
        ("a frame whose checksum is wrong", [whole.as_slice(), &whole[whole.len() - 8_216..]].concat()),
        ("cut within the last frame", whole[..whole.len() - 1_000].to_vec()),
        ("cut far back", whole[..whole.len() / 2].to_vec()),
    ] {
        let copy = path.with_file_name("copy.db");
        fs::copy(&path, &copy).unwrap();
        fs::File::create(wal(&copy)).unwrap().write_all(&tail).unwrap();
        let found = everything(&copy).await;
        assert_eq!(found[&0], found[&1], "{name}: a torn append");
        assert!(found[&0].iter().copied().eq(0..found[&0].len() as u64), "{name}");
        let lost = 50 - found[&0].len();
        assert!(if tail.len() > whole.len() { lost == 0 } else { lost > 0 }, "{name}: {lost} lost");
        for suffix in ["", "-wal", "-shm"] {
            // Closing removed some of them.
            let _ = fs::remove_file(format!("{}{suffix}", copy.display()));
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_acknowledged_is_lost() {
    let options = EmbeddedOptions { max_bytes: Some(2 << 20), ..quick() };
    let (_dir, path, log) = new_log(options).await;
    let mut acked = 0u64;
    let error = loop {
        match log.append("t", vec![at(0, format!("{acked} {}", "x".repeat(50_000)))]).await {
            Ok(()) => acked += 1,
            Err(error) => break error,
        }
        assert!(acked < 1_000, "the limit was not kept");
    };
    assert!(matches!(error, LogError::DiskFull(_)) && error.is_transient(), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()) && error.to_string().contains("free"), "{error}");
    let several = (0..4).map(|_| log.append("t", vec![at(1, "x".repeat(500_000))]));
    for outcome in futures::future::join_all(several).await {
        assert!(matches!(outcome, Err(LogError::DiskFull(_))), "{outcome:?}");
    }
    drop(log);
    assert_eq!(everything(&path).await[&0].len() as u64, acked);
    let log = EmbeddedLog::open(&path).unwrap();
    log.append("t", vec![at(0, "again")]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_log_or_damaged_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let error = EmbeddedLog::open(path).err().expect("it must not open");
        assert!(!error.is_transient() && error.to_string().contains(path.to_str().unwrap()), "{error}");
        error.to_string()
    };
    let noise = dir.path().join("noise.db");
    fs::write(&noise, vec![0x5a; 20_000]).unwrap();
    assert!(refused(&noise).contains("damaged or is not a log"));

    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine(x)").unwrap();
    assert!(refused(&other).contains("not a log of grapevine"));

    let newer = dir.path().join("newer.db");
    drop(EmbeddedLog::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refused(&newer).contains("log version 99"));

    let error = EmbeddedLog::open(noise.join("log.db")).err().expect("a file cannot be a folder").to_string();
    assert!(error.contains("folder") && error.contains(noise.to_str().unwrap()), "{error}");
}

/// As the first release made them: commits without notes.
#[tokio::test]
async fn a_file_of_the_former_version_opens_with_all_it_holds() {
    let (_dir, path, log) = new_log(quick()).await;
    log.append("t", (0..5).map(|n| at(0, format!("{n}"))).collect()).await.unwrap();
    drop(log);
    let former = rusqlite::Connection::open(&path).unwrap();
    former
        .execute_batch(
            "DROP TABLE commits;
             CREATE TABLE commits(grp TEXT, slot INTEGER, next INTEGER NOT NULL, PRIMARY KEY(grp, slot)) WITHOUT ROWID;
             INSERT INTO commits(grp, slot, next) VALUES('g', 4096, 3);
             PRAGMA user_version=1;",
        )
        .unwrap();
    drop(former);
    let logs = [EmbeddedLog::open(&path).unwrap(), EmbeddedLog::open(&path).unwrap()];
    assert_eq!(logs[0].commits("t", "g").await.unwrap(), noted(0, 3, ""));
    let mut consumer = logs[1].consumer("t", "g", StartAt::Oldest).await.unwrap();
    assert_eq!(text(&read_n(consumer.as_mut(), 2).await[0].value), "3");
    consumer.commit_noted(&noted(0, 4, "new")).await.unwrap();
    assert_eq!(logs[0].commits("t", "g").await.unwrap(), noted(0, 4, "new"));
}

#[tokio::test]
async fn pages_overwritten_on_the_disk_are_reported_not_served() {
    let (_dir, path, log) = new_log(quick()).await;
    log.append("t", (0..2_000).map(|n| at(0, format!("{n} {}", "x".repeat(500)))).collect()).await.unwrap();
    drop(log);
    let mut bytes = fs::read(&path).unwrap();
    let from = 20 * 8192;
    bytes[from..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let log = EmbeddedLog::open(&path).unwrap();
    let mut consumer = match log.consumer("t", "g", StartAt::Oldest).await {
        Ok(consumer) => consumer,
        Err(error) => return assert!(error.to_string().contains("damaged"), "{error}"),
    };
    let error = loop {
        match consumer.poll(limits(100, 1 << 20, 0)).await {
            Ok(polled) => assert!(!polled.records.is_empty(), "the damage was not noticed"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("damaged") && error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn output_and_offset_are_one_transaction() {
    let (_dir, _path, log) = new_log(quick()).await;
    log.append("t", vec![at(0, "in"), at(1, "in")]).await.unwrap();
    let mut first = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let output = TopicSpec { name: "out".to_owned(), partitions: 1, keep: DAY };
    log.ensure_topics(&[output]).await.unwrap();
    let counts = async || {
        let appended = log.bounds("out").await.unwrap()[&0].1;
        (appended, log.committed("t", "g").await.unwrap())
    };
    first.append_and_commit("out", vec![record("k", "1")], &Offsets::from([(0, 1)])).await.unwrap();
    assert_eq!(counts().await, (1, Offsets::from([(0, 1)])));
    let error = first.append_and_commit("absent", vec![record("k", "2")], &Offsets::from([(1, 1)])).await.unwrap_err();
    assert!(matches!(error, LogError::NoTopic(_)), "{error}");
    // Another member takes one partition; the first has not polled, so it does not know yet.
    let second = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let lost = second.assignment()[0];
    let error = first.append_and_commit("out", vec![record("k", "2")], &Offsets::from([(lost, 1)])).await.unwrap_err();
    assert!(matches!(error, LogError::NotAssigned(part) if part == lost), "{error}");
    assert_eq!(counts().await, (1, Offsets::from([(0, 1)])), "neither the record nor the offset");
}

#[tokio::test]
async fn a_poll_that_is_dropped_loses_nothing() {
    let (_dir, _path, log) = new_log(quick()).await;
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let appends = async {
        for n in 0..300u64 {
            log.append("t", vec![at((n % 2) as u32, format!("{n}"))]).await.unwrap();
        }
    };
    let reads = async {
        let mut seen = BTreeSet::new();
        let mut patience = 0;
        while seen.len() < 300 {
            patience = (patience + 37) % 900;
            let poll = consumer.poll(limits(10, 1 << 20, 1000));
            if let Ok(polled) = tokio::time::timeout(Duration::from_micros(patience), poll).await {
                for got in polled.unwrap().records {
                    assert!(seen.insert(text(&got.value)), "twice");
                }
            }
        }
    };
    let both = async { tokio::join!(appends, reads) };
    tokio::time::timeout(PATIENCE, both).await.expect("a record was lost");
}

/// Members of three processes join, read, commit and leave at random while records arrive: each record is read, and none
/// that was committed is read again by a later member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_skip_nothing() {
    let (_dir, path, log) = new_log(quick()).await;
    let logs = [log.clone(), EmbeddedLog::open(&path).unwrap(), EmbeddedLog::open(&path).unwrap()];
    let (mut seen, mut done) = (BTreeSet::new(), Offsets::new());
    let mut members: Vec<Box<dyn Consumer>> = Vec::new();
    let mut dice = 12_345u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for round in 0..400u64 {
        let number = format!("{round}");
        log.append("t", vec![at((round % 2) as u32, number)]).await.unwrap();
        if members.len() < 3 && roll(6) == 0 || members.is_empty() {
            members.push(logs[roll(3) as usize].consumer("t", "g", StartAt::Oldest).await.unwrap());
        } else if roll(12) == 0 {
            members.remove(roll(members.len() as u64) as usize);
            continue;
        }
        let one = roll(members.len() as u64) as usize;
        let polled = members[one].poll(limits(roll(8) as usize + 1, 1 << 20, 0)).await.unwrap();
        let mut finished = Offsets::new();
        for got in polled.records {
            assert!(got.offset >= *done.get(&got.partition).unwrap_or(&0), "round {round}: read again after a commit");
            finished.insert(got.partition, got.offset + 1);
            seen.insert(text(&got.value).parse::<u64>().unwrap());
        }
        match members[one].commit(&finished).await {
            Ok(()) => done.extend(finished),
            Err(error) => assert!(matches!(error, LogError::NotAssigned(_)), "{error}"),
        }
    }
    members.clear();
    let mut last = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let left = 400 - done.values().sum::<u64>();
    for got in read_n(last.as_mut(), left as usize).await {
        assert_eq!(got.offset, done[&got.partition], "read on from the last commit");
        done.insert(got.partition, got.offset + 1);
        seen.insert(text(&got.value).parse().unwrap());
    }
    assert!(seen.into_iter().eq(0..400), "a record was skipped");
}

/// `mount -t tmpfs -o size=24m tmpfs DIR`, then run it with the variable set to DIR.
#[tokio::test]
#[ignore = "needs a small file system, named by GRAPEVINE_TEST_SMALL_DISK"]
async fn once_a_full_disk_has_room_again_appends_go_on() {
    let Some(dir) = std::env::var_os("GRAPEVINE_TEST_SMALL_DISK") else { return };
    let path = Path::new(&dir).join("log.db");
    let log = EmbeddedLog::open_with(&path, quick()).unwrap();
    log.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: 1, keep: DAY }]).await.unwrap();
    let mut acked = log.bounds("t").await.unwrap()[&0].1;
    let ballast = Path::new(&dir).join("ballast");
    fs::write(&ballast, vec![0; 16 << 20]).unwrap();
    let error = loop {
        match log.append("t", vec![at(0, format!("{acked} {}", "x".repeat(50_000)))]).await {
            Ok(()) => acked += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::DiskFull(_)) && error.to_string().contains(path.to_str().unwrap()), "{error}");
    fs::remove_file(&ballast).unwrap();
    for _ in 0..5 {
        log.append("t", vec![at(0, format!("{acked} {}", "x".repeat(50_000)))]).await.unwrap();
        acked += 1;
    }
    drop(log);
    assert!(everything(&path).await[&0].iter().copied().eq(0..acked));
}

/// Transactions in a write-ahead log: the frames that end one say how large the file is then (SQLite's WAL format).
fn transactions(wal: &[u8]) -> usize {
    wal[32..].chunks_exact(24 + 8192).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn appends_that_wait_together_share_a_transaction() {
    let (_dir, path, log) = new_log(EmbeddedOptions::default()).await;
    let wal = PathBuf::from(format!("{}-wal", path.display()));
    let before = transactions(&fs::read(&wal).unwrap());
    // While another process holds the lock, the appends gather.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let appends = (0..50).map(|n| log.append("t", vec![at(0, format!("{n}"))]));
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.execute_batch("ROLLBACK").unwrap();
    };
    let (outcomes, ()) = tokio::join!(futures::future::join_all(appends), release);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(transactions(&fs::read(&wal).unwrap()) - before, 1);
    assert_eq!(log.bounds("t").await.unwrap()[&0], (0, 50));
}

/// Each log stands for a process. SQLite's lock knows no queue: without turns the one kept the others out for seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_append_without_a_pause_take_turns() {
    let (_dir, path, log) = new_log(quick()).await;
    let ends = Instant::now() + Duration::from_secs(2);
    let logs = [log, EmbeddedLog::open(&path).unwrap(), EmbeddedLog::open(&path).unwrap()];
    let appenders = (0..9).map(|number| {
        let log = logs[number % 3].clone();
        tokio::spawn(async move {
            let mut count = 0u64;
            while Instant::now() < ends {
                log.append("t", (0..500).map(|n| at(n % 2, "x".repeat(700))).collect()).await.unwrap();
                count += 1;
            }
            count
        })
    });
    let counts = futures::future::try_join_all(appenders).await.unwrap();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 3 && most <= &(least * 3), "{counts:?}");
}

/// As `grapevine status` does beside a pipeline.
#[tokio::test]
async fn a_log_can_be_looked_at_while_another_process_writes() {
    let (_dir, path, log) = new_log(EmbeddedOptions::default()).await;
    log.append("t", vec![at(0, "0")]).await.unwrap();
    let busy = rusqlite::Connection::open(&path).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE; DELETE FROM records").unwrap();
    let began = Instant::now();
    let onlooker = EmbeddedLog::open(&path).unwrap();
    assert_eq!(onlooker.bounds("t").await.unwrap()[&0], (0, 1), "what is not committed does not show");
    assert!(onlooker.commits("t", "g").await.unwrap().is_empty());
    assert!(onlooker.table("t").await.is_err());
    drop(onlooker);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    busy.execute_batch("ROLLBACK").unwrap();
}
