//! One test for each hole that the proof in `rollup` names.

use grapevine_model::{Event, Intent, Mention, Polarity, Scores};
use grapevine_store::{Batch, Store};
use jiff::SignedDuration;

use super::{Ran, Zombie, audit, process, run_until};
use crate::world::{World, at, day, post, scores, upsert, varied, with_polarity, world};

/// Steps of an insert and of a rebuild, as [`run_until`] counts them.
const WRITTEN: usize = 0;
const MARKED: usize = 1;
const STARTED: usize = 0;
const INSERTED: usize = 1;

/// What becomes of it in the end shows in what is stored.
async fn insert_until(world: &World, stop: usize, batch: Batch) -> Zombie<()> {
    let work = |store: Store| async move { drop(store.insert(&batch).await) };
    stands(run_until(&process(world), stop, work).await)
}

async fn rebuild_until(world: &World, stop: usize) -> Zombie<()> {
    let work = |store: Store| async move {
        let _ = store.rebuild_dirty().await.unwrap();
    };
    stands(run_until(&process(world), stop, work).await)
}

async fn rebuild_span_until(world: &World, stop: usize) -> Zombie<()> {
    let work = |store: Store| async move { drop(store.rebuild("acme", day("10:00:00"), day("11:00:00")).await) };
    stands(run_until(&process(world), stop, work).await)
}

fn stands<T>(ran: Ran<T>) -> Zombie<T> {
    match ran {
        Ran::Stands(zombie) => zombie,
        Ran::Ended(_) => panic!("it ended without standing still"),
    }
}

fn new(native_id: &str) -> Event {
    upsert(&post(native_id, day("10:20:00")))
}

fn edited(native_id: &str) -> Event {
    let mut mention = with_polarity(Polarity::Negative, post(native_id, day("10:20:00")));
    mention.observed_at += SignedDuration::from_mins(5);
    upsert(&mention)
}

/// What is wrong is marked, and after a rebuild nothing is wrong.
async fn assert_mends(world: &World, mentions: u64) {
    assert_eq!(audit(&world.store).await.violations(), 0, "a wrong hour is not marked");
    let _ = world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
    assert_eq!(world.store.count().await.unwrap(), mentions);
    let after = audit(&world.store).await;
    assert_eq!((after.violations(), after.dirty_hours), (0, 0), "{after:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_that_overlaps_a_whole_rebuild_marks_its_hour() {
    let world = world().await;
    let _ = world.insert(vec![new("1")]).await;
    let _ = world.insert(vec![edited("1")]).await;
    let standing = insert_until(&world, WRITTEN, world.batch(vec![new("2")])).await;
    assert_eq!(process(&world).rebuild_dirty().await.unwrap().hours, 1);
    world.assert_rollups_agree().await;
    standing.release().await.unwrap();
    assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), Some(day("10:00:00")));
    assert_mends(&world, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_that_comes_while_an_hour_is_read_anew_is_not_lost() {
    let world = world().await;
    let _ = world.insert(vec![new("1")]).await;
    let _ = world.insert(vec![edited("1")]).await;
    let standing = rebuild_until(&world, INSERTED).await;
    let inserted = world.insert(vec![new("2")]).await;
    assert_eq!(inserted.dirty_hours, 1, "the rebuild has not read it");
    standing.release().await.unwrap();
    assert_mends(&world, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilder_that_goes_on_after_another_has_ended_changes_nothing() {
    for stop in [STARTED, INSERTED] {
        let world = world().await;
        let _ = world.insert(vec![new("1")]).await;
        let _ = world.insert(vec![edited("1")]).await;
        let standing = rebuild_until(&world, stop).await;
        let _ = world.insert(vec![new("2"), edited("1")]).await;
        assert_eq!(process(&world).rebuild_dirty().await.unwrap().hours, 1);
        let inserted = world.insert(vec![new("3")]).await;
        assert_eq!(inserted.dirty_hours, 0, "it came after a rebuild that ended");
        world.assert_rollups_agree().await;
        standing.release().await.unwrap();
        world.assert_rollups_agree().await;
        assert_mends(&world, 3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_of_a_span_that_dies_leaves_it_marked() {
    for stop in [STARTED, INSERTED] {
        let world = world().await;
        let _ = world.insert(vec![new("1")]).await;
        let standing = rebuild_span_until(&world, stop).await;
        standing.task.abort();
        assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), Some(day("10:00:00")));
        let _ = world.insert(vec![new("2")]).await;
        assert_mends(&world, 2).await;
        drop(standing.release());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_whose_writer_died_before_its_marks_is_marked_by_the_replay() {
    let world = world().await;
    let _ = world.insert(vec![new("1")]).await;
    let _ = world.insert(vec![edited("1")]).await;
    // Between its rows and its marks a whole rebuild goes by, which does not count them.
    let rebuilding = rebuild_until(&world, INSERTED).await;
    let batch = world.batch(vec![new("2")]);
    let dead = insert_until(&world, WRITTEN, batch.clone()).await;
    rebuilding.release().await.unwrap();
    let replayed = process(&world).insert(&Batch { replay: true, ..batch }).await.unwrap();
    assert_eq!((replayed.replayed, replayed.dirty_hours), (true, 1));
    assert_mends(&world, 2).await;
    dead.release().await.unwrap();
    assert_mends(&world, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_was_overtaken_finds_its_range_and_marks_its_hours() {
    let world = world().await;
    let batch = world.batch(vec![new("1")]);
    let standing = insert_until(&world, WRITTEN, batch.clone()).await;
    let _ = process(&world).insert(&Batch { replay: true, ..batch }).await.unwrap();
    let _ = world.store.rebuild_dirty().await.unwrap();
    standing.release().await.unwrap();
    assert_eq!(world.store.oldest_dirty("acme", day("00:00:00")).await.unwrap(), Some(day("10:00:00")));
    assert_mends(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_engine_lost_behind_a_known_token_are_written_by_the_replay() {
    let world = world().await;
    let batch = world.batch(vec![new("1"), upsert(&post("2", at("2026-04-02T10:00:00Z")))]);
    let dead = insert_until(&world, MARKED, batch.clone()).await;
    dead.task.abort();
    world.execute("ALTER TABLE mentions DROP PARTITION 202604").await;
    let replayed = process(&world).insert(&Batch { replay: true, ..batch }).await.unwrap();
    assert_eq!((replayed.stored, replayed.dirty_hours), (2, 2));
    assert_mends(&world, 2).await;
    drop(dead.release());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescored_row_that_the_engine_lost_behind_a_known_token_is_written_by_the_replay() {
    let world = world().await;
    let plain = post("1", day("10:20:00"));
    let other = Scores { model: "other@2".into(), ..scores(Polarity::Negative, Intent::None) };
    let rescored = Mention { scores: Some(other), ..plain.clone() };
    let _ = world.insert(vec![upsert(&plain)]).await;
    let batch = world.batch(vec![upsert(&rescored)]);
    let dead = insert_until(&world, MARKED, batch.clone()).await;
    dead.task.abort();
    world.execute("ALTER TABLE mentions DELETE WHERE model = 'other@2' SETTINGS mutations_sync = 2").await;
    let _ = process(&world).insert(&Batch { replay: true, ..batch.clone() }).await.unwrap();
    assert_eq!(world.store.polarity_table().await.unwrap()[0].negative, 1, "the same version, by the other model");
    assert_mends(&world, 1).await;
    // What came behind it in the log stays, though it is of the same version.
    let _ = world.insert(vec![upsert(&plain)]).await;
    let _ = process(&world).insert(&Batch { replay: true, ..batch }).await.unwrap();
    assert_eq!(world.store.polarity_table().await.unwrap()[0].negative, 0);
    assert_mends(&world, 1).await;
    drop(dead.release());
}

#[tokio::test]
async fn a_log_that_was_restored_gives_its_offsets_to_other_events_and_none_is_dropped() {
    let world = world().await;
    let newer = world.batch(vec![new("1"), new("2")]);
    let _ = world.store.insert(&newer).await.unwrap();
    // Its files are those of before the batch: the same id, the same offsets, other posts.
    let other = upsert(&post("4", at("2026-03-02T15:00:00Z")));
    let restored = Batch { events: vec![(0, new("3")), (1, other)], ..newer };
    let inserted = process(&world).insert(&restored).await.unwrap();
    assert_eq!((inserted.stored, inserted.dirty_hours), (2, 2));
    assert_mends(&world, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_is_marked_before_it_is_wrong() {
    let world = world().await;
    let _ = world.insert(vec![new("1")]).await;
    let standing = insert_until(&world, WRITTEN, world.batch(vec![edited("1")])).await;
    let found = audit(&world.store).await;
    assert_eq!((found.violations(), found.dirty_hours), (0, 1), "{found:#?}");
    standing.release().await.unwrap();
    assert_mends(&world, 1).await;
}

#[tokio::test]
async fn every_column_of_the_rollup_is_compared_by_five_minutes_and_platform() {
    let world = world().await;
    let _ = world.insert(vec![new("1")]).await;
    let right = "platform AS platform";
    let wrong = [
        "reposts + 1 AS reposts",
        "questions + 1 AS questions",
        "complaints + 1 AS complaints",
        "team + 1 AS team",
        "bucket + INTERVAL 5 MINUTE AS bucket",
        "'elsewhere' AS platform",
        "arrayReduce('uniqCombined64State(14)', [toUInt64(7)]) AS negative_authors",
    ];
    for (epoch, column) in (1..).zip(wrong.iter().flat_map(|wrong| [*wrong, right])) {
        let sql = format!(
            "INSERT INTO rollup_epochs SELECT * REPLACE ({column}, {epoch} AS epoch)
            FROM (SELECT * FROM rollup_epochs WHERE epoch = 0)"
        );
        world.execute(&sql).await;
        let found = audit(&world.store).await.rollup_mismatch.violations;
        assert_eq!(found, u64::from(column != right), "{column}");
    }
}

#[tokio::test]
async fn rows_that_no_longer_count_are_deleted_and_what_counts_stays() {
    let world = world().await;
    let _ = world.insert(vec![new("1"), new("2")]).await;
    for _ in 0..3 {
        let _ = world.store.rebuild("acme", day("10:00:00"), day("11:00:00")).await.unwrap();
    }
    let _ = world.insert(vec![new("3")]).await;
    let epochs = "SELECT uniqExact(epoch) FROM rollup_epochs";
    assert_eq!(world.client().query(epochs).fetch_one::<u64>().await.unwrap(), 4);
    world.store.clean().await.unwrap();
    assert_eq!(world.client().query(epochs).fetch_one::<u64>().await.unwrap(), 1);
    world.assert_rollups_agree().await;
    let counted: u64 = world.client().query("SELECT sum(mentions) FROM rollup_5m").fetch_one().await.unwrap();
    assert_eq!(counted, 3, "the view shows what counts");
}

#[tokio::test]
async fn every_kind_of_column_of_the_rollups_by_facet_is_compared() {
    let world = world().await;
    let _ = world.insert_mentions(&[varied(5, post("1", day("10:20:00")))]).await;
    let wrong = [
        ("rollup_cells", "told + 1 AS told"),
        ("rollup_cells", "'xx' AS language"),
        ("rollup_facets", "ruled + 1 AS ruled"),
        ("rollup_facets", "first_at + INTERVAL 1 SECOND AS first_at"),
        ("rollup_facets", "arrayMap(one -> (one.1 + 1, one.2, one.3, one.4), best) AS best"),
        ("rollup_members", "mentions + 1 AS mentions"),
        ("rollup_members", "author_key + 1 AS author_key"),
        ("rollup_members", "if(who = 'named', 'unnamed', 'named') AS who"),
    ];
    let right = "platform AS platform";
    for (epoch, (table, column)) in (1..).zip(wrong.iter().flat_map(|(table, wrong)| [(table, *wrong), (table, right)]))
    {
        let sql = format!(
            "INSERT INTO {table} SELECT * REPLACE ({column}, {epoch} AS epoch) FROM (SELECT * FROM {table} WHERE epoch = 0)"
        );
        world.execute(&sql).await;
        let found = audit(&world.store).await.rollup_mismatch.violations;
        assert_eq!(found, u64::from(column != right), "{table}: {column}");
    }
}
