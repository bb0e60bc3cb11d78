//! What the tests share.

use clickhouse::{Client, Compression};
use grapevine_engine::testing::{self, TestEngine};

/// An engine with a database of this test's own.
pub struct Bench {
    pub engine: TestEngine,
    pub client: Client,
}

impl Bench {
    pub fn start() -> Self {
        let engine = testing::start();
        let client = Client::default()
            .with_url(engine.url())
            .with_user(engine.user())
            .with_password(engine.password())
            .with_database(engine.fresh_database());
        Self { engine, client }
    }

    /// The same client, once without and once with lz4.
    pub fn both(&self) -> [Client; 2] {
        [Compression::None, Compression::Lz4].map(|compression| self.client.clone().with_compression(compression))
    }

    pub async fn run(&self, sql: &str) {
        self.client.query(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub async fn count(&self, table: &str) -> u64 {
        let query = self.client.query("SELECT count() FROM ?").bind(clickhouse::sql::Identifier(table));
        query.fetch_one().await.unwrap_or_else(|error| panic!("count of {table}: {error}"))
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
