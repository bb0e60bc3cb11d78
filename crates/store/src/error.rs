/// What can go wrong between Grapevine and ClickHouse.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("clickhouse failed while {doing}: {source}")]
    Engine { doing: &'static str, source: clickhouse::error::Error },
    #[error(
        "migration {name} was applied with other contents than this program has: restore the file, \
         or put the change into a new migration"
    )]
    EditedMigration { name: String },
    #[error("migration {name} was applied by a newer version of this program: upgrade it")]
    NewerSchema { name: String },
    #[error("there is no metric {name:?}; there are: {valid}")]
    UnknownMetric { name: String, valid: String },
    #[error("metric {metric} cannot be split by {by}; it can be split by: {valid}")]
    UnsupportedBy { metric: &'static str, by: &'static str, valid: String },
    #[error("metric {metric} answers about one {parameter}: say which in `{parameter}`")]
    MissingParameter { metric: &'static str, parameter: &'static str },
    #[error("the span from {from} to {to} is empty: its start has to be before its end")]
    EmptySpan { from: jiff::Timestamp, to: jiff::Timestamp },
    #[error(
        "the span from {from} to {to} gives {points} points, the most is {most}: use a shorter span or a coarser step"
    )]
    TooManyPoints { from: jiff::Timestamp, to: jiff::Timestamp, points: u64, most: u64 },
    #[error(
        "{what} from {from} to {to} takes more than one question may ({budget}): ask for a shorter span, \
         or for fewer brands"
    )]
    TooHeavy { what: String, from: jiff::Timestamp, to: jiff::Timestamp, budget: crate::Budget },
    #[error("database name {name:?} is not made of letters, digits and underscores")]
    DatabaseName { name: String },
    #[error("a batch of {topic} partition {partition} holds offset {offset} outside its range {first} to {last}")]
    OutsideRange { topic: String, partition: u32, offset: u64, first: u64, last: u64 },
    #[error("cluster name {name:?} is not made of letters, digits, `_` and `-`")]
    ClusterName { name: String },
    #[error("cluster {name} has no replica by the configuration: say in `replicas` how many hosts it has")]
    NoReplicas { name: String },
    #[error("clickhouse knows no cluster {name:?}: name one of its `remote_servers`; it knows: {known}")]
    UnknownCluster { name: String, known: String },
    #[error(
        "cluster {name} has {shards} shards, and Grapevine keeps all of its tables on one, as its questions join them: \
         name a cluster of one shard in `remote_servers`, with all hosts as its replicas"
    )]
    Shards { name: String, shards: u64 },
    #[error(
        "cluster {name} has {found} replicas, and the configuration says {told}: every insert waits for all of them, so \
         `replicas` must be their number"
    )]
    Replicas { name: String, found: u64, told: u32 },
    #[error(
        "table {table} has {found} replicas in Keeper, and cluster {name} has {told}: the macro `shard` must be the same on \
         all hosts, and what was taken out of the cluster must leave Keeper, too (`SYSTEM DROP REPLICA`)"
    )]
    Apart { table: String, name: String, found: u64, told: u32 },
    #[error(
        "table {table} was made for one node and is not replicated: name a new database for the cluster, and move what is \
         stored with `grapevine export` and `grapevine import`"
    )]
    NotReplicated { table: String },
    #[error("table {table} is replicated, and no cluster is configured: name it, with its number of replicas")]
    Replicated { table: String },
    #[error("this statement has no form for a cluster: {statement}")]
    NoClusterForm { statement: String },
    #[error(transparent)]
    Query(#[from] grapevine_monitor::MonitorError),
    #[error("clickhouse answered {doing} with what is not the expected JSON: {source}")]
    Answer { doing: &'static str, source: serde_json::Error },
}

/// Codes of ClickHouse that pass by themselves: timeouts, too many queries or parts, memory, a full disk, no network; of a
/// cluster: no Keeper (225, 999), a table that waits for it (242), one that began anew with it meanwhile (244), a replica that is
/// down (285, 341) or slow (319).
const TRANSIENT_CODES: [u32; 18] =
    [3, 159, 164, 198, 202, 203, 209, 210, 225, 241, 242, 243, 244, 252, 285, 319, 341, 999];

impl StoreError {
    /// Trying the same call again later can succeed.
    pub fn is_transient(&self) -> bool {
        use clickhouse::error::Error;
        match self {
            Self::Engine { source: Error::Network(_) | Error::TimedOut, .. } => true,
            Self::Engine { source: Error::BadResponse(message), .. } => {
                code_of(message).is_none_or(|code| TRANSIENT_CODES.contains(&code))
            }
            _ => false,
        }
    }

    /// The user may not ask that: ClickHouse's code of privileges that lack.
    pub(crate) fn is_refusal(&self) -> bool {
        use clickhouse::error::Error;
        matches!(self, Self::Engine { source: Error::BadResponse(message), .. } if code_of(message) == Some(497))
    }

    /// What was asked for has not been made yet: ClickHouse's codes of an unknown table and an unknown database.
    pub(crate) fn is_absence(&self) -> bool {
        use clickhouse::error::Error;
        match self {
            Self::Engine { source: Error::BadResponse(message), .. } => matches!(code_of(message), Some(60 | 81)),
            _ => false,
        }
    }
}

/// The number in `Code: 60. DB::Exception: …`. A proxy's error page has none.
pub(crate) fn code_of(message: &str) -> Option<u32> {
    let rest = message.split("Code: ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Names the step that failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, clickhouse::error::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Engine { doing, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(message: &str) -> StoreError {
        StoreError::Engine { doing: "testing", source: clickhouse::error::Error::BadResponse(message.into()) }
    }

    #[test]
    fn a_table_that_was_never_made_is_told_from_one_that_may_not_be_read() {
        assert!(answered("Code: 60. DB::Exception: Unknown table expression identifier").is_absence());
        assert!(answered("Code: 81. DB::Exception: Database grapevine does not exist").is_absence());
        let refused = answered("Code: 497. DB::Exception: reader: Not enough privileges");
        assert!(!refused.is_absence() && refused.is_refusal());
    }

    #[test]
    fn a_full_disk_and_a_proxy_page_pass_but_a_missing_column_does_not() {
        assert!(answered("Code: 243. DB::Exception: Not enough space").is_transient());
        assert!(answered("<html>502</html>").is_transient());
        assert!(!answered("Code: 47. DB::Exception: Missing columns").is_transient());
    }

    #[test]
    fn an_insert_or_a_deletion_that_a_replica_is_missing_for_is_tried_again() {
        assert!(
            answered("Code: 285. DB::Exception: Number of alive replicas (1) is less than requested quorum")
                .is_transient()
        );
        assert!(
            answered("Code: 341. DB::Exception: Mutation is not finished because some replicas are inactive")
                .is_transient()
        );
    }
}
