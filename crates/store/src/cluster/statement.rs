//! A statement that was written for one node becomes that of a cluster.

use super::Cluster;
use crate::StoreError;

/// In Keeper. The cluster's name is in it, so that two that share a Keeper do not meet.
const PATH: &str = "/clickhouse/tables/$cluster/{shard}/{database}/{table}";
/// As each table says it for one node.
const WINDOW: &str = "non_replicated_deduplication_window = ";
/// On one node a token goes when so many others came; here after ClickHouse's default of an hour, where nothing is said. A
/// week is as long as the log keeps its events by default.
const WINDOW_SECONDS: &str = ", replicated_deduplication_window_seconds = 604800";

/// What a name follows on, and how the rest of the statement changes. The first that fits counts.
const KINDS: [(&str, Rest); 8] = [
    ("CREATE DATABASE IF NOT EXISTS ", Rest::Same),
    ("CREATE TABLE IF NOT EXISTS ", Rest::Replicated),
    ("CREATE MATERIALIZED VIEW IF NOT EXISTS ", Rest::Same),
    ("CREATE VIEW IF NOT EXISTS ", Rest::Same),
    ("CREATE TABLE ", Rest::Replicated),
    ("ALTER TABLE ", Rest::Same),
    ("DROP VIEW IF EXISTS ", Rest::Same),
    ("DROP TABLE IF EXISTS ", Rest::Sync),
];

#[derive(Clone, Copy)]
enum Rest {
    Same,
    /// Engines of the MergeTree family are replicated ones.
    Replicated,
    /// Its path in Keeper is free when the statement ends.
    Sync,
}

impl Cluster {
    /// What the cluster runs in place of a statement of a migration. Rows are inserted once, and replicated.
    ///
    /// # Errors
    /// A kind of statement that nobody has thought about yet: none goes to one replica unseen.
    pub(crate) fn turn(&self, statement: &str) -> Result<String, StoreError> {
        if statement.starts_with("INSERT INTO ") {
            return Ok(statement.to_owned());
        }
        let none = || StoreError::NoClusterForm { statement: statement.chars().take(200).collect() };
        let (begins, change) = KINDS.iter().find(|(begins, _)| statement.starts_with(begins)).ok_or_else(none)?;
        let named = &statement[begins.len()..];
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, rest) = named.split_at(named.find(|c| !in_name(c)).unwrap_or(named.len()));
        let rest = match change {
            Rest::Same => rest.to_owned(),
            Rest::Replicated => self.replicated(rest).ok_or_else(none)?,
            Rest::Sync => format!("{rest} SYNC"),
        };
        Ok(format!("{begins}{name} ON CLUSTER `{}`{rest}", self.name))
    }

    /// `None` where no engine is named.
    fn replicated(&self, rest: &str) -> Option<String> {
        const ENGINE: &str = "ENGINE = ";
        let engine = outer(rest, ENGINE)? + ENGINE.len();
        let after = rest[engine..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |at| engine + at);
        let (head, name, tail) = (&rest[..engine], &rest[engine..after], &rest[after..]);
        if !name.ends_with("MergeTree") {
            return Some(rest.to_owned());
        }
        let path = PATH.replace("$cluster", &self.name);
        let arguments = match tail.strip_prefix('(') {
            Some(more) => format!(", {}", more.trim_start()),
            None => format!("){tail}"),
        };
        Some(format!("{head}Replicated{name}('{path}', '{{replica}}'{}", windows(&arguments)))
    }
}

/// The window of tokens by the name that it has on a cluster.
fn windows(tail: &str) -> String {
    let Some((before, after)) = tail.split_once(WINDOW) else { return tail.to_owned() };
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let (blocks, rest) = after.split_at(end);
    // 0 switches it off, for however long.
    let seconds = if blocks == "0" { "" } else { WINDOW_SECONDS };
    format!("{before}replicated_deduplication_window = {blocks}{seconds}{rest}")
}

/// Where a word stands outside of brackets and quotes.
fn outer(sql: &str, word: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, c) in sql.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 && sql[at..].starts_with(word) => return Some(at),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(statement: &str) -> String {
        Cluster::new("main", 2).unwrap().turn(statement).unwrap()
    }

    #[test]
    fn a_table_is_replicated_and_keeps_its_engine_s_arguments_order_and_settings() {
        let turned = turn(
            "CREATE TABLE IF NOT EXISTS t (\n    a UInt64 DEFAULT length('ENGINE = x('),\n    v UInt64\n)\n\
             ENGINE = ReplacingMergeTree(v)\nORDER BY a\n\
             SETTINGS non_replicated_deduplication_window = 10000, min_age_to_force_merge_seconds = 21600",
        );
        assert_eq!(
            turned,
            "CREATE TABLE IF NOT EXISTS t ON CLUSTER `main` (\n    a UInt64 DEFAULT length('ENGINE = x('),\n    v UInt64\n)\n\
             ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/main/{shard}/{database}/{table}', '{replica}', v)\n\
             ORDER BY a\nSETTINGS replicated_deduplication_window = 10000, \
             replicated_deduplication_window_seconds = 604800, min_age_to_force_merge_seconds = 21600"
        );
        let without = turn("CREATE TABLE t (a UInt8) ENGINE = AggregatingMergeTree ORDER BY a");
        assert!(without.contains("ReplicatedAggregatingMergeTree('/clickhouse/tables/main/{shard}/"), "{without}");
        assert!(without.ends_with("'{replica}') ORDER BY a"), "{without}");
    }

    #[test]
    fn a_table_that_knows_no_tokens_knows_none_here_either() {
        let turned = turn(
            "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 0",
        );
        assert!(turned.ends_with(" SETTINGS replicated_deduplication_window = 0"), "{turned}");
    }

    #[test]
    fn what_is_changed_or_dropped_is_so_on_all_hosts_and_rows_are_inserted_once() {
        assert_eq!(turn("DROP VIEW IF EXISTS v"), "DROP VIEW IF EXISTS v ON CLUSTER `main`");
        assert_eq!(turn("DROP TABLE IF EXISTS t"), "DROP TABLE IF EXISTS t ON CLUSTER `main` SYNC");
        assert_eq!(turn("ALTER TABLE t ADD COLUMN a UInt8"), "ALTER TABLE t ON CLUSTER `main` ADD COLUMN a UInt8");
        let turn_of_one = turn("CREATE TABLE migrating_1 (nothing UInt8) ENGINE = Memory");
        assert_eq!(turn_of_one, "CREATE TABLE migrating_1 ON CLUSTER `main` (nothing UInt8) ENGINE = Memory");
        let rows = "INSERT INTO t SELECT 1 SETTINGS insert_deduplication_token = 'x'";
        assert_eq!(turn(rows), rows);
    }

    #[test]
    fn a_statement_that_nobody_thought_about_is_refused() {
        let cluster = Cluster::new("main", 2).unwrap();
        for statement in ["RENAME TABLE a TO b", "TRUNCATE TABLE a", "CREATE TABLE a AS b", "OPTIMIZE TABLE a", ""] {
            assert!(matches!(cluster.turn(statement), Err(StoreError::NoClusterForm { .. })), "{statement}");
        }
    }
}
