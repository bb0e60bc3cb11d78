mod planned;
mod turn;

use std::time::Duration;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

pub use self::planned::{Planned, planned, script};
use self::turn::{Held, Turn};
use crate::{Store, StoreError, error::Doing};

const DOING: &str = "preparing the schema";
/// A process that migrates and does not go on for so long is taken for dead.
const LEASE: Duration = Duration::from_secs(30);
/// On a cluster one statement alone may wait for three minutes, where a host is slow.
const LEASE_ON_CLUSTER: Duration = Duration::from_secs(300);

/// Which migrations were applied.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (name String, hash String, \
                       applied_at DateTime64(3, 'UTC')) ENGINE = ReplacingMergeTree(applied_at) ORDER BY name \
                       SETTINGS non_replicated_deduplication_window = 0";

/// The numbered files, in order. A new one goes to the end; an applied one is never edited.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_mentions", sql: include_str!("../../migrations/0001_mentions.sql") },
    Migration { name: "0002_rollup", sql: include_str!("../../migrations/0002_rollup.sql") },
    Migration { name: "0003_sources", sql: include_str!("../../migrations/0003_sources.sql") },
    Migration { name: "0004_snapshots", sql: include_str!("../../migrations/0004_snapshots.sql") },
    Migration { name: "0005_alerts", sql: include_str!("../../migrations/0005_alerts.sql") },
    Migration { name: "0006_log", sql: include_str!("../../migrations/0006_log.sql") },
    Migration { name: "0007_epochs", sql: include_str!("../../migrations/0007_epochs.sql") },
    Migration { name: "0008_batches", sql: include_str!("../../migrations/0008_batches.sql") },
    Migration { name: "0009_by_id", sql: include_str!("../../migrations/0009_by_id.sql") },
    Migration { name: "0010_sampling", sql: include_str!("../../migrations/0010_sampling.sql") },
    Migration { name: "0011_imports", sql: include_str!("../../migrations/0011_imports.sql") },
    Migration { name: "0012_heads", sql: include_str!("../../migrations/0012_heads.sql") },
    Migration { name: "0013_labels", sql: include_str!("../../migrations/0013_labels.sql") },
    Migration { name: "0014_models", sql: include_str!("../../migrations/0014_models.sql") },
    Migration { name: "0015_hourly", sql: include_str!("../../migrations/0015_hourly.sql") },
    Migration { name: "0016_merges", sql: include_str!("../../migrations/0016_merges.sql") },
    Migration { name: "0017_imported", sql: include_str!("../../migrations/0017_imported.sql") },
    Migration { name: "0018_engagement_by_hour", sql: include_str!("../../migrations/0018_engagement_by_hour.sql") },
    Migration { name: "0019_daily", sql: include_str!("../../migrations/0019_daily.sql") },
    Migration { name: "0020_facets", sql: include_str!("../../migrations/0020_facets.sql") },
    Migration { name: "0021_labelled_hours", sql: include_str!("../../migrations/0021_labelled_hours.sql") },
    Migration { name: "0022_retention", sql: include_str!("../../migrations/0022_retention.sql") },
    Migration { name: "0023_asked_questions", sql: include_str!("../../migrations/0023_asked_questions.sql") },
    Migration { name: "0024_named", sql: include_str!("../../migrations/0024_named.sql") },
    Migration { name: "0025_members", sql: include_str!("../../migrations/0025_members.sql") },
    Migration { name: "0026_drawn", sql: include_str!("../../migrations/0026_drawn.sql") },
];

struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// A migration that this call applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Such as `0001_mentions`.
    pub name: String,
}

#[derive(Row, Deserialize)]
struct Known {
    name: String,
    hash: String,
}

impl Store {
    /// Creates the database where it is missing and applies the migrations that it lacks. Safe to repeat, to repeat after
    /// a crash half-way (every statement of a migration can be run again), and beside other processes that do the same:
    /// they take turns.
    ///
    /// Where nothing lacks, nothing is run that would need more than to read: not on a cluster with a host that is down, nor
    /// where others prepare the schema.
    ///
    /// # Errors
    /// A migration that was applied with other contents, or one that this program does not know; a cluster that is not as it
    /// should be, see [`Cluster`](crate::Cluster).
    pub async fn migrate(&self) -> Result<Vec<Applied>, StoreError> {
        self.migrate_within(if self.cluster.is_some() { LEASE_ON_CLUSTER } else { LEASE }).await
    }

    /// Like [`Store::migrate`]; a process that migrates already is waited for until it does not go on for so long.
    pub async fn migrate_within(&self, lease: Duration) -> Result<Vec<Applied>, StoreError> {
        self.check_cluster().await?;
        if self.next_migration().await?.is_none() {
            return Ok(vec![]);
        }
        let create = self.turned(&create_database(self.database()))?;
        self.maker().query_raw(&create).execute().await.doing(DOING)?;
        self.writer().query_raw(&self.turned(RECORDS)?).execute().await.doing(DOING)?;
        self.check_replicas("schema_migrations").await?;
        let mut applied = vec![];
        while !self.lacking().await?.is_empty() {
            let mut turn = Turn::take(self, lease).await?;
            for migration in self.lacking().await? {
                if !self.apply(migration, &mut turn, lease).await? {
                    break;
                }
                applied.push(Applied { name: migration.name.to_owned() });
            }
            turn.end().await?;
        }
        Ok(applied)
    }

    /// The first migration that the store lacks; the first of all where there is no database yet. Writes nothing.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub async fn next_migration(&self) -> Result<Option<&'static str>, StoreError> {
        let first = |lacking: &[&Migration]| lacking.first().map(|migration| migration.name);
        match self.lacking().await {
            Err(error) if error.is_absence() => Ok(first(&MIGRATIONS.iter().collect::<Vec<_>>())),
            lacking => Ok(first(&lacking?)),
        }
    }

    /// Name of the last migration that this program has.
    pub(crate) fn schema() -> &'static str {
        MIGRATIONS.last().map_or("", |migration| migration.name)
    }

    async fn lacking(&self) -> Result<Vec<&'static Migration>, StoreError> {
        let sql = "SELECT name, hash FROM schema_migrations FINAL ORDER BY name";
        let known: Vec<Known> = self.read(sql).fetch_all().await.doing(DOING)?;
        missing(MIGRATIONS, &known)
    }

    /// A statement of the schema as this store runs it.
    fn turned(&self, statement: &str) -> Result<String, StoreError> {
        match &self.cluster {
            Some(cluster) => cluster.turn(statement),
            None => Ok(statement.to_owned()),
        }
    }

    /// False where another process has the turn.
    async fn apply(&self, migration: &Migration, turn: &mut Turn<'_>, lease: Duration) -> Result<bool, StoreError> {
        let doing = "applying a migration";
        for statement in statements(migration.sql) {
            let ours = match turn.go_on(lease).await? {
                Held::Yes => true,
                Held::Perhaps => self.lacking().await?.iter().any(|lacking| lacking.name == migration.name),
                Held::No => false,
            };
            if !ours {
                return Ok(false);
            }
            self.writer().query_raw(&self.turned(&statement)?).execute().await.doing(doing)?;
        }
        let record = self.writer().query("INSERT INTO schema_migrations SELECT {name:String}, {hash:String}, now64(3)");
        let record = record.param("name", migration.name).param("hash", hash(migration.sql));
        record.execute().await.doing(doing)?;
        Ok(true)
    }
}

/// The name was checked when the store was made: letters, digits, underscores.
fn create_database(name: &str) -> String {
    format!("CREATE DATABASE IF NOT EXISTS {name}")
}

/// Migrations that are not known yet.
fn missing<'a>(migrations: &'a [Migration], known: &[Known]) -> Result<Vec<&'a Migration>, StoreError> {
    for row in known {
        match migrations.iter().find(|migration| migration.name == row.name) {
            None => return Err(StoreError::NewerSchema { name: row.name.clone() }),
            Some(migration) if hash(migration.sql) != row.hash => {
                return Err(StoreError::EditedMigration { name: row.name.clone() });
            }
            Some(_) => {}
        }
    }
    Ok(migrations.iter().filter(|migration| !known.iter().any(|row| row.name == migration.name)).collect())
}

/// Statements end with a semicolon at the end of a line. Comment lines are left out, as they may hold one too.
fn statements(sql: &str) -> Vec<String> {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
    let code = lines.collect::<Vec<_>>().join("\n");
    code.split(";\n").map(|part| part.trim().trim_end_matches(';').to_owned()).filter(|part| !part.is_empty()).collect()
}

/// FNV-1a over the statements, so that a comment may be improved. It guards against mistakes, not against attackers.
fn hash(sql: &str) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in statements(sql).join(";\n").bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, sql: &str) -> Known {
        Known { name: name.into(), hash: hash(sql) }
    }

    const TWO: &[Migration] =
        &[Migration { name: "0001_a", sql: "SELECT 1;\n" }, Migration { name: "0002_b", sql: "SELECT 2;\n" }];

    #[test]
    fn only_what_is_missing_is_applied() {
        let names = |known: &[Known]| -> Vec<&str> { missing(TWO, known).unwrap().iter().map(|m| m.name).collect() };
        assert_eq!(names(&[]), ["0001_a", "0002_b"]);
        assert_eq!(names(&[known("0001_a", "SELECT 1;\n")]), ["0002_b"]);
    }

    #[test]
    fn an_edited_migration_is_refused_but_an_edited_comment_is_not() {
        assert!(missing(TWO, &[known("0001_a", "-- why\nSELECT 1;\n")]).is_ok());
        let error = missing(TWO, &[known("0001_a", "SELECT 3;\n")]).err().unwrap();
        assert!(error.to_string().starts_with("migration 0001_a was applied with other contents"), "{error}");
    }

    #[test]
    fn a_migration_of_a_newer_program_is_refused() {
        let error = missing(TWO, &[known("0003_c", "SELECT 3;\n")]).err().unwrap();
        assert!(error.to_string().contains("upgrade"), "{error}");
    }

    #[test]
    fn every_file_is_split_into_statements_that_can_be_repeated() {
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                // Marks that come twice cost a rebuild, no more.
                let marks = statement.starts_with("INSERT INTO rollup_hours");
                // What has a token is written once; a setting may be set twice, and a column filled.
                let known = [
                    " IF NOT EXISTS ",
                    " IF EXISTS ",
                    " insert_deduplication_token = ",
                    " MODIFY SETTING ",
                    " MATERIALIZE COLUMN ",
                ];
                let repeats = marks || known.iter().any(|known| statement.contains(known));
                assert!(repeats, "{}: {statement}", migration.name);
                // Every table says whether a batch that comes again is known to it.
                let table = statement.contains("CREATE TABLE");
                let says = statement.contains("non_replicated_deduplication_window");
                assert_eq!(table, says, "{}: {statement}", migration.name);
            }
        }
    }
}
