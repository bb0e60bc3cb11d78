//! The log on a Kafka cluster, through librdkafka. The only place that knows rdkafka.
//!
//! Appends go through an idempotent producer (`acks=all`): an append returns when each of its records is acknowledged by
//! all in-sync replicas. Keys find their partition by [`crate::partition_of`], as in the embedded log.
//!
//! Groups are Kafka's: see [`KafkaOptions`] for the settings, and the consumer's module for how rebalances are told.
//! A member must be polled or tended at least every five minutes (`max.poll.interval.ms`), or the group goes on without it.
//!
//! Commits carry their notes as the metadata of Kafka's offset commits. Both are fenced by the group's generation.
//!
//! [`Consumer::append_and_commit`] appends, then commits, without a transaction, for three reasons:
//! - A member that is killed leaves its transaction open. Readers of committed records stand still behind it until the
//!   broker ends it (`transaction.timeout.ms`, ten seconds or more), in every partition that it wrote to.
//! - Only a producer of the same transactional id ends it sooner. Ids that outlive a process need a name for each member,
//!   which an operator would have to give and never give twice.
//! - It would save nothing: what is appended again has the same ids, and the store folds them, as it must for everything
//!   that sources send again.
//!
//! The bundled librdkafka is built without TLS and without Kerberos: `security.protocol` can be `PLAINTEXT` or
//! `SASL_PLAINTEXT`.

mod batch;
mod client;
mod cluster;
mod commit;
mod consumer;
mod options;
mod producer;
mod span;
mod topics;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::Producer as _,
};

pub use self::options::KafkaOptions;
use self::{
    client::{Context, explain, when_settled},
    cluster::Cluster,
    commit::offset_list,
    consumer::KafkaConsumer,
};
use crate::{
    Commits, Consumer, Log, LogError, Offsets, PollLimits, Received, Record, Rewritten, StartAt, TopicSpec,
    check_partition, without_notes,
};

/// How long a new topic may take to be known everywhere.
const PROPAGATION: Duration = Duration::from_secs(15);

/// A connection to a cluster.
pub struct KafkaLog {
    cluster: Arc<Cluster>,
}

/// Runs what waits for the network inside librdkafka on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ended_abnormally(&error))
}

fn ended_abnormally(error: &tokio::task::JoinError) -> LogError {
    LogError::Broken { message: format!("a request to Kafka ended abnormally: {error}"), transient: true }
}

impl KafkaLog {
    /// Starts a producer and asks the cluster for its topics.
    ///
    /// # Errors
    /// A property that librdkafka does not know or that is reserved; no broker that answers within
    /// [`KafkaOptions::patience`] (transient).
    pub async fn connect(options: KafkaOptions) -> Result<Self, LogError> {
        Ok(KafkaLog { cluster: Arc::new(Cluster::connect(options).await?) })
    }

    /// A client that names the group without joining it.
    fn onlooker(&self, group: &str, topic: &str) -> Result<BaseConsumer<Context>, LogError> {
        BaseConsumer::from_config_and_context(
            &options::member(&self.cluster.options, group, topic)?,
            Context::default(),
        )
        .map_err(|error| explain("starting a Kafka consumer", &error))
    }

    /// Commits the present end of the partitions without a commit: from now on it is certain what "newest" means, also
    /// for the member that takes a partition over.
    async fn commit_start(&self, topic: &str, group: &str, partitions: u32) -> Result<(), LogError> {
        let (client, patience, topic) = (self.onlooker(group, topic)?, self.cluster.options.patience, topic.to_owned());
        let work = move || {
            let known = topics::commits(&client, (&topic, partitions), patience)?;
            let mut starts = Offsets::new();
            for (part, (_, next)) in topics::bounds(client.client(), (&topic, partitions), patience)? {
                if !known.contains_key(&part) {
                    starts.insert(part, next);
                }
            }
            if starts.is_empty() {
                return Ok(());
            }
            let list = offset_list(&topic, &without_notes(&starts))?;
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
            let found = self.cluster.topics().await?;
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
                topics::create(&self.cluster.options, &missing).await?;
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
        self.cluster.partitions(topic).await
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<(), LogError> {
        self.cluster.append(topic, &records).await
    }

    async fn consumer(&self, topic: &str, group: &str, start: StartAt) -> Result<Box<dyn Consumer>, LogError> {
        let partitions = self.partitions(topic).await?;
        if start == StartAt::Newest {
            self.commit_start(topic, group, partitions).await?;
        }
        let joining = |error: &KafkaError| explain(&format!("joining group {group} on {topic}"), error);
        let config = options::member(&self.cluster.options, group, topic)?;
        let client = StreamConsumer::<Context>::from_config_and_context(&config, Context::default())
            .map_err(|error| joining(&error))?;
        client.subscribe(&[topic]).map_err(|error| joining(&error))?;
        Ok(Box::new(KafkaConsumer::new(topic, client, self.cluster.clone())))
    }

    async fn table(&self, topic: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError> {
        let partitions = self.partitions(topic).await?;
        let (options, topic) = (self.cluster.options.clone(), topic.to_owned());
        blocking(move || topics::table(&options, (&topic, partitions))).await?
    }

    async fn bounds(&self, topic: &str) -> Result<BTreeMap<u32, (u64, u64)>, LogError> {
        let partitions = self.partitions(topic).await?;
        let (producer, topic) = (self.cluster.producer(), topic.to_owned());
        let patience = self.cluster.options.patience;
        blocking(move || topics::bounds(producer.client(), (&topic, partitions), patience)).await?
    }

    async fn read(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        limits: PollLimits,
    ) -> Result<Vec<Received>, LogError> {
        check_partition(topic, partition, self.partitions(topic).await?)?;
        let (cluster, topic) = (self.cluster.clone(), topic.to_owned());
        blocking(move || span::read(&cluster.options, (&topic, partition), from, limits)).await?
    }

    /// Brokers remove whole segments by age, and by `DeleteRecords` everything before an offset: never one record.
    async fn rewrite(&self, topic: &str, partition: u32, _: Vec<(u64, Vec<u8>)>) -> Result<Rewritten, LogError> {
        check_partition(topic, partition, self.partitions(topic).await?)?;
        Ok(Rewritten::Never)
    }

    async fn purge(&self) -> Result<(), LogError> {
        Ok(())
    }

    async fn commits(&self, topic: &str, group: &str) -> Result<Commits, LogError> {
        let partitions = self.partitions(topic).await?;
        let (client, patience, topic) = (self.onlooker(group, topic)?, self.cluster.options.patience, topic.to_owned());
        blocking(move || topics::commits(&client, (&topic, partitions), patience)).await?
    }
}
