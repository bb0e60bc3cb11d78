//! What the tests share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clickhouse::sql::Identifier;
use clickhouse::{Client, Compression, Row};
use grapevine_engine::EmbeddedEngine;
use grapevine_engine::testing::{self, TestEngine};
use serde::{Deserialize, Serialize};

/// An engine with a database of this test's own.
pub struct Bench {
    pub engine: TestEngine,
    pub database: String,
    pub client: Client,
}

/// A row of `CREATE_ITEMS`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct Item {
    pub id: u64,
    pub text: String,
}

pub const CREATE_ITEMS: &str = "CREATE TABLE items (id UInt64, text String) ENGINE = MergeTree ORDER BY id \
                                SETTINGS non_replicated_deduplication_window = 100";

impl Bench {
    pub fn start() -> Self {
        let engine = testing::start();
        let database = engine.fresh_database();
        let client = writer(&engine).with_database(&database);
        Self { engine, database, client }
    }

    /// With an empty table `items`.
    pub async fn with_items() -> Self {
        let bench = Self::start();
        bench.run(CREATE_ITEMS).await;
        bench
    }

    /// The same client, once without and once with lz4.
    pub fn both(&self) -> [Client; 2] {
        [Compression::None, Compression::Lz4].map(|compression| self.client.clone().with_compression(compression))
    }

    pub async fn run(&self, sql: &str) {
        self.client.query(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub async fn count(&self) -> u64 {
        count(&self.client, "items").await
    }

    /// `POST /?arguments` with a body as it is, as the writer; the whole response.
    pub fn post(&self, arguments: &str, body: &[u8]) -> String {
        let mut stream = self.send_head(arguments, body.len());
        stream.write_all(body).expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("a response");
        answer
    }

    /// The head of a `POST /?arguments`, with a body of `length` bytes still to be sent.
    pub fn send_head(&self, arguments: &str, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.engine.port())).expect("a connection");
        write!(
            stream,
            "POST /?database={}&{arguments} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\nContent-Length: {length}\r\n\r\n",
            self.database,
            self.engine.user(),
            self.engine.password(),
        )
        .expect("a connection");
        stream
    }
}

/// A client that may do anything.
pub fn writer(engine: &EmbeddedEngine) -> Client {
    Client::default().with_url(engine.url()).with_user(engine.user()).with_password(engine.password())
}

pub async fn count(client: &Client, table: &str) -> u64 {
    let query = client.query("SELECT count() FROM ?").bind(Identifier(table));
    query.fetch_one().await.unwrap_or_else(|error| panic!("count of {table}: {error}"))
}

/// Inserts `items` in one go.
pub async fn insert(client: &Client, items: impl IntoIterator<Item = Item>) -> clickhouse::error::Result<()> {
    let mut insert = client.insert::<Item>("items").await?;
    for item in items {
        insert.write(&item).await?;
    }
    insert.end().await
}

pub fn items(ids: std::ops::Range<u64>) -> impl Iterator<Item = Item> {
    ids.map(|id| Item { id, text: format!("text of {id}") })
}

/// Sends a signal to a child of a test's own engine.
pub fn send(pid: u32, signal: i32) {
    // SAFETY: plain integers; the process is this test's own child.
    assert_eq!(unsafe { libc::kill(pid as libc::pid_t, signal) }, 0);
}

pub fn kill(pid: u32) {
    send(pid, libc::SIGKILL);
}

/// Waits until `holds` gives true; fails with `what` after 20 s.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The error's text, which must begin with ClickHouse's code.
#[track_caller]
pub fn assert_code<T>(result: Result<T, clickhouse::error::Error>, code: u32) -> String {
    let Err(error) = result else { panic!("it should have failed with code {code}") };
    let text = error.to_string();
    assert!(text.starts_with(&format!("bad response: Code: {code}. DB::Exception: ")), "{text}");
    text
}
