//! A cluster: its topics, and appending to them. What the log and the members of its groups share.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use rdkafka::{
    error::KafkaError,
    producer::{FutureProducer, Producer as _},
};

use super::{
    blocking,
    client::{Context, explain},
    options::KafkaOptions,
    producer::Appender,
    topics,
};
use crate::{LogError, Record};

pub(super) struct Cluster {
    pub options: KafkaOptions,
    appender: Appender,
    /// Partitions never become fewer, and `ensure_topics` looks again.
    partitions: Mutex<HashMap<String, u32>>,
}

impl Cluster {
    pub async fn connect(options: KafkaOptions) -> Result<Self, LogError> {
        let context = Context::default();
        let appender = Appender::new(&options, context.clone())?;
        let cluster = Cluster { options, appender, partitions: Mutex::default() };
        match cluster.look().await? {
            Ok(_) => Ok(cluster),
            Err(error) => {
                let reason = context.complaint().unwrap_or_else(|| error.to_string());
                let brokers = &cluster.options.brokers;
                let message = format!(
                    "no Kafka broker answers at {brokers}: {reason}; check that it runs, the address, and the security \
                     properties"
                );
                Err(LogError::Broken { message, transient: true })
            }
        }
    }

    /// A handle that shares the connections; also good for metadata.
    pub fn producer(&self) -> FutureProducer<Context> {
        self.appender.producer()
    }

    /// Asks the cluster for its topics and remembers their partitions.
    async fn look(&self) -> Result<Result<BTreeMap<String, u32>, KafkaError>, LogError> {
        let (producer, patience) = (self.producer(), self.options.patience);
        let found = blocking(move || topics::cluster(producer.client(), patience)).await?;
        if let Ok(found) = &found {
            self.partitions.lock().extend(found.iter().map(|(name, count)| (name.clone(), *count)));
        }
        Ok(found)
    }

    pub async fn topics(&self) -> Result<BTreeMap<String, u32>, LogError> {
        self.look().await?.map_err(|error| explain("asking Kafka for its topics", &error))
    }

    pub async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        if let Some(count) = self.partitions.lock().get(topic) {
            return Ok(*count);
        }
        self.topics().await?.get(topic).copied().ok_or_else(|| LogError::NoTopic(topic.to_owned()))
    }

    pub async fn append(&self, topic: &str, records: &[Record]) -> Result<(), LogError> {
        let partitions = self.partitions(topic).await?;
        if let Some(part) = records.iter().filter_map(|record| record.partition).find(|part| *part >= partitions) {
            let message = format!("topic {topic} has no partition {part}, only 0 to {}", partitions.saturating_sub(1));
            return Err(LogError::Broken { message, transient: false });
        }
        self.appender.append(topic, records).await
    }
}
