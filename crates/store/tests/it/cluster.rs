//! What a cluster would run, judged by the engine's own parser and by its checks of tables. (The embedded engine makes no
//! replicated table; see ARCHITECTURE.md.)

use clickhouse::error::Error;
use grapevine_store::{Cluster, Planned, Store, StoreError, StoreOptions, planned, script};

use crate::world::{World, bare, world};

const PATH: &str = "'/clickhouse/tables/main/{shard}/{database}/{table}', '{replica}'";
const WINDOW: &str = "replicated_deduplication_window = ";
const WEEK: &str = ", replicated_deduplication_window_seconds = 604800";

fn cluster() -> Cluster {
    Cluster::new("main", 2).unwrap()
}

/// Each statement of each migration for one node, beside that for a cluster.
fn pairs() -> Vec<(String, String)> {
    let of =
        |cluster: Option<&Cluster>| planned(cluster).unwrap().into_iter().map(|Planned { statements, .. }| statements);
    of(None).zip(of(Some(&cluster()))).flat_map(|(one, all)| one.into_iter().zip(all)).collect()
}

/// As the engine's parser understood it, on one line.
async fn parsed(world: &World, sql: &str) -> String {
    let query = world.client().query("SELECT formatQuerySingleLine({sql:String})").param("sql", sql);
    query.fetch_one().await.unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// What was added for the cluster, taken away again, by other means than it was added.
fn of_one_node(parsed: &str) -> String {
    let dropped = parsed.starts_with("DROP TABLE").then(|| parsed.strip_suffix(" SYNC")).flatten().unwrap_or(parsed);
    dropped
        .replace(" ON CLUSTER main", "")
        .replace("ENGINE = Replicated", "ENGINE = ")
        .replace(&format!("({PATH})"), "")
        .replace(&format!("({PATH}, "), "(")
        .replace(WEEK, "")
        .replace(&format!(" {WINDOW}"), &format!(" non_{WINDOW}"))
}

#[tokio::test]
async fn every_statement_keeps_its_columns_order_and_settings_on_a_cluster() {
    let world = bare();
    let (mut tables, mut others) = (0, 0);
    for (one, all) in pairs() {
        let (one, all) = (parsed(&world, &one).await, parsed(&world, &all).await);
        assert_eq!(of_one_node(&all), one);
        let inserts = one.starts_with("INSERT INTO ");
        assert_eq!(all.matches(" ON CLUSTER main").count(), usize::from(!inserts), "{all}");
        let makes = one.starts_with("CREATE TABLE ");
        assert_eq!(all.matches(&format!("MergeTree({PATH}")).count(), usize::from(makes), "{all}");
        let knows_tokens = makes && !one.contains(&format!("non_{WINDOW}0"));
        assert_eq!(all.contains(WEEK), knows_tokens, "{all}");
        *(if makes { &mut tables } else { &mut others }) += 1;
    }
    assert!(tables >= 30 && others >= 40, "{tables} tables, {others} other statements");
}

/// The code with which the engine refuses a replicated table.
async fn refusal(world: &World, sql: &str) -> String {
    let sql = sql.replace(" ON CLUSTER `main`", "").replace("{shard}", "1").replace("{replica}", "a");
    match world.client().query_raw(&sql).execute().await {
        Err(Error::BadResponse(message)) => message.split('.').next().unwrap_or_default().to_owned(),
        other => panic!("{other:?}: {sql}"),
    }
}

/// A table is made where all of its definition is in order, and Keeper is there. Here that alone is not.
#[tokio::test]
async fn the_engine_refuses_replicated_tables_for_nothing_but_that_there_is_no_keeper() {
    let world = bare();
    let tables: Vec<String> =
        pairs().into_iter().map(|(_, all)| all).filter(|sql| sql.starts_with("CREATE TABLE")).collect();
    for sql in &tables {
        assert_eq!(refusal(&world, sql).await, "Code: 225", "{sql}");
    }
    // What else would be wrong is seen before.
    let wrong = |from: &str, to: &str| tables[0].replace(from, to);
    assert_eq!(refusal(&world, &wrong(WINDOW, "replicated_window = ")).await, "Code: 115");
    assert_eq!(refusal(&world, &wrong("version, deleted)", "version, gone)")).await, "Code: 16");
}

#[tokio::test]
async fn what_is_printed_makes_a_store_that_lacks_nothing_and_may_be_run_again() {
    let world = bare();
    let text = script(&world.options.database, None).unwrap();
    for _ in 0..2 {
        let code = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        for statement in code.split(";\n").map(str::trim).filter(|part| !part.is_empty()) {
            if !statement.starts_with("SET ") && !statement.starts_with("USE ") {
                world
                    .client()
                    .query_raw(statement)
                    .execute()
                    .await
                    .unwrap_or_else(|error| panic!("{error}: {statement}"));
            }
        }
        assert_eq!(world.store.next_migration().await.unwrap(), None);
        assert_eq!(world.store.migrate().await.unwrap(), []);
    }
    assert!(matches!(script("a b", None), Err(StoreError::DatabaseName { .. })));
}

#[tokio::test]
async fn a_cluster_that_is_not_there_and_tables_of_one_node_are_refused_before_anything_is_made() {
    let world = world().await;
    let error = world.store.clone().with_cluster(cluster()).migrate().await.unwrap_err();
    assert!(error.to_string().contains("was made for one node and is not replicated: name a new database"), "{error}");
    let options = StoreOptions { database: format!("{}_main", world.options.database), ..world.options.clone() };
    let database = options.database.clone();
    let error = Store::connect(options).unwrap().with_cluster(cluster()).migrate().await.unwrap_err();
    assert!(error.to_string().starts_with("clickhouse knows no cluster \"main\""), "{error}");
    let made = world.client().query("SELECT count() FROM system.databases WHERE name = {name:String}");
    assert_eq!(made.param("name", database).fetch_one::<u64>().await.unwrap(), 0);
}
