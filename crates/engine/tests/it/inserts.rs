//! Inserts: whatever the bytes, whichever way they come, whole or cut off.

use std::io::Write;
use std::time::{Duration, Instant};

use clickhouse::Client;

use crate::support::{Bench, Item, assert_code, insert, items};

/// Texts that a parser of statements would stumble over.
const AWKWARD: [&str; 8] = ["\n\n", ";\n", ";\n\n;", "\0\n\n\0", "\r\n\r\n", "it's `\\` \"", "\n;SELECT 1", "🍇 émoji"];

#[tokio::test]
async fn every_byte_arrives_with_and_without_lz4_and_validation() {
    let bench = Bench::with_items().await;
    for client in bench.both() {
        for validation in [true, false] {
            let client = client.clone().with_validation(validation);
            bench.run("TRUNCATE TABLE items").await;
            let sent: Vec<Item> =
                (0..4000).map(|id| Item { id, text: AWKWARD[id as usize % AWKWARD.len()].repeat(3) }).collect();
            insert(&client, sent.clone()).await.expect("stored");
            let query = client.query("SELECT ?fields FROM items ORDER BY id");
            assert_eq!(query.fetch_all::<Item>().await.expect("rows"), sent);
        }
    }
}

#[tokio::test]
async fn values_and_inline_data_arrive_too() {
    let bench = Bench::with_items().await;
    bench.client.query("INSERT INTO items VALUES (1, ?)").bind(AWKWARD[2]).execute().await.expect("stored");
    bench.run("INSERT INTO items FORMAT JSONEachRow\n{\"id\":2,\"text\":\"a\"}\n\n{\"id\":3,\"text\":\"b;\"}\n").await;
    bench.run("INSERT INTO items SELECT id + 10, text FROM items").await;
    let answer = bench.post("query=INSERT+INTO+items+FORMAT+TSV", b"4\tx\n5\ty\n");
    assert!(answer.contains("\"written_rows\":\"2\""), "{answer}");
    let ids: Vec<u64> = bench.client.query("SELECT id FROM items ORDER BY id").fetch_all().await.expect("rows");
    assert_eq!(ids, [1, 2, 3, 4, 5, 11, 12, 13]);
}

#[tokio::test]
async fn an_insert_that_is_dropped_leaves_nothing() {
    let bench = Bench::with_items().await;
    for client in bench.both() {
        let mut cut = client.insert::<Item>("items").await.expect("started");
        for item in items(0..50_000) {
            cut.write(&item).await.expect("sent");
        }
        drop(cut);
        insert(&client, items(100_000..100_010)).await.expect("stored");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(bench.count().await, 10);
        bench.run("TRUNCATE TABLE items").await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing() {
    let bench = Bench::with_items().await;
    let mut stream = bench.send_head("query=INSERT+INTO+items+FORMAT+TSV", 1_000_000);
    stream.write_all(b"1\tone\n2\ttwo\n").expect("a connection");
    std::thread::sleep(Duration::from_millis(200));
    drop(stream);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(bench.count().await, 0);
}

#[tokio::test]
async fn the_same_token_stores_once() {
    let bench = Bench::with_items().await;
    let with_token = |token: &str| bench.client.clone().with_setting("insert_deduplication_token", token);
    for (token, rows) in [("raw:0:1-1000", 1000), ("raw:0:1-1000", 1000), ("raw:0:1001-2000", 2000)] {
        insert(&with_token(token), items(0..1000)).await.expect("stored");
        assert_eq!(bench.count().await, rows, "{token}");
    }
}

#[tokio::test]
async fn a_refused_insert_says_why_and_stores_nothing() {
    let bench = Bench::with_items().await;
    let client = bench.client.clone().with_validation(false);
    let mut unknown = client.insert::<Item>("nope").await.expect("nothing was sent yet");
    let refused = async {
        for item in items(0..200_000) {
            unknown.write(&item).await?;
        }
        unknown.end().await
    };
    assert_code(refused.await, 60);
    let answer = bench.post("query=INSERT+INTO+items+FORMAT+TSV", b"1\tone\nnot a number\ttwo\n");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("x-clickhouse-exception-code: 27"), "{answer}");
    let answer = bench.post("query=INSERT+INTO+items+FORMAT+RowBinary&decompress=1", &[7; 100]);
    assert!(answer.contains("Code: 271. DB::Exception"), "{answer}");
    assert_eq!(bench.count().await, 0);
}

#[tokio::test]
async fn inserts_and_selects_run_side_by_side() {
    const WRITERS: u64 = 6;
    const BATCHES: u64 = 5;
    const ROWS: u64 = 2000;
    let bench = Bench::with_items().await;
    let write = |writer: u64, client: Client| async move {
        for batch in 0..BATCHES {
            let from = (writer * BATCHES + batch) * ROWS;
            insert(&client, items(from..from + ROWS)).await.expect("stored");
            let seen: u64 = client.query("SELECT count() FROM items").fetch_one().await.expect("a row");
            assert!(seen >= (batch + 1) * ROWS && seen.is_multiple_of(ROWS), "{seen}");
        }
    };
    let tasks: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(writer, bench.client.clone()))).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let sql = "SELECT count(), uniqExact(id) FROM items";
    let (rows, ids): (u64, u64) = bench.client.query(sql).fetch_one().await.expect("a row");
    assert_eq!((rows, ids), (WRITERS * BATCHES * ROWS, WRITERS * BATCHES * ROWS));
}

#[tokio::test]
async fn a_statement_whose_client_leaves_is_killed() {
    let bench = Bench::start();
    let long = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number), 'left alone')";
    let running =
        "SELECT count() FROM system.processes WHERE query LIKE '%left alone%' AND query NOT LIKE '%processes%'";
    let stream = {
        let mut stream = bench.send_head("", long.len());
        stream.write_all(long.as_bytes()).expect("a connection");
        stream
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut stream = Some(stream);
    loop {
        let count: u64 = bench.client.query(running).fetch_one().await.expect("a row");
        match (count, stream.is_some()) {
            (1, true) => stream = None,
            (0, false) => return,
            _ => assert!(Instant::now() < deadline, "{count} statements"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
