use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use clickhouse::{Client, Compression, query::Query};
use jiff::Timestamp;

use crate::{
    Budget, Cluster, StoreError, error::Doing, labels, recent::Recent, tiers::Lengths, transfer::MOST_OF_A_FILE,
};

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
    pub(crate) cluster: Option<Cluster>,
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
    /// From which on longer cells of rollups are read.
    pub(crate) lengths: Lengths,
    pub(crate) recent: Recent,
    /// Rows and bytes of a Parquet file.
    pub(crate) chunk: (u64, u64),
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
            cluster: None,
            rebuilt: Arc::default(),
            compared: Arc::default(),
            tries: Arc::default(),
            sources: Arc::default(),
            partitions: 0,
            most_rows: MOST_ROWS,
            accounts: Arc::default(),
            budget: Budget::default(),
            beside: labels::BESIDE,
            lengths: Lengths::USUAL,
            recent: Recent::new(None),
            chunk: MOST_OF_A_FILE,
            steps: Steps(Arc::new(|_| {})),
        })
    }

    /// The database is on a cluster: every table is on each of its replicas, and every insert waits for all of them.
    pub fn with_cluster(self, cluster: Cluster) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// Reads labelled hours for themselves, however few mentions there are beside them: for tests.
    pub fn with_labels_by_hour(self) -> Self {
        Self { beside: 0, ..self }
    }

    /// Reads days and hours of spans of any length: for tests.
    pub fn with_days_always(self) -> Self {
        Self { lengths: Lengths::ANY, ..self }
    }

    /// Parquet files of so many rows and bytes: for tests.
    pub fn with_files_of(self, rows: u64, bytes: u64) -> Self {
        Self { chunk: (rows, bytes), ..self }
    }

    /// Calls `hook` with the name of each step that is done, before the next statement: for tests that end the process
    /// there. Steps: `store-mentions-written`, `rescore-applied`,
    /// `store-marks-written`, `rebuild-started`, `rebuild-inserted`,
    /// `rebuild-done`, `export-file-drafted`, `export-file-written`, `import-piece-read`, `import-file-read`.
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

    /// Without a database: for questions that need none.
    pub(crate) fn server(&self) -> Client {
        self.client.clone()
    }

    /// For every statement that writes: no other module has the client itself.
    pub(crate) fn writer(&self) -> Client {
        self.maker().with_database(&self.database)
    }

    /// As [`Store::writer`], without a database: for the statement that creates it.
    pub(crate) fn maker(&self) -> Client {
        let client = self.client.clone();
        writing(self.cluster.as_ref())
            .into_iter()
            .fold(client, |client, (name, value)| client.with_setting(name, value))
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
            // Of millions of authors or ids, which are nearly everywhere, no index tells where they are: to keep the list for
            // that took gigabytes, and up to three times as long as reading on.
            .with_setting("use_index_for_in_with_subqueries_max_values", "100000")
            // A rollup and its newest epochs are read as of one moment.
            .with_setting("enable_shared_storage_snapshot_in_query", "1")
            .with_setting("output_format_json_quote_64bit_integers", "0")
            .with_setting("output_format_json_quote_denormals", "0")
    }
}

/// Settings of every statement that writes.
pub(crate) fn writing(cluster: Option<&Cluster>) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("async_insert", "0".to_owned()),
        ("deduplicate_blocks_in_dependent_materialized_views", "1".to_owned()),
        // On all replicas, where there are several.
        ("mutations_sync", "2".to_owned()),
        // A backfill of old posts touches many months at once.
        ("max_partitions_per_insert_block", "0".to_owned()),
    ];
    settings.extend(cluster.into_iter().flat_map(Cluster::settings));
    settings
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
        let store = Store::connect(options).unwrap();
        let writer = store.writer();
        assert_eq!(writer.get_setting("async_insert"), Some("0"));
        assert_eq!(writer.get_setting("deduplicate_blocks_in_dependent_materialized_views"), Some("1"));
        assert_eq!(writer.get_setting("insert_quorum"), None);
        let writer = store.with_cluster(Cluster::new("main", 3).unwrap()).writer();
        assert_eq!(writer.get_setting("insert_quorum"), Some("3"));
        assert_eq!(writer.get_setting("mutations_sync"), Some("2"));
    }
}
