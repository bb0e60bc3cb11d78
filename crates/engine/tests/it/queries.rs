//! Selects: bound values, parameters, formats, large results, errors.

use std::time::Duration;

use clickhouse::Row;
use serde::Deserialize;

use crate::support::{Bench, assert_code};

const AWKWARD: &str = "it's \\ a\n\ttab \"and\" `tick`; émoji 🍇 \r\n\r\n--b";

#[tokio::test]
async fn values_arrive_as_they_were_bound() {
    let bench = Bench::start();
    for client in bench.both() {
        let hex: String = client.query("SELECT hex(?)").bind(AWKWARD).fetch_one().await.expect("a row");
        assert_eq!(hex, upper_hex(AWKWARD));
        let hex: String = client.query("SELECT hex({s:String})").param("s", AWKWARD).fetch_one().await.expect("a row");
        assert_eq!(hex, upper_hex(AWKWARD));
        let list = vec!["a'b", "ü", "c,d]"];
        let query = client.query("SELECT arrayJoin({l:Array(String)}) AS x ORDER BY x").param("l", &list);
        assert_eq!(query.fetch_all::<String>().await.expect("rows"), ["a'b", "c,d]", "ü"]);
        let query = client.query("SELECT number FROM numbers(10) WHERE number IN ? ORDER BY 1").bind([3_u64, 5]);
        assert_eq!(query.fetch_all::<u64>().await.expect("rows"), [3, 5]);
    }
}

#[derive(Debug, Row, Deserialize)]
struct Numbered {
    number: u64,
    text: String,
}

#[tokio::test]
async fn a_million_rows_arrive_in_order() {
    let bench = Bench::start();
    for client in bench.both() {
        let sql = "SELECT number, toString(number) AS text FROM numbers(1000000)";
        let mut cursor = client.query(sql).fetch::<Numbered>().expect("a query");
        let mut next = 0;
        while let Some(row) = cursor.next().await.expect("a row") {
            assert_eq!(row.number, next);
            if next % 1000 == 0 {
                assert_eq!(row.text, next.to_string());
            }
            next += 1;
        }
        assert_eq!(next, 1_000_000);
    }
}

#[tokio::test]
async fn an_empty_result_is_no_row() {
    let bench = Bench::start();
    let none = bench.client.query("SELECT number FROM numbers(0)").fetch_optional::<u64>().await;
    assert_eq!(none.expect("no error"), None);
}

#[tokio::test]
async fn a_fault_half_way_is_an_error_and_not_a_short_result() {
    let bench = Bench::start();
    for client in bench.both() {
        let sql = "SELECT throwIf(number = 600000)::UInt8 FROM numbers(1000000) SETTINGS max_threads = 1";
        let mut cursor = client.query(sql).fetch::<u8>().expect("a query");
        let mut rows = 0;
        let fault = loop {
            match cursor.next().await {
                Ok(Some(_)) => rows += 1,
                Ok(None) => panic!("{rows} rows looked like a whole result"),
                Err(error) => break error,
            }
        };
        assert!(rows > 0);
        assert_code::<()>(Err(fault), 395);
    }
}

#[tokio::test]
async fn errors_carry_the_engines_code_and_words() {
    let bench = Bench::start();
    let client = &bench.client;
    let text = assert_code(client.query("SELECT * FROM nope").fetch_all::<u64>().await, 60);
    assert!(text.contains("nope") && text.contains("UNKNOWN_TABLE"), "{text}");
    assert_code(client.query("SELEC 1").execute().await, 62);
    assert_code(client.query("SELECT 1; SELECT 2").execute().await, 62);
    assert_code(client.query("SELECT 1").with_setting("no_such_setting", "1").execute().await, 115);
    assert_code(client.query("SELECT 1").with_setting("max_threads", "many").execute().await, 27);
    assert_code(client.clone().with_database("nope").query("SELECT 1").execute().await, 81);
    assert_code(client.query("SELECT {missing:UInt8}").fetch_one::<u8>().await, 456);
}

#[tokio::test]
async fn settings_apply_to_their_request_only() {
    let bench = Bench::start();
    let sql = "SELECT getSetting('max_threads')::UInt64";
    let set: u64 = bench.client.query(sql).with_setting("max_threads", "3").fetch_one().await.expect("a row");
    let unset: u64 = bench.client.query(sql).fetch_one().await.expect("a row");
    assert_eq!(set, 3);
    assert_ne!(unset, 3);
    let sql = "SELECT getSetting('async_insert')::UInt8";
    assert_eq!(bench.client.query(sql).fetch_one::<u8>().await.expect("a row"), 0);
}

#[tokio::test]
async fn a_time_limit_ends_a_statement() {
    let bench = Bench::start();
    let sql = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))";
    let client = bench.client.clone().with_setting("max_execution_time", "0.3");
    assert_code(client.query(sql).fetch_one::<u64>().await, 159);
}

#[tokio::test]
async fn a_statement_ends_soon_after_its_caller_hung_up() {
    let bench = Bench::start();
    // The database's name is this test's own: others share the engine.
    let running = async || -> u64 {
        let sql = "SELECT count() FROM system.processes WHERE current_database = ? AND query LIKE '%sipHash64%'
            AND query NOT LIKE '%system.processes%'";
        bench.client.query(sql).bind(&bench.database).fetch_one().await.expect("a row")
    };
    let until = async |wanted: u64| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while running().await != wanted {
            assert!(tokio::time::Instant::now() < deadline, "{} statements run, not {wanted}", running().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let client = bench.client.clone();
    let asked = tokio::spawn(async move {
        // An hour's work.
        let sql = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))";
        client.query(sql).fetch_one::<u64>().await
    });
    until(1).await;
    asked.abort();
    until(0).await;
}

fn upper_hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}
