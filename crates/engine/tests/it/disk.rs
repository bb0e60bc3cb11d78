//! A disk that is full: a clear error, nothing half-stored, and work goes on once there is space.

use std::path::{Path, PathBuf};
use std::process::Command;

use grapevine_engine::testing::child_command;
use grapevine_engine::{EmbeddedEngine, EngineOptions};

use crate::support::{Bench, CREATE_ITEMS, Item, assert_code, count, insert, items, kill, wait_until, writer};

#[tokio::test]
async fn too_little_space_is_refused_before_it_is_used_up() {
    let bench = Bench::with_items().await;
    bench.run("ALTER TABLE items MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000").await;
    let text = assert_code(insert(&bench.client, items(0..100)).await, 243);
    assert!(text.contains("NOT_ENOUGH_SPACE"), "{text}");
    bench.run("ALTER TABLE items MODIFY SETTING min_free_disk_bytes_to_perform_insert = 0").await;
    insert(&bench.client, items(0..100)).await.expect("stored");
    assert_eq!(bench.count().await, 100);
}

/// A small file system in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=48m", "tmpfs"];
        let status = Command::new("mount").args(options).arg(at).status().ok()?;
        status.success().then(|| Self(at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is left in use is unmounted with its last user.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_not_the_end() {
    let at = tempfile::tempdir().expect("a directory");
    let Some(_disk) = SmallDisk::mount(at.path()) else {
        eprintln!("skipped: a small file system cannot be mounted here; that takes root");
        return;
    };
    let engine = EmbeddedEngine::start(EngineOptions::new(child_command(), at.path().join("data"))).expect("started");
    let client = writer(&engine);
    client.query(CREATE_ITEMS).execute().await.expect("created");
    insert(&client, items(0..1000)).await.expect("stored");
    let filler = at.path().join("filler");
    let _ = std::fs::write(&filler, vec![1_u8; 64 << 20]).expect_err("it fills the disk");

    let large = |from: u64| (from..from + 2000).map(|id| Item { id, text: noise(id) });
    let error = insert(&client, large(10_000)).await.expect_err("there is no space");
    let text = error.to_string();
    assert!(text.contains("No space left on device") || text.contains("NOT_ENOUGH_SPACE"), "{text}");
    assert_eq!(count(&client, "items").await, 1000);

    kill(engine.pid());
    wait_until("a restart on a full disk", || engine.restarts() == 1 && engine.is_healthy());
    assert_eq!(count(&client, "items").await, 1000);

    std::fs::remove_file(&filler).expect("removed");
    insert(&client, large(10_000)).await.expect("there is space again");
    assert_eq!(count(&client, "items").await, 3000);
    assert_eq!(engine.restarts(), 1);
    engine.stop();
}

/// A text of 1 KiB that does not compress.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + (state % 75) as u8)
    });
    letters.take(1024).collect()
}
