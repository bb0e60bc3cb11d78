use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use grapevine_alerts::ReceiverConfig;
use grapevine_scoring::{DeviceChoice, EngineChoice};
use grapevine_store::{Cluster, StoreError};
use serde::Deserialize;

/// `[log]`: where events wait between the stages.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// `embedded` (one SQLite file in `data_dir`) or `kafka`. Default: `embedded`.
    pub kind: LogKind,
    /// Kafka's bootstrap servers, `host:port,host:port`. Only with `kind = "kafka"`.
    pub brokers: Option<String>,
    /// Partitions of each topic: the unit of scale. It can not be changed later. Default: 3.
    pub partitions: u32,
    /// Copies of each partition that Kafka keeps. Default: what the brokers have as theirs.
    pub replication: Option<u16>,
    /// Hours that events are kept on the log. Default: 168 (a week).
    pub retention_hours: u64,
    /// Further settings of librdkafka, by its own names: security, compression. Only with `kind = "kafka"`.
    pub properties: BTreeMap<String, String>,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            kind: LogKind::Embedded,
            brokers: None,
            partitions: 3,
            replication: None,
            retention_hours: 168,
            properties: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    Embedded,
    Kafka,
}

/// `[store]`: where results are stored and queried.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// `embedded` (ClickHouse's engine as a child process, tables in `data_dir`) or `clickhouse`. Default: `embedded`.
    pub kind: StoreKind,
    /// ClickHouse's HTTP address, such as `http://clickhouse:8123`. Only with `kind = "clickhouse"`.
    pub url: Option<String>,
    /// Database; it is created where it is missing. Default: `grapevine`.
    pub database: String,
    /// A cluster of ClickHouse's `remote_servers`, of one shard: each of its hosts then has all tables, and `url` may be that of
    /// any of them, or of what balances between them. Not to be changed later. Default: none, one node.
    pub cluster: Option<String>,
    /// How many replicas the cluster has. Every insert waits for all of them. Only with `cluster`.
    pub replicas: Option<u32>,
    /// User that writes. Default: `default`.
    pub user: String,
    /// Environment variable that holds the user's password.
    pub password_env: Option<String>,
    /// User that answers the page's questions, and should not be able to write (`readonly = 2`). Default: `user`.
    pub reader_user: Option<String>,
    /// Environment variable that holds the reader's password.
    pub reader_password_env: Option<String>,
    /// Memory that the embedded engine may take, in MiB. Default: 4096.
    pub memory_mib: u64,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded,
            url: None,
            database: "grapevine".into(),
            cluster: None,
            replicas: None,
            user: "default".into(),
            password_env: None,
            reader_user: None,
            reader_password_env: None,
            memory_mib: 4096,
        }
    }
}

impl StoreSection {
    /// The cluster that the store is on, if it is on one.
    pub fn on_cluster(&self) -> Result<Option<Cluster>, StoreError> {
        self.cluster.as_deref().map(|name| Cluster::new(name, self.replicas.unwrap_or_default())).transpose()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    Embedded,
    Clickhouse,
}

/// `[scoring]`: the model.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoringSection {
    /// `false` stores mentions without scores; they are shown as not scored. Default: `true`.
    pub enabled: bool,
    /// Folder of the model, or `hf:owner/name` of one that `grapevine model fetch` has fetched. Default: the model that Grapevine ships.
    pub model: Option<PathBuf>,
    /// `auto`, `rust-bert-fp32`, `rust-bert-bf16` or `onnx-int8`. Default: `auto`.
    pub engine: EngineChoice,
    /// What rust-bert computes on: `auto` takes CUDA where libtorch sees a device, `cpu`, or `cuda`. Default: `auto`.
    pub device: DeviceChoice,
    /// Worker threads; 0 means one a core. Default: 0.
    pub workers: usize,
    /// Hours after the last mention of a story in which a copy or a rewording still joins it. Default: 72.
    pub story_hours: u32,
    /// Mentions that are remembered to find copies and rewordings, about 1.5 KiB each; 0 tells no stories apart. Default: 50000.
    pub story_mentions: usize,
}

impl Default for ScoringSection {
    fn default() -> Self {
        Self {
            enabled: true,
            model: None,
            engine: EngineChoice::Auto,
            device: DeviceChoice::Auto,
            workers: 0,
            story_hours: 72,
            story_mentions: 50_000,
        }
    }
}

/// `[api]`: the page and the HTTP interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSection {
    /// Address to listen on. Default: `127.0.0.1:8642`, reachable from this machine only.
    pub listen: SocketAddr,
    /// Host names that the page may be asked for by, beside the loopback ones. Others are refused (DNS rebinding).
    pub hosts: Vec<String>,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8642)), hosts: Vec::new() }
    }
}

/// `[alerts]`: what is watched, and who is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsSection {
    /// Hours after which an alert found in old data is stored and shown but not sent. 0 sends however old it is. Default: 24.
    pub max_age_hours: u32,
    /// Address of the page as readers of a notification reach it. Default: from `[api] listen`.
    pub page_url: Option<String>,
    /// Who is told.
    #[serde(rename = "receiver")]
    pub receivers: Vec<ReceiverConfig>,
}

impl Default for AlertsSection {
    fn default() -> Self {
        Self { max_age_hours: 24, page_url: None, receivers: Vec::new() }
    }
}

/// `[monitoring]`: what a process says of itself to Prometheus and to probes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringSection {
    /// Address of `/metrics` and `/health` (200, or 503 with words), without a token. Default: none; the page of `up` and
    /// `serve` has `/metrics` with its token. `GRAPEVINE_MONITORING_LISTEN` in the environment wins.
    pub listen: Option<SocketAddr>,
}
