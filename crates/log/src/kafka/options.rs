//! What can be set, what may not be, and how settings reach librdkafka.

use std::{collections::BTreeMap, fmt, time::Duration};

use rdkafka::ClientConfig;

use crate::LogError;

/// How to reach a cluster.
#[derive(Clone)]
pub struct KafkaOptions {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// How this process calls itself in the brokers' logs and quotas.
    pub client_id: String,
    /// Properties of librdkafka, for security above all (`security.protocol`, `sasl.username` …). Those that the log's
    /// guarantees rest on are refused. With `group.instance.id`, unlike in every process, a process that is started again
    /// within `session.timeout.ms` takes its partitions over at once; of two with the same one, the older fails.
    pub properties: BTreeMap<String, String>,
    /// Replicas of the topics that are created; `None` leaves it to the brokers.
    pub replication: Option<u16>,
    /// How long a request may take before it counts as failed.
    pub patience: Duration,
    /// Called between the append and the commit of [`append_and_commit`](crate::Consumer::append_and_commit): for tests
    /// that end the process there.
    pub appended: fn(),
}

impl KafkaOptions {
    pub fn new(brokers: impl Into<String>) -> Self {
        KafkaOptions {
            brokers: brokers.into(),
            client_id: "grapevine".to_owned(),
            properties: BTreeMap::new(),
            replication: None,
            patience: Duration::from_secs(30),
            appended: || {},
        }
    }
}

/// Property values may be secrets: only their names are shown.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("properties", &self.properties.keys())
            .field("replication", &self.replication)
            .field("patience", &self.patience)
            .finish()
    }
}

/// Set here and nowhere else: changing one of them would break a promise of the log.
const OURS: [&str; 12] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "group.id",
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "partition.assignment.strategy",
    "partitioner",
];

/// Sources give lines of up to 4 MiB, and a scored record repeats its text: librdkafka's and the brokers' default of 1 MB
/// would stop a pipeline at one of them.
const LARGEST_RECORD: &str = "16777216";

/// Of one record, in bytes: what the producer sends and the topics that are created take.
pub(super) fn largest_record(options: &KafkaOptions) -> &str {
    options.properties.get("message.max.bytes").map_or(LARGEST_RECORD, String::as_str)
}

/// What every client shares.
pub(super) fn base(options: &KafkaOptions) -> Result<ClientConfig, LogError> {
    if let Some(key) = options.properties.keys().find(|key| OURS.contains(&key.as_str())) {
        let message = format!("kafka property {key} is set by grapevine and cannot be changed; remove it");
        return Err(LogError::Broken { message, transient: false });
    }
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", &options.client_id)
        // A broker that comes back is noticed within seconds; the default lets the pause grow to ten.
        .set("reconnect.backoff.max.ms", "3000");
    for (key, value) in &options.properties {
        config.set(key, value);
    }
    Ok(config)
}

/// Acknowledged by every in-sync replica, each record once and in order, over retries and reconnects.
pub(super) fn producer(options: &KafkaOptions) -> Result<ClientConfig, LogError> {
    let mut config = base(options)?;
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2")
        .set("message.timeout.ms", options.patience.as_millis().to_string());
    let defaults = [
        // lz4 is a part of librdkafka; zstd would have to be linked.
        ("compression.type", "lz4"),
        // An append is a batch already: waiting longer would only delay its end.
        ("linger.ms", "2"),
        ("batch.num.messages", "10000"),
        // Bounds the memory of what waits for a slow broker; an append beyond it waits.
        ("queue.buffering.max.kbytes", "131072"),
        ("message.max.bytes", LARGEST_RECORD),
    ];
    Ok(with_defaults(config, options, &defaults))
}

/// A member of a group on one topic.
///
/// Kafka's groups span topics, those of this log do not: members that share a name, but not the topic, would rebalance
/// each other. So the group's id is `GROUP.TOPIC`.
///
/// Cooperative-sticky: on a rebalance only the partitions that move stop; the others read on where they are. (An eager
/// one takes all partitions away from all members, which then read everything since their last commits again.)
pub(super) fn member(options: &KafkaOptions, group: &str, topic: &str) -> Result<ClientConfig, LogError> {
    let mut config = reader(options)?;
    config.set("group.id", format!("{group}.{topic}")).set("partition.assignment.strategy", "cooperative-sticky");
    // A member that was killed loses its partitions after this time; the default is 45 seconds. Brokers allow 6 seconds
    // at least, but a broker that restarts may be away for longer, and then every member would lose all it reads.
    // Members learn of a rebalance from their next heartbeat: it takes about as long as lies between two.
    Ok(with_defaults(config, options, &[("session.timeout.ms", "10000"), ("heartbeat.interval.ms", "1000")]))
}

/// A reader that commits nothing by itself. Its group is never joined: librdkafka wants a name all the same.
pub(super) fn reader(options: &KafkaOptions) -> Result<ClientConfig, LogError> {
    let mut config = base(options)?;
    config
        .set("group.id", "grapevine-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        // Joining with `StartAt::Newest` commits the start first, so an offset is missing only where a group starts
        // with the oldest record, or where retention removed what a slow group had not read.
        .set("auto.offset.reset", "earliest");
    let defaults = [
        // A partition's largest record in one answer. The answer as a whole (fetch.max.bytes, receive.message.max.bytes)
        // librdkafka fits to what may be fetched ahead.
        ("max.partition.fetch.bytes", LARGEST_RECORD),
        // Bounds the memory of what was fetched ahead …
        ("queued.max.messages.kbytes", "16384"),
        // … and once there is room again, fetching goes on at once, not after a second.
        ("fetch.queue.backoff.ms", "10"),
        ("fetch.wait.max.ms", "100"),
    ];
    Ok(with_defaults(config, options, &defaults))
}

/// Settings that the operator may have set otherwise.
fn with_defaults(mut config: ClientConfig, options: &KafkaOptions, defaults: &[(&str, &str)]) -> ClientConfig {
    for (key, value) in defaults {
        if !options.properties.contains_key(*key) {
            config.set(*key, *value);
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_that_carries_a_guarantee_is_refused() {
        let mut options = KafkaOptions::new("localhost:9092");
        options.properties.insert("acks".to_owned(), "0".to_owned());
        let error = producer(&options).unwrap_err();
        assert!(error.to_string().contains("acks") && !error.is_transient(), "{error}");
    }

    #[test]
    fn a_secret_is_not_shown_and_a_default_can_be_changed() {
        let mut options = KafkaOptions::new("localhost:9092");
        options.properties.insert("sasl.password".to_owned(), "s3cret".to_owned());
        options.properties.insert("linger.ms".to_owned(), "50".to_owned());
        assert!(!format!("{options:?}").contains("s3cret"));
        assert_eq!(producer(&options).unwrap().get("linger.ms"), Some("50"));
    }

    #[test]
    fn an_operator_may_set_another_largest_record_for_the_producer_and_for_topics() {
        let mut options = KafkaOptions::new("localhost:9092");
        assert_eq!(largest_record(&options), LARGEST_RECORD);
        assert_eq!(producer(&options).unwrap().get("message.max.bytes"), Some(LARGEST_RECORD));
        options.properties.insert("message.max.bytes".to_owned(), "2000000".to_owned());
        assert_eq!(largest_record(&options), "2000000");
        assert_eq!(producer(&options).unwrap().get("message.max.bytes"), Some("2000000"));
    }
}
