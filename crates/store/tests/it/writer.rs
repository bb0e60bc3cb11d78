use grapevine_model::{
    BrandMatch, Engagement, EngagementSnapshot, Event, Intent, Mention, Polarity, Scores, ThemeScore,
};
use grapevine_store::{Batch, Inserted, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{
    World, at, by, day, delete, gap, heartbeat, of, post, scores, tombstone, upsert, with_polarity, world,
};

/// Everything that a reader could see.
async fn seen(world: &World) -> String {
    let store = &world.store;
    let rows = store.latest(None, 100, None).await.unwrap();
    let buckets = store.buckets("acme", day("00:00:00"), at("2026-03-03T00:00:00Z")).await.unwrap();
    let table = store.polarity_table().await.unwrap();
    let volume = world.figures("mention_volume", None).await;
    let filled: Vec<_> = buckets.into_iter().filter(|bucket| bucket.mentions > 0).collect();
    format!("{rows:#?}{filled:#?}{table:#?}{volume}")
}

fn later(mention: &Mention, minutes: i64) -> Mention {
    Mention { observed_at: mention.observed_at + SignedDuration::from_mins(minutes), ..mention.clone() }
}

fn three() -> Vec<Mention> {
    vec![
        with_polarity(Polarity::Negative, post("1", day("10:00:00"))),
        with_polarity(Polarity::Positive, post("2", day("10:01:00"))),
        Mention { scores: None, brands: vec![of("acme"), of("zenith")], ..post("3", day("11:00:00")) },
    ]
}

#[tokio::test]
async fn the_same_batch_again_changes_nothing() {
    let world = world().await;
    let other_month = post("4", at("2026-04-02T10:00:00Z"));
    let mentions = three().into_iter().chain([other_month]);
    let first = world.batch(mentions.map(|m| upsert(&m)).chain([gap(day("10:00:00"), day("11:00:00"))]).collect());
    let inserted = world.store.insert(&first).await.unwrap();
    let expected = Inserted { stored: 4, rows: 5, gaps: 1, ..Inserted::default() };
    assert_eq!((inserted, inserted.events()), (expected, 5));
    let before = seen(&world).await;
    let again = world.store.insert(&first).await.unwrap();
    assert_eq!(again, Inserted { replayed: true, dirty_hours: 4, ..expected }, "its hours may lack what is not known");
    assert_eq!(seen(&world).await, before);
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(seen(&world).await, before);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_batch_that_edits_and_deletes_can_be_replayed() {
    let world = world().await;
    let mentions = three();
    let _ = world.insert_mentions(&mentions).await;
    let edited = with_polarity(Polarity::Negative, later(&mentions[1], 10));
    let second = world.batch(vec![upsert(&edited), delete(&mentions[0], day("12:00:00"))]);
    let inserted = world.store.insert(&second).await.unwrap();
    assert_eq!((inserted.replaced, inserted.deleted, inserted.dirty_hours), (1, 1, 1));
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 1);
    let before = seen(&world).await;
    let again = world.store.insert(&second).await.unwrap();
    assert_eq!(again, Inserted { replayed: true, ..inserted });
    // After a merge the rows of before the batch are gone; what it was must still be found out.
    world.execute("OPTIMIZE TABLE mentions FINAL").await;
    let merged = world.store.insert(&second).await.unwrap();
    assert_eq!(merged, Inserted { replayed: true, ..inserted });
    assert_eq!(seen(&world).await, before);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_mention_that_comes_again_in_another_batch_changes_no_figure() {
    let world = world().await;
    let mentions = three();
    let _ = world.insert_mentions(&mentions).await;
    let before = seen(&world).await;
    let inserted = world.insert_mentions(&mentions).await;
    assert_eq!(inserted, Inserted { duplicates: 3, ..Inserted::default() });
    assert_eq!(seen(&world).await, before, "before the rebuild");
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 0, "it cost a lookup only");
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn the_same_observation_is_written_again_where_it_says_something_else() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let other_model = Scores { model: "other@2".into(), ..scores(Polarity::Negative, Intent::None) };
    let rescored = Mention { scores: Some(other_model), ..mention.clone() };
    let other_monitor =
        Mention { brands: vec![BrandMatch { monitor: "other".into(), ..of("acme") }], ..rescored.clone() };
    let theme = ThemeScore { theme: "delivery".into(), probability: 0.75, rule: true };
    let themed = Scores { themes: vec![theme], hostility: Some(0.25), ..scores(Polarity::Negative, Intent::None) };
    let themed = Mention { scores: Some(themed.clone()), story: Some(mention.id()), ..other_monitor.clone() };
    let detected = Mention { detected_language: Some("es".into()), ..themed.clone() };
    for changed in [rescored, other_monitor, themed, detected] {
        let inserted = world.insert_mentions(std::slice::from_ref(&changed)).await;
        assert_eq!((inserted.replaced, inserted.duplicates, inserted.dirty_hours), (1, 0, 1));
        assert_eq!(world.insert_mentions(&[changed]).await.duplicates, 1);
    }
    let row = world.store.latest(None, 1, None).await.unwrap().remove(0);
    let theme = ThemeScore { theme: "delivery".into(), probability: 0.75, rule: true };
    assert_eq!((row.themes, row.hostility, row.irony), (vec![theme], Some(0.25), None));
    assert_eq!((row.story, row.language.as_str()), (Some(mention.id()), "es"));
    let _ = world.insert(vec![delete(&mention, day("12:00:00"))]).await;
    assert_eq!(world.insert_mentions(&[mention]).await.superseded, 1, "what is gone is not the same");
}

#[tokio::test]
async fn a_brand_that_two_monitors_matched_is_one_row() {
    let world = world().await;
    let mention = Mention { brands: vec![of("acme"), of("zenith"), of("acme")], ..post("1", day("10:00:00")) };
    let inserted = world.insert_mentions(&[mention]).await;
    assert_eq!((inserted.stored, inserted.replaced, inserted.rows), (1, 0, 2));
    assert_eq!(world.store.latest(None, 10, None).await.unwrap().len(), 1, "one line in a list of all brands");
}

/// 100, unless it is told otherwise.
#[tokio::test]
async fn a_batch_may_span_more_months_than_the_engine_takes_at_once() {
    let world = world().await;
    let month = |number: i64| at("2006-01-15T00:00:00Z") + SignedDuration::from_hours(number * 24 * 30);
    let mentions: Vec<Mention> = (0..110).map(|number| post(&number.to_string(), month(number))).collect();
    let _ = world.insert_mentions(&mentions).await;
    assert_eq!(world.store.count().await.unwrap(), 110);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn an_older_version_is_not_written() {
    let world = world().await;
    let newer = with_polarity(Polarity::Negative, later(&post("1", day("10:00:00")), 5));
    let _ = world.insert_mentions(&[newer]).await;
    let inserted = world.insert_mentions(&[post("1", day("10:00:00"))]).await;
    assert_eq!((inserted.superseded, inserted.rows, inserted.dirty_hours), (1, 0, 0));
    assert_eq!(world.store.polarity_table().await.unwrap()[0].negative, 1);
}

#[tokio::test]
async fn an_edit_reaches_the_rollups_with_the_next_rebuild() {
    let world = world().await;
    let mention = with_polarity(Polarity::Positive, post("1", day("10:00:00")));
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let edited = Mention { text: "edited".into(), ..with_polarity(Polarity::Negative, later(&mention, 3)) };
    let _ = world.insert_mentions(&[edited]).await;
    let wrong = world.store.verify(day("00:00:00"), day("23:00:00")).await.unwrap().mismatches;
    assert_eq!((wrong.len(), wrong[0].base.negative, wrong[0].rollup.negative, wrong[0].dirty), (1, 1, 0, true));
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 1);
    assert_eq!(world.figures("net_sentiment", None).await, json!([[-100, -100, 1, 0, 0, 0]]));
    assert_eq!(world.store.latest(None, 10, None).await.unwrap()[0].text, "edited");
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 0, "nothing is left to mend");
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn readers_hold_back_to_the_oldest_dirty_hour() {
    let world = world().await;
    let (one, two) = (post("1", day("10:20:00")), post("2", day("14:00:00")));
    let _ = world.insert_mentions(&[one.clone(), two.clone()]).await;
    assert_eq!(
        world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(),
        None,
        "first sightings need no rebuild"
    );
    let _ = world.insert_mentions(&[later(&two, 3)]).await;
    let _ = world.insert_mentions(&[later(&one, 3)]).await;
    assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), Some(day("10:00:00")));
    assert_eq!(world.store.oldest_dirty("zenith", day("00:00:00")).await.unwrap(), None);
    let _ = world.store.rebuild("acme", day("10:00:00"), day("11:00:00")).await.unwrap();
    assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), Some(day("14:00:00")));
    assert_eq!(world.store.oldest_dirty("acme", day("14:55:00")).await.unwrap(), Some(day("14:00:00")));
    assert_eq!(world.store.oldest_dirty("acme", day("15:00:00")).await.unwrap(), None, "it ends before");
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), None);
}

#[tokio::test]
async fn a_changed_creation_time_does_not_make_a_second_mention() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let moved = Mention { created_at: at("2026-04-02T10:00:00Z"), ..later(&mention, 3) };
    let _ = world.insert_mentions(&[moved]).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.store.count().await.unwrap(), 1);
    assert_eq!(world.store.latest(None, 10, None).await.unwrap()[0].created_at, mention.created_at);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn of_duplicates_in_one_batch_the_newest_wins_and_one_is_counted() {
    let world = world().await;
    let old = with_polarity(Polarity::Positive, post("1", day("10:00:00")));
    let new = with_polarity(Polarity::Negative, later(&old, 3));
    let inserted = world.insert_mentions(&[new.clone(), old.clone(), new]).await;
    assert_eq!((inserted.stored, inserted.superseded, inserted.duplicates, inserted.rows), (1, 1, 1, 1));
    assert_eq!(world.figures("net_sentiment", None).await, json!([[-100, -100, 1, 0, 0, 0]]));
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_deleted_mention_is_gone_and_an_old_copy_does_not_bring_it_back() {
    let world = world().await;
    let mentions = three();
    let _ = world.insert_mentions(&mentions).await;
    let inserted = world.insert(vec![delete(&mentions[2], day("12:00:00"))]).await;
    assert_eq!((inserted.deleted, inserted.removed_rows, inserted.dirty_hours), (1, 2, 2), "a row per brand");
    let again = world.insert(vec![delete(&mentions[2], day("12:00:00")), upsert(&mentions[2])]).await;
    assert_eq!((again.unmatched, again.superseded, again.rows), (1, 1, 0));
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.store.count().await.unwrap(), 2);
    assert_eq!(world.store.brands_seen().await.unwrap(), ["acme"]);
    world.assert_rollups_agree().await;
}

/// Sources deliver late and out of order: the copy is older than the removal that stands before it.
#[tokio::test]
async fn of_two_removals_the_newer_one_keeps_an_older_copy_out_also_of_a_replay_after_a_merge() {
    let world = world().await;
    let [gone, left, _] = <[Mention; 3]>::try_from(three()).unwrap();
    let nowhere = |mention: &Mention| Mention { brands: vec![], ..mention.clone() };
    let _ = world.insert_mentions(&[gone.clone(), left.clone()]).await;
    let _ = world.insert(vec![delete(&gone, day("12:00:00")), upsert(&nowhere(&later(&left, 10)))]).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    let copies = [upsert(&later(&gone, 180)), upsert(&later(&left, 180))];
    let removals = [delete(&gone, day("14:00:00")), upsert(&nowhere(&later(&left, 240)))];
    let batch = world.batch(removals.into_iter().chain(copies).collect());
    let inserted = world.store.insert(&batch).await.unwrap();
    assert_eq!((inserted.unmatched, inserted.unbranded, inserted.superseded, inserted.rows), (1, 1, 2, 0));
    assert_eq!((world.store.count().await.unwrap(), inserted.dirty_hours), (0, 0), "nothing is there to be recounted");
    world.execute("OPTIMIZE TABLE mentions FINAL").await;
    assert_eq!(world.store.insert(&batch).await.unwrap().events(), 4);
    assert_eq!(world.store.count().await.unwrap(), 0);
    let _ = world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_mention_that_is_written_and_deleted_in_one_batch_leaves_nothing() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let inserted = world.insert(vec![upsert(&mention), delete(&mention, day("10:05:00"))]).await;
    assert_eq!((inserted.stored, inserted.deleted, inserted.dirty_hours), (1, 1, 0));
    assert_eq!(world.store.count().await.unwrap(), 0);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn an_author_tombstone_removes_everything_of_that_author_and_nothing_newer() {
    let world = world().await;
    let old = by("ada", post("1", day("10:00:00")));
    let other = by("bob", post("2", day("10:00:00")));
    let newer = by("ada", post("3", day("15:00:00")));
    let _ = world.insert_mentions(&[old, other, newer]).await;
    let same_batch = by("ada", post("4", day("11:00:00")));
    let event = tombstone("ada", day("12:00:00"));
    let batch = world.batch(vec![upsert(&same_batch), event, tombstone("nobody", day("12:00:00"))]);
    let inserted = world.store.insert(&batch).await.unwrap();
    assert_eq!((inserted.tombstones, inserted.unmatched, inserted.removed_rows), (1, 1, 2));
    let again = world.store.insert(&batch).await.unwrap();
    assert!(again.replayed);
    let _ = world.store.rebuild_dirty().await.unwrap();
    let left: Vec<_> = world.store.latest(None, 10, None).await.unwrap().into_iter().map(|row| row.text).collect();
    assert_eq!(left, ["text of 3", "text of 2"]);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_mention_that_no_longer_belongs_to_a_brand_leaves_it() {
    let world = world().await;
    let mention = Mention { brands: vec![of("acme"), of("zenith")], ..post("1", day("10:00:00")) };
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let left = Mention { brands: vec![of("zenith"), of("nova")], ..later(&mention, 3) };
    let _ = world.insert_mentions(&[left]).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.store.brands_seen().await.unwrap(), ["nova", "zenith"]);
    let unbranded = Mention { brands: vec![], ..later(&mention, 6) };
    assert_eq!(world.insert_mentions(&[unbranded]).await.unbranded, 1);
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.store.count().await.unwrap(), 0);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_snapshot_wins_where_it_is_newer_and_known() {
    let world = world().await;
    let counters = |likes, replies| Engagement { likes, replies, ..Engagement::default() };
    let mention = Mention { engagement: counters(Some(1), Some(2)), ..post("1", day("10:00:00")) };
    let silent = post("2", day("10:00:00"));
    let _ = world.insert_mentions(&[mention.clone(), silent]).await;
    assert_eq!(world.figures("engagements", None).await, json!([[3, 1, null, 2, null, null, 2, 1]]));
    let snapshot = EngagementSnapshot {
        key: mention.key.clone(),
        observed_at: day("18:00:00"),
        engagement: counters(Some(40), None),
    };
    let _ = world.insert(vec![Event::EngagementSnapshot(snapshot)]).await;
    assert_eq!(world.figures("engagements", None).await, json!([[42, 40, null, 2, null, null, 2, 1]]));
}

#[tokio::test]
async fn buckets_are_closed_once_every_source_has_spoken_on_every_partition() {
    let world = world().await;
    let sources = ["a".to_owned(), "b".to_owned()];
    let on = |partition: u32, events: Vec<Event>| Batch { partition, ..world.batch(events) };
    let beats = |a: Timestamp, b: Timestamp| vec![heartbeat("a", a), heartbeat("b", b)];
    let _ = world.store.insert(&on(0, beats(day("10:00:00"), day("11:00:00")))).await.unwrap();
    assert_eq!(world.store.closed_through(&sources, 2).await.unwrap(), None);
    assert_eq!(world.store.closed_through(&sources, 1).await.unwrap(), Some(day("10:00:00")));
    let _ = world.store.insert(&on(1, beats(day("12:00:00"), day("09:30:00")))).await.unwrap();
    assert_eq!(world.store.closed_through(&sources, 2).await.unwrap(), Some(day("09:30:00")));
    let _ = world.store.insert(&on(1, vec![heartbeat("b", day("09:00:00"))])).await.unwrap();
    assert_eq!(world.store.closed_through(&sources, 2).await.unwrap(), Some(day("09:30:00")), "never back");
    assert_eq!(world.store.closed_through(&[], 2).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_range_of_another_log_is_another_batch() {
    let world = world().await;
    let mentions = three();
    let of_log = |log: &str, mention: &Mention| Batch {
        log: log.into(),
        first_offset: 0,
        last_offset: 0,
        events: vec![(0, upsert(mention))],
        ..world.batch(vec![gap(day("10:00:00"), day("11:00:00"))])
    };
    let _ = world.store.insert(&of_log("one", &mentions[0])).await.unwrap();
    let other = world.store.insert(&of_log("two", &mentions[1])).await.unwrap();
    assert_eq!((other.stored, other.replayed, world.store.count().await.unwrap()), (1, false, 2));
    // The log was made anew and the post came again, edited: it stands at the same offset, and is no replay.
    let edited = with_polarity(Polarity::Positive, later(&mentions[0], 3));
    let again = of_log("three", &edited);
    let inserted = world.store.insert(&again).await.unwrap();
    assert_eq!((inserted.stored, inserted.replaced, inserted.replayed, inserted.dirty_hours), (0, 1, false, 1));
    let replayed = world.store.insert(&again).await.unwrap();
    assert_eq!(replayed, Inserted { replayed: true, ..inserted });
    let _ = world.store.rebuild_dirty().await.unwrap();
    assert_eq!(world.figures("net_sentiment", None).await, json!([[100, 100, 0, 0, 2, 0]]));
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn an_offset_outside_the_range_is_refused() {
    let world = world().await;
    let batch = Batch { first_offset: 1, last_offset: 1, ..world.batch(vec![upsert(&post("1", day("10:00:00")))]) };
    assert!(matches!(world.store.insert(&batch).await, Err(StoreError::OutsideRange { offset: 0, .. })));
}
