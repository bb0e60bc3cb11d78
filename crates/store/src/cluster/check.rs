//! Whether the cluster is what the configuration says, and the tables are what the cluster needs. Asked before anything is
//! made.

use clickhouse::Row;
use serde::Deserialize;

use super::Cluster;
use crate::{Store, StoreError, error::Doing};

const DOING: &str = "looking at the cluster";

/// What ClickHouse knows of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
struct Hosts {
    shards: u64,
    replicas: u64,
}

impl Store {
    /// # Errors
    /// Tables that were made for one node where a cluster is configured, or the other way round; a cluster that ClickHouse does
    /// not know, that has several shards, or another number of replicas.
    pub(crate) async fn check_cluster(&self) -> Result<(), StoreError> {
        if let Some(table) = self.table_of_other_kind().await? {
            return Err(match &self.cluster {
                Some(_) => StoreError::NotReplicated { table },
                None => StoreError::Replicated { table },
            });
        }
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let sql = "SELECT uniqExact(shard_num) AS shards, count() AS replicas FROM system.clusters
            WHERE cluster = {name:String}";
        let hosts: Hosts = self.server().query(sql).param("name", &cluster.name).fetch_one().await.doing(DOING)?;
        if hosts.shards > 0 {
            return cluster.admit(hosts);
        }
        let known = "SELECT DISTINCT cluster FROM system.clusters ORDER BY cluster";
        let known: Vec<String> = self.server().query(known).fetch_all().await.doing(DOING)?;
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(StoreError::UnknownCluster { name: cluster.name.clone(), known })
    }

    /// A table of the database that is replicated where none should be, or not where all should.
    async fn table_of_other_kind(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT name FROM system.tables WHERE database = {database:String} AND endsWith(engine, 'MergeTree')
            AND startsWith(engine, 'Replicated') != {replicated:Bool} AND NOT startsWith(engine, 'Shared')
            ORDER BY name LIMIT 1";
        let query = self.server().query(sql).param("database", self.database());
        query.param("replicated", self.cluster.is_some()).fetch_optional().await.doing(DOING)
    }

    /// All hosts keep one table, and not some of them another: asked once the first table is there.
    pub(crate) async fn check_replicas(&self, table: &str) -> Result<(), StoreError> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let sql = "SELECT toUInt64(max(total_replicas)) FROM system.replicas
            WHERE database = {database:String} AND table = {table:String}";
        let query = self.server().query(sql).param("database", self.database()).param("table", table);
        match query.fetch_one::<u64>().await.doing(DOING)? {
            found if found == u64::from(cluster.replicas) => Ok(()),
            found => Err(StoreError::Apart {
                table: table.to_owned(),
                name: cluster.name.clone(),
                found,
                told: cluster.replicas,
            }),
        }
    }
}

impl Cluster {
    fn admit(&self, hosts: Hosts) -> Result<(), StoreError> {
        let (name, told) = (self.name.clone(), self.replicas);
        match hosts {
            Hosts { shards: 2.., .. } => Err(StoreError::Shards { name, shards: hosts.shards }),
            Hosts { replicas, .. } if replicas != u64::from(told) => {
                Err(StoreError::Replicas { name, found: replicas, told })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_several_shards_or_of_other_replicas_is_refused_with_what_to_do() {
        let cluster = Cluster::new("main", 2).unwrap();
        let said = |shards, replicas| cluster.admit(Hosts { shards, replicas }).map_err(|error| error.to_string());
        assert_eq!(said(1, 2), Ok(()));
        let shards = said(2, 2).unwrap_err();
        assert!(
            shards.starts_with("cluster main has 2 shards, and Grapevine keeps all of its tables on one"),
            "{shards}"
        );
        let replicas = said(1, 3).unwrap_err();
        assert!(replicas.starts_with("cluster main has 3 replicas, and the configuration says 2"), "{replicas}");
    }
}
