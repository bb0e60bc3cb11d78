use grapevine_store::{Store, StoreError, StoreOptions};
use serde_json::json;

use crate::world::{at, bare, by, by_team, day, post, world};

#[tokio::test]
async fn migrations_are_applied_once_and_create_the_database() {
    let world = bare();
    let fresh = StoreOptions { database: format!("{}_new", world.options.database), ..world.options.clone() };
    let store = Store::connect(fresh).unwrap();
    for _ in 0..2 {
        let next = store.next_migration().await.unwrap();
        assert_eq!(next, Some("0001_mentions"), "to ask makes no database");
    }
    let first = store.migrate().await.unwrap();
    assert_eq!(store.next_migration().await.unwrap(), None);
    assert_eq!(first.first().map(|applied| applied.name.as_str()), Some("0001_mentions"));
    assert_eq!(store.migrate().await.unwrap(), []);
    store.ping().await.unwrap();
    assert_eq!(store.count().await.unwrap(), 0);
}

#[tokio::test]
async fn processes_that_start_at_once_take_turns() {
    let world = bare();
    let fresh = StoreOptions { database: format!("{}_many", world.options.database), ..world.options.clone() };
    let mut migrating = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = Store::connect(fresh.clone()).unwrap();
        migrating.spawn(async move { store.migrate().await });
    }
    let applied: Vec<_> = migrating.join_all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(applied.iter().filter(|applied| !applied.is_empty()).count(), 1, "{applied:?}");
    // What the last migrations made is what stands.
    let store = Store::connect(fresh).unwrap();
    assert_eq!(store.verify(day("00:00:00"), day("23:00:00")).await.unwrap().mismatches, []);
}

#[tokio::test]
async fn a_process_that_died_while_it_migrated_is_waited_for_only_so_long() {
    let world = bare();
    // As it leaves them: its turn, and the view dropped that it had not made anew.
    world.execute("CREATE TABLE migrating_3 (nothing UInt8) ENGINE = Memory").await;
    let (lease, started) = (std::time::Duration::from_millis(600), std::time::Instant::now());
    assert!(!world.store.migrate_within(lease).await.unwrap().is_empty());
    assert!(started.elapsed() >= lease);
    assert_eq!(world.store.migrate_within(lease).await.unwrap(), []);
    world.execute("CREATE TABLE migrating_1 (nothing UInt8) ENGINE = Memory").await;
    world.execute("ALTER TABLE schema_migrations DELETE WHERE name = '0007_epochs' SETTINGS mutations_sync = 2").await;
    world.execute("DROP VIEW rollup_5m").await;
    assert_eq!(world.store.migrate_within(lease).await.unwrap().len(), 1);
    world.execute("SELECT count() FROM rollup_5m").await;
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let world = world().await;
    world.execute("INSERT INTO schema_migrations SELECT '0002_rollup', 'another', now64(3) + 1").await;
    let error = world.store.migrate().await.unwrap_err();
    assert!(matches!(&error, StoreError::EditedMigration { name } if name == "0002_rollup"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn rows_of_before_the_log_had_a_name_are_kept() {
    let world = world().await;
    let _ = world.insert_mentions(&[post("1", day("10:00:00"))]).await;
    world.execute("ALTER TABLE mentions DROP COLUMN log").await;
    world.execute("ALTER TABLE schema_migrations DELETE WHERE name = '0006_log' SETTINGS mutations_sync = 2").await;
    let applied = world.store.migrate().await.unwrap();
    assert_eq!(applied.iter().map(|applied| applied.name.as_str()).collect::<Vec<_>>(), ["0006_log"]);
    let inserted = world.insert_mentions(&[post("1", day("10:00:00")), post("2", day("10:00:00"))]).await;
    assert_eq!((inserted.stored, inserted.duplicates, inserted.replayed), (1, 1, false));
    assert_eq!(world.store.count().await.unwrap(), 2);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_transient_error() {
    let options = StoreOptions { url: "http://127.0.0.1:9".into(), database: "x".into(), user: None, password: None };
    let error = Store::connect(options).unwrap().ping().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[test]
fn a_database_name_cannot_carry_sql() {
    let options = StoreOptions {
        url: "http://127.0.0.1:9".into(),
        database: "x; DROP DATABASE y".into(),
        user: None,
        password: Some("secret".into()),
    };
    assert!(!format!("{options:?}").contains("secret"));
    assert!(matches!(Store::connect(options), Err(StoreError::DatabaseName { .. })));
}

#[tokio::test]
async fn every_table_says_how_it_deduplicates() {
    let world = world().await;
    let sql = "SELECT name, create_table_query LIKE '%non_replicated_deduplication_window = %' FROM system.tables
        WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name";
    let tables: Vec<(String, bool)> = world.client().query(sql).fetch_all().await.unwrap();
    let silent: Vec<_> = tables.iter().filter(|(_, says)| !says).collect();
    assert!(silent.is_empty() && tables.len() >= 10, "give each an explicit window: {silent:?} of {tables:?}");
}

#[tokio::test]
async fn figures_of_before_the_epochs_are_computed_anew() {
    let world = world().await;
    let _ = world.insert_mentions(&[post("1", day("10:00:00")), post("2", day("11:00:00"))]).await;
    world.execute("TRUNCATE TABLE rollup_epochs").await;
    world.execute("ALTER TABLE schema_migrations DELETE WHERE name = '0007_epochs' SETTINGS mutations_sync = 2").await;
    let applied = world.store.migrate().await.unwrap();
    assert_eq!(applied.iter().map(|applied| applied.name.as_str()).collect::<Vec<_>>(), ["0007_epochs"]);
    let wrong = world.store.verify(day("00:00:00"), day("23:00:00")).await.unwrap();
    assert_eq!(wrong.mismatches.iter().filter(|hour| hour.dirty).count(), 2, "marked, and not silently wrong");
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 2);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn who_wrote_before_the_rollup_of_members_is_there_at_once_and_exact_after_a_rebuild() {
    let world = world().await;
    let known = [
        by("ada", post("1", at("2026-02-10T10:00:00Z"))),
        by("ada", post("2", day("11:00:00"))),
        by("bob", post("3", day("11:30:00"))),
        by("", post("4", day("11:40:00"))),
        by_team(post("5", day("11:50:00"))),
    ];
    let _ = world.insert_mentions(&known).await;
    // An hour that was rebuilt has an epoch, which its rows in the new table lack.
    let _ = world.store.rebuild("acme", day("11:00:00"), day("12:00:00")).await.unwrap();
    let figures = async || {
        let newcomers = world.figures("newcomers", None).await;
        (newcomers, world.figures("contribution_inequality", None).await, world.figures("retention", None).await)
    };
    let before = figures().await;
    assert_eq!(before.0, json!([[2, 3, 2.0 / 3.0 * 100.0]]), "bob, and whom the platform does not name");
    world.execute("DROP TABLE rollup_members_of_first SYNC").await;
    world.execute("DROP TABLE rollup_members SYNC").await;
    world.execute("ALTER TABLE schema_migrations DELETE WHERE name = '0025_members' SETTINGS mutations_sync = 2").await;
    let applied = world.store.migrate().await.unwrap();
    assert_eq!(applied.iter().map(|applied| applied.name.as_str()).collect::<Vec<_>>(), ["0025_members"]);
    assert_eq!(figures().await, before);
    let _ = world.insert_mentions(&[by("cleo", post("6", day("11:45:00")))]).await;
    let wrong = world.store.verify(day("00:00:00"), day("23:00:00")).await.unwrap();
    assert!(!wrong.mismatches.is_empty() && wrong.mismatches.iter().all(|hour| hour.dirty), "{:?}", wrong.mismatches);
    assert_eq!(world.store.rebuild_dirty().await.unwrap().hours, 2);
    world.assert_rollups_agree().await;
    assert_eq!(figures().await.0, json!([[3, 4, 75]]));
}
