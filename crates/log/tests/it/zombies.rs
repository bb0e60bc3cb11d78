//! Processes that are frozen (SIGSTOP) until the group has gone on without them, and then run on: they find every door
//! closed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use grapevine_log::{Log, LogError, Offsets, StartAt, embedded::EmbeddedLog, kafka::KafkaLog};
use grapevine_testkit::process::Process;

use crate::{
    groups::noted,
    place::{DAY, PATIENCE, Place, file_in, quick, quick_kafka, read_n, record, settle_on},
};

/// `kafka ADDRESS` or `file PATH`, then the topic, the topic for its output, and the file: it tries once it is there, and
/// joins again once it is gone.
const ZOMBIE: &str = "GRAPEVINE_LOG_TEST_ZOMBIE";

async fn open(kind: &str, place: &str) -> Arc<dyn Log> {
    if kind == "file" {
        return Arc::new(EmbeddedLog::open_with(place, quick()).unwrap());
    }
    Arc::new(KafkaLog::connect(quick_kafka(place.to_owned())).await.unwrap())
}

/// Not a test: the process that is frozen. It reads, tries what it may not, and joins again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child process of other tests"]
async fn child() {
    let Some(task) = std::env::var_os(ZOMBIE) else { return };
    let task = task.into_string().unwrap();
    let [kind, place, topic, out, go] = task.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let log = open(kind, place).await;
    let mut consumer = log.consumer(topic, "g", StartAt::Oldest).await.unwrap();
    read_n(consumer.as_mut(), 10).await;
    consumer.commit_noted(&noted(0, 1, "while it lived")).await.unwrap();
    println!("reading");
    while !Path::new(go).exists() {
        // The runtime's other thread serves the clients.
        std::thread::sleep(Duration::from_millis(1));
    }
    let offsets = Offsets::from([(0, 7)]);
    let outcomes = [
        consumer.commit_noted(&noted(0, 7, "a zombie's")).await,
        consumer.commit(&offsets).await,
        consumer.append_and_commit(out, vec![record("k", "a zombie's")], &offsets).await,
    ];
    let refused = outcomes.iter().all(|outcome| matches!(outcome, Err(LogError::NotAssigned(0))));
    println!("refused: {refused} {outcomes:?}");
    while Path::new(go).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // It joins again: then it may.
    settle_on(consumer.as_mut(), 1).await;
    println!("back: {:?}", consumer.commit_noted(&noted(0, 8, "back")).await);
}

fn start(place: &Place, (topic, out): (&str, &str), go: &Path, output: &Path) -> Process {
    let (kind, address) = match place {
        Place::File(dir) => ("file", file_in(dir).display().to_string()),
        Place::Cluster(broker) => ("kafka", broker.address()),
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "zombies::child", "--ignored", "--nocapture"]);
    command.env(ZOMBIE, format!("{kind}\n{address}\n{topic}\n{out}\n{}", go.display()));
    Process::start(command, output).unwrap()
}

async fn wait_for(output: &Path, what: &str) -> String {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(output).unwrap_or_default();
        if text.contains(what) {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "waiting for {what:?}, it says: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The next owner is still there when the zombie runs on, or has left: then the group is empty, and a commit that states
/// no member would pass.
async fn a_zombie_is_refused(place: &Place, owner_stays: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (go, output): (PathBuf, PathBuf) = (dir.path().join("go"), dir.path().join("output"));
    let (log, topic) = place.with_topic(1, DAY).await;
    let (_, out) = place.with_topic(1, DAY).await;
    log.append(&topic, (0..10).map(|i| record("k", format!("{i}"))).collect()).await.unwrap();
    let zombie = start(place, (&topic, &out), &go, &output);
    wait_for(&output, "reading").await;
    zombie.freeze();

    let mut owner = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(owner.as_mut(), 9).await[0].offset, 1);
    assert_eq!(log.commits(&topic, "g").await.unwrap(), noted(0, 1, "while it lived"));
    owner.commit_noted(&noted(0, 5, "the owner's")).await.unwrap();
    let owner = owner_stays.then_some(owner);
    if owner_stays {
        // It tries at once, before its client can learn anything …
        std::fs::write(&go, "").unwrap();
        zombie.thaw();
    } else {
        // … or after its client was told by a heartbeat, and has not been polled since.
        zombie.thaw();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        std::fs::write(&go, "").unwrap();
    }

    let said = wait_for(&output, "refused: ").await;
    assert!(said.contains("refused: true"), "{said}");
    assert_eq!(log.commits(&topic, "g").await.unwrap(), noted(0, 5, "the owner's"));
    assert_eq!(log.bounds(&out).await.unwrap()[&0].1, 0, "nothing was appended");
    drop(owner);
    std::fs::remove_file(&go).unwrap();
    let said = wait_for(&output, "back: ").await;
    assert!(said.contains("back: Ok"), "{said}");
    assert_eq!(log.commits(&topic, "g").await.unwrap(), noted(0, 8, "back"));
}

#[tokio::test]
async fn a_zombie_on_the_embedded_log_is_refused() {
    let (one, other) = (Place::file(), Place::file());
    tokio::join!(a_zombie_is_refused(&one, true), a_zombie_is_refused(&other, false));
}

#[tokio::test]
async fn a_zombie_on_kafka_is_refused() {
    if let Some(cluster) = Place::cluster().await {
        tokio::join!(a_zombie_is_refused(&cluster, true), a_zombie_is_refused(&cluster, false));
    }
}
