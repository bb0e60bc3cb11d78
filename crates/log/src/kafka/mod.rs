//! The log on a Kafka cluster, through librdkafka. The only place that knows rdkafka.
//!
//! Appends go through an idempotent producer (`acks=all`): an append returns when each of its records is acknowledged by
//! all in-sync replicas. Keys find their partition by [`crate::partition_of`], as in the embedded log.
//!
//! Groups are Kafka's: see [`KafkaOptions`] for the settings, and the consumer's module for how rebalances are told.
//! A member must be polled at least every five minutes (`max.poll.interval.ms`), or the group goes on without it.
//!
//! The bundled librdkafka is built without TLS and without Kerberos: `security.protocol` can be `PLAINTEXT` or
//! `SASL_PLAINTEXT`.

mod client;
mod consumer;
mod options;
mod producer;
mod topics;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer,
};

pub use self::options::KafkaOptions;
use self::{
    client::{Context, explain, when_settled},
    consumer::{KafkaConsumer, offset_list},
    producer::Appender,
};
use crate::{Consumer, Log, LogError, Offsets, Record, StartAt, TopicSpec};

/// How long a new topic may take to be known everywhere.
const PROPAGATION: Duration = Duration::from_secs(15);

/// A connection to a cluster.
pub struct KafkaLog {
    options: KafkaOptions,
    appender: Appender,
    /// Partitions never become fewer, and `ensure_topics` looks again.
    partitions: Mutex<HashMap<String, u32>>,
}

/// Runs what waits for the network inside librdkafka on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = format!("a request to Kafka ended abnormally: {error}");
        LogError::Broken { message, transient: true }
    })
}

impl KafkaLog {
    /// Starts a producer and asks the cluster for its topics.
    ///
    /// # Errors
    /// A property that librdkafka does not know or that is reserved; no broker that answers within
    /// [`KafkaOptions::patience`] (transient).
    pub async fn connect(options: KafkaOptions) -> Result<Self, LogError> {
        let context = Context::default();
        let appender = Appender::new(&options, context.clone())?;
        let log = KafkaLog { options, appender, partitions: Mutex::default() };
        match log.look().await? {
            Ok(_) => Ok(log),
            Err(error) => {
                let reason = context.complaint().unwrap_or_else(|| error.to_string());
                let brokers = &log.options.brokers;
                let message = format!(
                    "no Kafka broker answers at {brokers}: {reason}; check that it runs, the address, and the security \
                     properties"
                );
                Err(LogError::Broken { message, transient: true })
            }
        }
    }

    /// Asks the cluster for its topics and remembers their partitions.
    async fn look(&self) -> Result<Result<BTreeMap<String, u32>, KafkaError>, LogError> {
        let (producer, patience) = (self.appender.producer(), self.options.patience);
        let found = blocking(move || topics::cluster(producer.client(), patience)).await?;
        if let Ok(found) = &found {
            self.partitions.lock().extend(found.iter().map(|(name, count)| (name.clone(), *count)));
        }
        Ok(found)
    }

    async fn topics(&self) -> Result<BTreeMap<String, u32>, LogError> {
        self.look().await?.map_err(|error| explain("asking Kafka for its topics", &error))
    }

    /// A client that names the group without joining it.
    fn onlooker(&self, group: &str, topic: &str) -> Result<BaseConsumer<Context>, LogError> {
        BaseConsumer::from_config_and_context(&options::member(&self.options, group, topic)?, Context::default())
            .map_err(|error| explain("starting a Kafka consumer", &error))
    }

    /// Commits the present end of the partitions without a commit: from now on it is certain what "newest" means, also
    /// for the member that takes a partition over.
    async fn commit_start(&self, topic: &str, group: &str, partitions: u32) -> Result<(), LogError> {
        let (client, patience, topic) = (self.onlooker(group, topic)?, self.options.patience, topic.to_owned());
        let work = move || {
            let known = topics::committed(&client, (&topic, partitions), patience)?;
            let mut starts = Offsets::new();
            for (part, (_, next)) in topics::bounds(client.client(), (&topic, partitions), patience)? {
                if !known.contains_key(&part) {
                    starts.insert(part, next);
                }
            }
            if starts.is_empty() {
                return Ok(());
            }
            let list = offset_list(&topic, &starts)?;
            match when_settled(|| client.commit(&list, CommitMode::Sync)) {
                // The group has members: the first of them has done this.
                Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownMemberId) => Ok(()),
                outcome => outcome.map_err(|error| explain(&format!("starting group at the end of {topic}"), &error)),
            }
        };
        blocking(work).await?
    }
}

#[async_trait]
impl Log for KafkaLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let began = Instant::now();
        let mut asked = false;
        loop {
            let found = self.topics().await?;
            for spec in topics {
                let count = found.get(&spec.name).copied().unwrap_or(0);
                if count > 0 && count != spec.partitions {
                    let (topic, wanted) = (spec.name.clone(), spec.partitions);
                    return Err(LogError::Partitions { topic, found: count, wanted });
                }
            }
            let missing: Vec<TopicSpec> =
                topics.iter().filter(|spec| !found.contains_key(&spec.name)).cloned().collect();
            if missing.is_empty() {
                return Ok(());
            }
            if !asked {
                topics::create(&self.options, &missing).await?;
                asked = true;
            } else if began.elapsed() > PROPAGATION {
                let message = format!("topic {} was created, but the brokers do not show it", missing[0].name);
                return Err(LogError::Broken { message, transient: true });
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        if let Some(count) = self.partitions.lock().get(topic) {
            return Ok(*count);
        }
        self.topics().await?.get(topic).copied().ok_or_else(|| LogError::NoTopic(topic.to_owned()))
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<(), LogError> {
        let partitions = self.partitions(topic).await?;
        if let Some(part) = records.iter().filter_map(|record| record.partition).find(|part| *part >= partitions) {
            let message = format!("topic {topic} has no partition {part}, only 0 to {}", partitions.saturating_sub(1));
            return Err(LogError::Broken { message, transient: false });
        }
        self.appender.append(topic, &records).await
    }

    async fn consumer(&self, topic: &str, group: &str, start: StartAt) -> Result<Box<dyn Consumer>, LogError> {
        let partitions = self.partitions(topic).await?;
        if start == StartAt::Newest {
            self.commit_start(topic, group, partitions).await?;
        }
        let joining = |error: &KafkaError| explain(&format!("joining group {group} on {topic}"), error);
        let config = options::member(&self.options, group, topic)?;
        let client = StreamConsumer::<Context>::from_config_and_context(&config, Context::default())
            .map_err(|error| joining(&error))?;
        client.subscribe(&[topic]).map_err(|error| joining(&error))?;
        Ok(Box::new(KafkaConsumer::new(topic, client, self.options.patience)))
    }

    async fn table(&self, topic: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError> {
        let partitions = self.partitions(topic).await?;
        let (options, topic) = (self.options.clone(), topic.to_owned());
        blocking(move || topics::table(&options, (&topic, partitions))).await?
    }

    async fn bounds(&self, topic: &str) -> Result<BTreeMap<u32, (u64, u64)>, LogError> {
        let partitions = self.partitions(topic).await?;
        let (producer, patience, topic) = (self.appender.producer(), self.options.patience, topic.to_owned());
        blocking(move || topics::bounds(producer.client(), (&topic, partitions), patience)).await?
    }

    async fn committed(&self, topic: &str, group: &str) -> Result<Offsets, LogError> {
        let partitions = self.partitions(topic).await?;
        let (client, patience, topic) = (self.onlooker(group, topic)?, self.options.patience, topic.to_owned());
        blocking(move || topics::committed(&client, (&topic, partitions), patience)).await?
    }
}
