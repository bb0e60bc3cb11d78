//! A process that reads, appends and commits in one step, killed (-9) again and again: what it appended to the embedded
//! log and what it committed are one.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use grapevine_log::{Consumer, Log, Offsets, StartAt, TopicSpec, embedded::EmbeddedLog};

use crate::place::{DAY, at, limits, quick, read_n, text};

const CHILD: &str = "GRAPEVINE_LOG_TEST_COPIES";
const RECORDS: u64 = 30_000;
const KILLS: u64 = 12;

/// Not a test: the process that is killed. It copies `t` to `out`, a few records at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child process of other tests"]
async fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let log = EmbeddedLog::open_with(path, quick()).unwrap();
    let mut consumer = log.consumer("t", "copier", StartAt::Oldest).await.unwrap();
    loop {
        copy_some(consumer.as_mut(), 7).await;
    }
}

async fn copy_some(consumer: &mut dyn Consumer, records: usize) {
    let got = consumer.poll(limits(records, 1 << 20, 100)).await.unwrap().records;
    let next: Offsets = got.iter().map(|one| (one.partition, one.offset + 1)).collect();
    let copies = got.into_iter().map(|one| at(one.partition, format!("{}", one.offset))).collect();
    consumer.append_and_commit("out", copies, &next).await.unwrap();
}

fn start_child(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::child", "--ignored"]).env(CHILD, path);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Of each partition, how many were copied: the same as was committed.
async fn copied(log: &EmbeddedLog) -> Offsets {
    let mut ends: Offsets =
        log.bounds("out").await.unwrap().into_iter().map(|(part, (_, next))| (part, next)).collect();
    ends.retain(|_, next| *next > 0);
    assert_eq!(ends, log.committed("t", "copier").await.unwrap(), "appended, and committed");
    ends
}

#[tokio::test]
async fn what_was_appended_and_what_was_committed_are_one_over_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let log = EmbeddedLog::open_with(&path, quick()).unwrap();
    let topics = ["t", "out"].map(|name| TopicSpec { name: name.to_owned(), partitions: 3, keep: DAY });
    log.ensure_topics(&topics).await.unwrap();
    log.append("t", (0..RECORDS).map(|n| at((n % 3) as u32, "x".repeat(200))).collect()).await.unwrap();
    for kill in 0..KILLS {
        let before: u64 = copied(&log).await.values().sum();
        let mut child = start_child(&path);
        while log.committed("t", "copier").await.unwrap().values().sum::<u64>() == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_micros(kill * 1_300)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(copied(&log).await.values().sum::<u64>() < RECORDS, "nothing was left to do before the last kill");
    let mut consumer = log.consumer("t", "copier", StartAt::Oldest).await.unwrap();
    while copied(&log).await.values().sum::<u64>() < RECORDS {
        copy_some(consumer.as_mut(), 1_000).await;
    }
    let mut reader = log.consumer("out", "reader", StartAt::Oldest).await.unwrap();
    for one in read_n(reader.as_mut(), RECORDS as usize).await {
        assert_eq!(text(&one.value), one.offset.to_string(), "each once, in order");
    }
}
