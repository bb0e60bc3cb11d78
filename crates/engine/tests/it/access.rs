//! Who may do what.

use clickhouse::Client;

use crate::support::{Bench, assert_code, insert, items};

fn reader(bench: &Bench) -> Client {
    let engine = &bench.engine;
    bench.client.clone().with_user(engine.reader_user()).with_password(engine.reader_password())
}

#[tokio::test]
async fn a_reader_reads() {
    let bench = Bench::with_items().await;
    insert(&bench.client, items(0..10)).await.expect("stored");
    let reader = reader(&bench);
    for client in [reader.clone(), reader.with_setting("max_threads", "1")] {
        let sql = "WITH {least:UInt64} AS least SELECT count() FROM items WHERE id >= least SETTINGS max_threads = 2";
        assert_eq!(client.query(sql).param("least", 5).fetch_one::<u64>().await.expect("a row"), 5);
        let sql = "SELECT sum(number) FROM numbers(4)";
        assert_eq!(client.query(sql).fetch_one::<u64>().await.expect("a row"), 6);
        let mut tables = client.query("SHOW TABLES").fetch_bytes("TabSeparated").expect("a query");
        assert_eq!(tables.collect().await.expect("an answer"), "items\n");
    }
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let bench = Bench::with_items().await;
    insert(&bench.client, items(0..10)).await.expect("stored");
    let reader = reader(&bench).with_validation(false);
    for sql in [
        "INSERT INTO items VALUES (99, 'x')",
        "INSERT INTO items FORMAT TSV\n99\tx\n",
        "DROP TABLE items",
        "TRUNCATE TABLE items",
        "ALTER TABLE items DELETE WHERE 1",
        "CREATE TABLE other (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE other (a UInt8)",
        "SET readonly = 0",
        "KILL QUERY WHERE 1",
        "SYSTEM SHUTDOWN",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE 'stolen'",
        "SELECT * FROM file('/etc/hostname', LineAsString)",
        "SELECT `file`('/etc/hostname')",
        "SELECT “file”('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM default.`/etc/hostname`",
        "SELECT * FROM URL /* x */ ('http://127.0.0.1:1/', LineAsString)",
        "SELECT * FROM executable('id', TSV, 'a String')",
    ] {
        assert_code(reader.query(sql).execute().await, 164);
    }
    assert_code(insert(&reader, items(10..20)).await, 164);
    assert_code(reader.with_setting("readonly", "0").query("DROP TABLE items").execute().await, 164);
    assert_eq!(bench.count().await, 10);
}

/// The engine finds files by a table's name in its working directory, which is empty.
#[tokio::test]
async fn a_name_is_not_taken_for_a_file_nearby() {
    let bench = Bench::start();
    let reader = reader(&bench).with_database("default");
    for name in ["Cargo.toml", "engine.xml", "engine.log"] {
        let query = reader.query("SELECT * FROM ?").bind(clickhouse::sql::Identifier(name));
        assert_code(query.fetch_all::<String>().await, 60);
    }
}

#[tokio::test]
async fn a_readers_statement_has_limits() {
    let bench = Bench::start();
    let sql = "SELECT getSetting('max_execution_time')::Float64";
    let limit: f64 = reader(&bench).query(sql).fetch_one().await.expect("a row");
    assert_eq!(limit, 30.0);
    let asked = reader(&bench).with_setting("max_execution_time", "600");
    assert_eq!(asked.query(sql).fetch_one::<f64>().await.expect("a row"), 30.0);
    let memory = "SELECT getSetting('max_memory_usage')::UInt64";
    assert!(reader(&bench).query(memory).fetch_one::<u64>().await.expect("a row") > 0);
}

#[tokio::test]
async fn nobody_enters_without_the_key() {
    let bench = Bench::start();
    let client = &bench.client;
    let crossed = client.clone().with_user(bench.engine.user()).with_password(bench.engine.reader_password());
    for stranger in [client.clone().with_password("guess"), client.clone().with_user("someone"), crossed] {
        let text = assert_code(stranger.query("SELECT 1").fetch_one::<u8>().await, 516);
        assert!(!text.contains(bench.engine.password()));
    }
    let nameless = Client::default().with_url(bench.engine.url());
    assert_code(nameless.query("SELECT 1").fetch_one::<u8>().await, 516);
}
