use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use clickhouse::{Client, Compression, query::Query};
use jiff::Timestamp;

use crate::{Budget, StoreError, error::Doing, labels, tiers};

/// Of one answer.
const MOST_ROWS: u64 = 1_000_000;

/// Where ClickHouse answers, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Such as `http://127.0.0.1:8123`.
    pub url: String,
    /// Letters, digits and underscores. Created by [`Store::migrate`] where it is missing.
    pub database: String,
    pub user: Option<String>,
    pub password: Option<String>,
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "(hidden)");
        f.debug_struct("StoreOptions")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &password)
            .finish()
    }
}

/// The tables of Grapevine in one ClickHouse database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Store {
    client: Client,
    database: String,
    /// Hours that were rebuilt since rows that no longer count were deleted.
    pub(crate) rebuilt: Arc<AtomicU64>,
    /// Tables whose columns were compared with the rows that go into them.
    pub(crate) compared: Arc<Mutex<HashSet<&'static str>>>,
    /// Tokens of ranges whose insert was begun here and did not end.
    pub(crate) tries: Arc<Mutex<HashSet<String>>>,
    pub(crate) sources: Arc<[String]>,
    pub(crate) partitions: u32,
    /// That one question answers with.
    pub(crate) most_rows: u64,
    /// Brand and account, as [`Store::with_accounts`] was told; the account as it is compared.
    pub(crate) accounts: Arc<[(String, String)]>,
    pub(crate) budget: Budget,
    /// Mentions that reading a labelled hour for itself is reckoned to cost.
    pub(crate) beside: u64,
    /// Length of a span, in milliseconds, from which on days are read instead of hours.
    pub(crate) days_from: i64,
    steps: Steps,
}

/// Called between statements that write.
#[derive(Clone)]
struct Steps(Arc<dyn Fn(&'static str) + Send + Sync>);

impl Store {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// A database name of other characters than letters, digits and underscores.
    pub fn connect(options: StoreOptions) -> Result<Self, StoreError> {
        let StoreOptions { url, database, user, password } = options;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if database.is_empty() || !database.chars().all(plain) {
            return Err(StoreError::DatabaseName { name: database });
        }
        let mut client = Client::default();
        if is_on_this_machine(&url) {
            client = client.with_compression(Compression::None);
        }
        client = client.with_url(url);
        if let Some(user) = user {
            client = client.with_user(user);
        }
        if let Some(password) = password {
            client = client.with_password(password);
        }
        Ok(Self {
            client,
            database,
            rebuilt: Arc::default(),
            compared: Arc::default(),
            tries: Arc::default(),
            sources: Arc::default(),
            partitions: 0,
            most_rows: MOST_ROWS,
            accounts: Arc::default(),
            budget: Budget::default(),
            beside: labels::BESIDE,
            days_from: tiers::DAYS_FROM,
            steps: Steps(Arc::new(|_| {})),
        })
    }

    /// Reads labelled hours for themselves, however few mentions there are beside them: for tests.
    pub fn with_labels_by_hour(self) -> Self {
        Self { beside: 0, ..self }
    }

    /// Reads days of spans of any length: for tests.
    pub fn with_days_always(self) -> Self {
        Self { days_from: 0, ..self }
    }

    /// Calls `hook` with the name of each step that is done, before the next statement: for tests that end the process
    /// there. Steps: `store-mentions-written`, `rescore-applied`,
    /// `store-marks-written`, `rebuild-started`, `rebuild-inserted`,
    /// `rebuild-done`.
    pub fn with_steps(self, hook: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self { steps: Steps(Arc::new(hook)), ..self }
    }

    /// A question that would answer with more rows is refused by the server; 1,000,000 where this is not called.
    pub fn with_most_rows(self, most_rows: u64) -> Self {
        Self { most_rows, ..self }
    }

    pub(crate) fn step(&self, name: &'static str) {
        (self.steps.0)(name);
    }

    /// Names the sources that coverage is judged by, and the partitions that each of them reports on. Without it every
    /// source counts that ever reported, one that was switched off a year ago included.
    pub fn with_sources(self, sources: &[String], partitions: u32) -> Self {
        Self { sources: sources.into(), partitions, ..self }
    }

    /// Says which account belongs to which brand, by its handle or the platform's id, for figures of followers. Without it
    /// nobody's followers are known.
    pub fn with_accounts<'a>(self, accounts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let plain = |account: &str| account.trim().trim_start_matches('@').to_lowercase();
        let accounts = accounts.into_iter().map(|(brand, account)| (brand.to_owned(), plain(account)));
        Self { accounts: accounts.collect(), ..self }
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// Asks the server for one row.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server().query("SELECT 1").execute().await.doing("asking whether it answers")
    }

    /// Without a database: for statements that create it.
    pub(crate) fn server(&self) -> Client {
        self.client.clone()
    }

    /// For every statement that writes: no other module has the client itself.
    pub(crate) fn writer(&self) -> Client {
        self.client
            .clone()
            .with_database(&self.database)
            .with_setting("async_insert", "0")
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            .with_setting("mutations_sync", "2")
            // A backfill of old posts touches many months at once.
            .with_setting("max_partitions_per_insert_block", "0")
    }

    /// For the program's own questions; those of people have a budget of their own ([`Store::ask`]).
    pub(crate) fn read(&self, sql: &str) -> Query {
        self.client
            .clone()
            .with_database(&self.database)
            .query(sql)
            .with_setting("max_execution_time", "30")
            .with_setting("max_memory_usage", "4000000000")
            .with_setting("max_result_rows", self.most_rows.to_string())
            .with_setting("do_not_merge_across_partitions_select_final", "1")
            // A rollup and its newest epochs are read as of one moment.
            .with_setting("enable_shared_storage_snapshot_in_query", "1")
            .with_setting("output_format_json_quote_64bit_integers", "0")
            .with_setting("output_format_json_quote_denormals", "0")
    }
}

/// There, compressing takes longer than what it saves.
fn is_on_this_machine(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|own| host.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
}

/// Times travel as whole milliseconds since the Unix epoch: `fromUnixTimestamp64Milli({from:Int64}, 'UTC')`.
pub(crate) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

pub(crate) fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_on_this_machine_only_by_a_loopback_name() {
        for url in ["http://127.0.0.1:8123", "http://localhost", "https://localhost:8443/", "http://[::1]:8123"] {
            assert!(is_on_this_machine(url), "{url}");
        }
        for url in ["http://clickhouse:8123", "http://127.0.0.1.example.org", "http://localhosts:8123", ""] {
            assert!(!is_on_this_machine(url), "{url}");
        }
    }

    #[test]
    fn what_is_written_is_written_before_it_is_acknowledged_and_known_when_it_comes_again() {
        let options = StoreOptions { url: "http://x".into(), database: "d".into(), user: None, password: None };
        let writer = Store::connect(options).unwrap().writer();
        assert_eq!(writer.get_setting("async_insert"), Some("0"));
        assert_eq!(writer.get_setting("deduplicate_blocks_in_dependent_materialized_views"), Some("1"));
    }
}
