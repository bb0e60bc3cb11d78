//! How fast both are: `cargo test -p grapevine-log --test it rates -- --ignored --nocapture`.

use std::time::Instant;

use grapevine_log::StartAt;

use crate::place::{DAY, Place, limits, poll_until, record};

const BATCHES: usize = 100;
const BATCH: usize = 1_000;

async fn measure(name: &str, place: &Place) {
    let (log, topic) = place.with_topic(6, DAY).await;
    let value: Vec<u8> = (0..1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let batches: Vec<Vec<_>> =
        (0..BATCHES).map(|batch| (0..BATCH).map(|i| record(format!("{batch}-{i}"), &value)).collect()).collect();
    let count = (BATCHES * BATCH) as f64;
    let began = Instant::now();
    for batch in batches {
        log.append(&topic, batch).await.unwrap();
    }
    let appended = count / began.elapsed().as_secs_f64();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    // Joining is not counted: the clock starts with the first records.
    let mut started = None;
    let total = poll_until(consumer.as_mut(), limits(BATCH, 64 << 20, 200), |all, _, _| {
        if started.is_none() && !all.is_empty() {
            started = Some((Instant::now(), all.len()));
        }
        all.len() >= BATCHES * BATCH
    });
    let total = total.await.len();
    let read = started.map_or(f64::NAN, |(began, first)| (total - first) as f64 / began.elapsed().as_secs_f64());
    println!("{name}: appended {appended:.0}/s, read {read:.0}/s (1 KB records, batches of {BATCH}, 6 partitions)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn rates() {
    measure("embedded", &Place::file()).await;
    if let Some(cluster) = Place::cluster().await {
        measure("kafka", &cluster).await;
    }
}
