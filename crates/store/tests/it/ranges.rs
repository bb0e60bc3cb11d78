//! What the audit says of stored ranges.

use grapevine_model::Event;
use grapevine_store::Batch;
use jiff::Timestamp;

use crate::{
    chaos::audit,
    world::{World, at, day, post, upsert, world},
};

/// A range of new posts.
fn range(world: &World, first_offset: u64, last_offset: u64) -> Batch {
    let events: Vec<(u64, Event)> =
        (first_offset..=last_offset).map(|n| (n, upsert(&post(&n.to_string(), day("10:00:00"))))).collect();
    Batch { first_offset, last_offset, events, ..world.batch(vec![upsert(&post("0", day("10:00:00")))]) }
}

#[tokio::test]
async fn records_of_a_range_that_are_neither_stored_nor_dead_letters_are_lost() {
    let world = world().await;
    let mut batch = range(&world, 0, 9);
    batch.events.truncate(6);
    let _ = world.store.insert(&Batch { unreadable: 1, ..batch }).await.unwrap();
    let lost = audit(&world.store).await.lost;
    assert_eq!((lost.violations, lost.checked), (3, 10));
    assert_eq!(
        lost.examples,
        ["mentions.scored partition 0 of log a-log: 3 records of range 0 to 9 are neither stored nor dead letters"]
    );
}

#[tokio::test]
async fn ranges_of_long_ago_are_not_judged_again_but_close_a_hole() {
    let world = world().await;
    for (first, last) in [(0, 9), (10, 19), (30, 39)] {
        let _ = world.store.insert(&range(&world, first, last)).await.unwrap();
    }
    assert_eq!(audit(&world.store).await.lost.violations, 10, "20 to 29");
    world
        .execute(
            "ALTER TABLE batches UPDATE written_at = written_at - INTERVAL 60 HOUR WHERE 1 SETTINGS mutations_sync = 2",
        )
        .await;
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let lately = async || world.store.audit(since, at("2099-01-01T00:00:00Z")).await.unwrap();
    let nothing = lately().await;
    assert_eq!((nothing.lost.violations, nothing.lost.checked, nothing.overlaps.checked), (0, 0, 0));
    assert_eq!((nothing.covered[0].first_offset, nothing.covered[0].next_offset), (0, 40), "what was ever stored");
    // The group was set back: only parts of what is there are written again, and 10 to 19 is there from before.
    for (first, last) in [(5, 9), (20, 24), (40, 44)] {
        let _ = world.store.insert(&range(&world, first, last)).await.unwrap();
    }
    let found = lately().await;
    assert_eq!((found.lost.violations, found.lost.checked), (5, 40), "25 to 29 only: {found:#?}");
    assert_eq!(found.lost.examples.len(), 1, "{found:#?}");
}

#[tokio::test]
async fn a_hole_before_the_first_range_of_the_span_is_found() {
    let world = world().await;
    let _ = world.store.insert(&range(&world, 0, 9)).await.unwrap();
    world
        .execute(
            "ALTER TABLE batches UPDATE written_at = written_at - INTERVAL 60 HOUR WHERE 1 SETTINGS mutations_sync = 2",
        )
        .await;
    let _ = world.store.insert(&range(&world, 15, 19)).await.unwrap();
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let lost = world.store.audit(since, at("2099-01-01T00:00:00Z")).await.unwrap().lost;
    assert_eq!((lost.violations, lost.checked), (5, 10));
    assert_eq!(lost.examples, ["mentions.scored partition 0 of log a-log: offsets 10 to 14 are in no range"]);
}
