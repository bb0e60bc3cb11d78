//! The engine is killed while batches are written; every batch is sent again until it is answered.

use std::{process::Command, sync::atomic::AtomicBool, sync::atomic::Ordering::Relaxed, time::Duration};

use grapevine_engine::{EmbeddedEngine, EngineOptions, testing::child_command};
use grapevine_model::{Event, Polarity};
use grapevine_store::{Batch, Store, StoreOptions};
use jiff::{SignedDuration, Timestamp};

use crate::world::{at, day, post, upsert, with_polarity};

const BATCHES: u64 = 40;
const BATCH: u64 = 200;
const KILLS: usize = 6;

/// Mention 5n is edited in the batch after its own, so that hours become dirty.
fn batch(number: u64) -> Batch {
    let first = number * BATCH;
    let event = |offset: u64| -> Event {
        let edits = offset % 5 == 4 && offset >= BATCH;
        let id = if edits { (offset - BATCH) / 5 * 5 } else { offset };
        let mention = post(&id.to_string(), day("00:00:00") + SignedDuration::from_secs(id.cast_signed() * 7));
        let mut mention = with_polarity(if edits { Polarity::Negative } else { Polarity::Positive }, mention);
        mention.observed_at += SignedDuration::from_secs(offset.cast_signed());
        upsert(&mention)
    };
    let events = (first..first + BATCH).map(|offset| (offset, event(offset))).collect();
    Batch {
        log: "l".into(),
        topic: "t".into(),
        partition: 0,
        first_offset: first,
        last_offset: first + BATCH - 1,
        events,
        unreadable: 0,
        replay: false,
    }
}

async fn until_answered(store: &Store, number: u64) -> u32 {
    let mut failures = 0;
    loop {
        match store.insert(&batch(number)).await {
            Ok(_) => return failures,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        failures += 1;
        assert!(failures < 600, "batch {number} is never answered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn kill_now_and_then(engine: &EmbeddedEngine, done: &AtomicBool) {
    for round in 0..KILLS {
        std::thread::sleep(Duration::from_millis(400 + 170 * round as u64));
        if done.load(Relaxed) {
            return;
        }
        let killed = Command::new("kill").args(["-9", &engine.pid().to_string()]).status();
        assert!(killed.is_ok(), "{killed:?}");
    }
}

#[test]
fn nothing_is_lost_or_counted_twice_when_the_engine_is_killed() {
    let dir = std::env::temp_dir().join(format!("grapevine-store-crashes-{}", std::process::id()));
    let engine = EmbeddedEngine::start(EngineOptions::new(child_command(), dir.clone())).unwrap();
    let store = Store::connect(StoreOptions {
        url: engine.url(),
        database: "crashes".into(),
        user: Some(engine.user().to_owned()),
        password: Some(engine.password().to_owned()),
    });
    let store = store.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        runtime.block_on(store.migrate()).unwrap();
        scope.spawn(|| kill_now_and_then(&engine, &done));
        let failures: u32 = (0..BATCHES).map(|number| runtime.block_on(until_answered(&store, number))).sum();
        done.store(true, Relaxed);
        println!("{} restarts, {failures} failed tries", engine.restarts());
    });
    runtime.block_on(audit(&store));
    assert!(engine.restarts() > 0, "the engine was never killed while batches were written");
    engine.stop();
    std::fs::remove_dir_all(&dir).unwrap();
}

async fn audit(store: &Store) {
    let mut tries = 0;
    while let Err(error) = store.ping().await {
        tries += 1;
        assert!(error.is_transient() && tries < 600, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let verify = async || store.verify(Timestamp::UNIX_EPOCH, at("2099-01-01T00:00:00Z")).await.unwrap().mismatches;
    // The rollups were fed once for each mention, whatever was sent again; only the edits are missing in them.
    for hour in verify().await {
        assert_eq!((hour.base.mentions, hour.dirty), (hour.rollup.mentions, true), "{hour:?}");
    }
    let _ = store.rebuild_dirty().await.unwrap();
    let wrong = verify().await;
    assert!(wrong.is_empty(), "{wrong:?}");
    // Every fifth event behind the first batch is an edit.
    let edits = (BATCHES - 1) * BATCH / 5;
    assert_eq!(store.count().await.unwrap(), BATCHES * BATCH - edits);
    assert_eq!(store.polarity_table().await.unwrap()[0].negative, edits);
}
