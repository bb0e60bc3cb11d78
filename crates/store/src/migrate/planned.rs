//! The schema as statements, for those whose databases others change.

use std::fmt::Write as _;

use super::{MIGRATIONS, RECORDS, create_database, hash, statements};
use crate::{Cluster, StoreError, client::writing};

/// A migration as it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Such as `0001_mentions`.
    pub name: &'static str,
    pub statements: Vec<String>,
    hash: String,
}

/// Every migration, in order, for one node or for a cluster.
///
/// # Errors
/// A statement that has no form for a cluster.
pub fn planned(cluster: Option<&Cluster>) -> Result<Vec<Planned>, StoreError> {
    let turned = |sql: String| cluster.map_or_else(|| Ok(sql.clone()), |cluster| cluster.turn(&sql));
    let plan = |migration: &super::Migration| {
        let statements = statements(migration.sql).into_iter().map(turned).collect::<Result<_, _>>()?;
        Ok(Planned { name: migration.name, statements, hash: hash(migration.sql) })
    };
    MIGRATIONS.iter().map(plan).collect()
}

/// All of it as a text for `clickhouse-client --multiquery`: a store on which it was run lacks nothing. It may be run again.
///
/// # Errors
/// As [`planned`]; a database of other characters than letters, digits and underscores.
pub fn script(database: &str, cluster: Option<&Cluster>) -> Result<String, StoreError> {
    if database.is_empty() || !database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(StoreError::DatabaseName { name: database.to_owned() });
    }
    let turned = |sql: &str| cluster.map_or_else(|| Ok(sql.to_owned()), |cluster| cluster.turn(sql));
    let settings = writing(cluster).into_iter().map(|(name, value)| format!("{name} = {}", literal(&value)));
    let mut text = format!("SET {};\n\n", settings.collect::<Vec<_>>().join(", "));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{};\n\nUSE {database};\n\n{};", turned(&create_database(database))?, turned(RECORDS)?);
    for Planned { name, statements, hash } in planned(cluster)? {
        let _ = writeln!(text, "\n-- {name}");
        for statement in statements {
            let _ = writeln!(text, "{statement};\n");
        }
        let _ = writeln!(text, "INSERT INTO schema_migrations SELECT '{name}', '{hash}', now64(3);");
    }
    Ok(text)
}

/// A number, or a word in quotes.
fn literal(value: &str) -> String {
    if value.bytes().all(|byte| byte.is_ascii_digit()) { value.to_owned() } else { format!("'{value}'") }
}
