//! The tables on a cluster of ClickHouse: one shard with any number of replicas, each of which has everything.
//!
//! There is one definition of each table: the numbered migrations, written for one node. [`Cluster::turn`] makes of each
//! statement what a cluster runs: tables are `Replicated…`, with path and replica by the hosts' macros `{shard}` and
//! `{replica}`, and everything but inserts is `ON CLUSTER`. Hashes of applied migrations are those of the files.
//!
//! # Why one shard
//!
//! The key of shards would have to be the brand, as a question is about one. But a mention of two brands is one mention: its
//! counters (`engagement`), what another model says of it (`rescored`) and what a deletion looks for are by id; gaps, samples,
//! coverage, ranges of the log, accounts, campaigns and surveys have no brand at all, and `share_of_voice` reads several. Each
//! statement that reads two tables (a label with its mention, a rollup with its newest epoch, a place of counters with both)
//! would need both on one shard, or be sent round all of them: `INSERT … SELECT` of a rebuild, of days and of retention, too.
//! And a batch of the sink would be one block of each shard, of which some may be stored and others not. Every proof of this
//! crate speaks of one place that shows what it acknowledged. So a cluster of several shards is refused
//! ([`StoreError::Shards`]), and no `Distributed` table is made: over one shard it would forward what each replica can
//! answer by itself. What grows is the server, and the replicas over which questions are spread.
//!
//! # What makes replicas one place
//!
//! Any statement may go to any replica: the address of the store may be that of a load balancer. What the proofs need (`rollup`,
//! `labels`, `retention`, `days`, `write::by_hour`) is one thing: **what was acknowledged is seen by every later statement.**
//!
//! ClickHouse offers `select_sequential_consistency` for that. It lets one insert at a time into each table, which several sinks
//! and a rebuild are not; and it asks Keeper once for each table that a statement reads, so that a statement which reads a
//! table twice, once for the rows and once for their newest epoch, may see two moments: an hour that is being rebuilt would
//! then be empty for one question, in silence. Here instead **every insert waits until all replicas have it**
//! (`insert_quorum` is their number, inserts stay parallel). Then whichever replica is asked shows it, by what lies on its own
//! disk, as of one moment, and a question costs nothing more than on one node.
//!
//! | what may happen | why it holds |
//! |---|---|
//! | a replica is down | ClickHouse refuses inserts before it writes anything: no one acknowledges what it would lack. The sink waits, the log keeps; questions go on. Who is to do without it takes it out of the cluster and of Keeper (`SYSTEM DROP REPLICA`), and says so in `replicas` |
//! | it comes back | it lacks no insert that was acknowledged. Mutations may lack: see below |
//! | an insert is refused or runs out of time halfway | it was not acknowledged: the writer repeats it under its token, and waits for what is there already |
//! | rows of an insert that is under way are seen on one replica and not yet on another | as on one node, where one statement sees them and one before it did not. A mark that is seen early was written behind rows that all replicas have |
//! | such rows vanish, as the only replica that had them is lost | whoever wrote them repeats it; a sink's replay marks its hours |
//! | a replica that lost Keeper answers from what it has | while it is counted, no insert is acknowledged that it lacks; later none at all is |
//! | a new replica copies everything | it is to be asked only when it has: `system.replicas` says so, and `replicas` counts it then. Its tables are those that `SHOW CREATE TABLE` gives on another: a migration is not run again for it |
//!
//! # Who relies on what
//!
//! | part | on replicas |
//! |---|---|
//! | `write` | a token is known to all replicas, as Keeper has it. It is kept for a week, not for ClickHouse's hour, as on one node only their number bounds it; later a replay is told by `batches` and by its rows, as ever. Parts are numbered in the order in which Keeper gave the numbers out, and FINAL goes by the same |
//! | views | run where the insert runs; what they write is replicated, and the insert waits for it too |
//! | `rollup`, `labels`, `days` | the above, and that a mark, an epoch or a pass that is written twice under no token counts as twice: no table says otherwise here than on one node |
//! | mutations: `clean`, `retention`, `forget`, `rescore drop` | `mutations_sync = 2` waits for all replicas, and ends in an error where one is down; repeated, they go on. `forget` so never says that something is gone while a replica has it. What retention names as gone does not count, whatever may still lie there. Their text goes through Keeper, which takes 1 MB: there are fewer ids in each |
//! | `migrate` | DDL waits for all hosts, and ends in an error that names the one that is down. A store that lacks nothing is not touched, so that stages start meanwhile. The turn is a table that is made on all hosts in the one order of the DDL queue: of two that make the same, one fails on all. Who was behind, and made a number that had been passed, sees the higher one, and waits |
//! | `search`: the text index | `ALTER` of a replicated table is one of all replicas |
//! | settings of a table | are each replica's own: `MODIFY SETTING` needs `ON CLUSTER`, and stands in migrations alone |
//! | clocks | only tell retention of `batches` and reports, which table's record of a migration is newer, and which days are over |
//! | sizes on disk, old parts | are of the replica that answers; `forget` counts its minutes from when all were through |

mod check;
mod statement;

use std::fmt;

use crate::{Store, StoreError};

/// ClickHouse's time for a statement of DDL on all hosts, in seconds; then it names those that did not answer.
const DDL_SECONDS: &str = "180";
/// Less than a writer waits for an answer ([`crate::write`]): the server's error says which replica lacks.
const QUORUM_MILLISECONDS: &str = "120000";
/// Rows of one mutation, whose text goes through Keeper.
const MUTATION_ROWS: usize = 5_000;

/// A cluster that `remote_servers` of ClickHouse names, of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    name: String,
    replicas: u32,
}

impl Cluster {
    /// # Errors
    /// A name that ClickHouse's macros or a path of Keeper would read as more than a name; no replica at all.
    pub fn new(name: &str, replicas: u32) -> Result<Self, StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(StoreError::ClusterName { name: name.to_owned() });
        }
        match replicas {
            0 => Err(StoreError::NoReplicas { name: name.to_owned() }),
            _ => Ok(Self { name: name.to_owned(), replicas }),
        }
    }

    /// Of every statement that writes.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            // Below 2 it is off: one replica is all of them.
            ("insert_quorum", self.replicas.to_string()),
            ("insert_quorum_parallel", "1".to_owned()),
            ("insert_quorum_timeout", QUORUM_MILLISECONDS.to_owned()),
            ("alter_sync", "2".to_owned()),
            ("distributed_ddl_task_timeout", DDL_SECONDS.to_owned()),
            // An error where a host does not answer, and no table of hosts where all did.
            ("distributed_ddl_output_mode", "none".to_owned()),
        ]
    }

    /// Rows that one mutation may name, of those that it may name on one node.
    fn mutation_rows(cluster: Option<&Self>, usual: usize) -> usize {
        cluster.map_or(usual, |_| usual.min(MUTATION_ROWS))
    }
}

impl Store {
    /// Of the rows that a mutation names on one node, those that it names here.
    pub(crate) fn mutation_rows(&self, usual: usize) -> usize {
        Cluster::mutation_rows(self.cluster.as_ref(), usual)
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_cannot_carry_sql_or_a_macro() {
        for name in ["", "a`b", "a b", "{shard}", "a/b", "ä", "a;DROP"] {
            assert!(matches!(Cluster::new(name, 2), Err(StoreError::ClusterName { .. })), "{name}");
        }
        assert!(matches!(Cluster::new("main", 0), Err(StoreError::NoReplicas { .. })));
        assert_eq!(Cluster::new("eu-west_1", 2).unwrap().to_string(), "eu-west_1");
    }

    #[test]
    fn every_insert_waits_for_all_replicas_and_inserts_stay_parallel() {
        let settings = Cluster::new("main", 3).unwrap().settings();
        assert!(settings.contains(&("insert_quorum", "3".into())), "{settings:?}");
        assert!(settings.contains(&("insert_quorum_parallel", "1".into())), "{settings:?}");
    }

    #[test]
    fn a_mutation_of_ids_fits_into_what_keeper_takes() {
        let cluster = Cluster::new("main", 3).unwrap();
        let rows = Cluster::mutation_rows(Some(&cluster), 20_000);
        // 39 digits, two quotes, a comma and a blank.
        assert!(rows * 43 < 1_000_000 / 2, "{rows}");
        assert_eq!(Cluster::mutation_rows(None, 20_000), 20_000);
    }
}
