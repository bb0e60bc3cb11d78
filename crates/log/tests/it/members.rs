//! Readers of the embedded log's groups that leave late, or were away.

use std::{path::Path, time::Duration};

use grapevine_log::{
    Consumer, Log, StartAt,
    embedded::{EmbeddedLog, EmbeddedOptions},
};

use crate::embedded::new_log;
use crate::place::{PATIENCE, at, limits, quick, read_n, settle_on};

#[tokio::test]
async fn a_reader_that_could_not_leave_gives_up_its_partitions_later() {
    let options = EmbeddedOptions { lock_wait: Duration::from_millis(50), lease: Duration::from_secs(60), ..quick() };
    let (_dir, path, log) = new_log(options).await;
    let mut gone = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    settle_on(gone.as_mut(), 2).await;
    // While another process writes for long, the leave of the reader that is dropped here fails.
    let busy = rusqlite::Connection::open(&path).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(gone);
    tokio::time::sleep(Duration::from_millis(500)).await;
    busy.execute_batch("ROLLBACK").unwrap();
    let mut next = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    settle_on(next.as_mut(), 2).await;
}

/// A poll that is dropped while its question waits for the writer: as a stage's `select!` does when an insert ends first.
pub async fn drop_a_poll_halfway(path: &Path, consumer: &mut dyn Consumer) {
    let other = rusqlite::Connection::open(path).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let poll = consumer.poll(limits(10, 1000, 10_000));
    assert!(tokio::time::timeout(Duration::from_millis(300), poll).await.is_err(), "another process writes");
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_evicted_sits_down_once_however_often_it_is_interrupted() {
    // Its process does not renew: as one that was stopped for longer than the lease.
    let stopped = EmbeddedOptions { upkeep: Duration::from_secs(3600), ..quick() };
    let (_dir, path, log) = new_log(stopped).await;
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    settle_on(consumer.as_mut(), 2).await;
    let other = EmbeddedLog::open_with(&path, quick()).unwrap();
    let mut heir = other.consumer("t", "g", StartAt::Oldest).await.unwrap();
    settle_on(heir.as_mut(), 2).await;
    drop((heir, other));
    for _ in 0..3 {
        drop_a_poll_halfway(&path, consumer.as_mut()).await;
        // Another deal, so that the next poll has to sit down again.
        drop(log.consumer("t", "g", StartAt::Oldest).await.unwrap());
    }
    settle_on(consumer.as_mut(), 2).await;
    log.append("t", vec![at(0, "a"), at(1, "b")]).await.unwrap();
    assert_eq!(read_n(consumer.as_mut(), 2).await.len(), 2, "each partition has a reader");
}
