//! Appending: the whole batch is handed over, then every single delivery report is looked at.

use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer},
};

use super::{
    client::{Context, explain},
    options::{self, KafkaOptions},
};
use crate::{LogError, Record};

/// How long an append waits before it offers a record again to a full queue.
const QUEUE_FULL: Duration = Duration::from_millis(10);

pub(super) struct Appender {
    options: KafkaOptions,
    producer: Mutex<FutureProducer<Context>>,
}

impl Appender {
    pub fn new(options: &KafkaOptions, context: Context) -> Result<Self, LogError> {
        let producer = create(options, context)?;
        Ok(Appender { options: options.clone(), producer: Mutex::new(producer) })
    }

    /// A handle that shares the connections; also good for metadata.
    pub fn producer(&self) -> FutureProducer<Context> {
        self.producer.lock().clone()
    }

    pub async fn append(&self, topic: &str, records: &[Record]) -> Result<(), LogError> {
        let producer = self.producer();
        let mut waiting = Vec::with_capacity(records.len());
        let mut failed = None;
        for record in records {
            match enqueue(&producer, topic, record).await {
                Ok(report) => waiting.push(report),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        for report in waiting {
            match report.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => failed = failed.or(Some(error)),
                Err(_) => failed = failed.or(Some(KafkaError::Canceled)),
            }
        }
        let Some(error) = failed else { return Ok(()) };
        self.replace_if_broken(&producer);
        Err(explain(&format!("appending to {topic}"), &error))
    }

    /// After a fatal error an idempotent producer takes no more records: the next append gets a new one.
    fn replace_if_broken(&self, broken: &FutureProducer<Context>) {
        let Some((code, reason)) = broken.client().fatal_error() else { return };
        tracing::warn!(%code, reason, "the Kafka producer failed for good; starting another");
        let mut current = self.producer.lock();
        if current.client().fatal_error().is_none() {
            return;
        }
        match create(&self.options, Context::default()) {
            Ok(producer) => *current = producer,
            Err(error) => tracing::error!(%error, "no new Kafka producer; the next append tries again"),
        }
    }
}

fn create(options: &KafkaOptions, context: Context) -> Result<FutureProducer<Context>, LogError> {
    let config = options::producer(options)?;
    config.create_with_context(context).map_err(|error| explain("starting the Kafka producer", &error))
}

/// An empty value goes as null: Kafka's form of a deletion in a compacted topic.
async fn enqueue(
    producer: &FutureProducer<Context>,
    topic: &str,
    record: &Record,
) -> Result<DeliveryFuture, KafkaError> {
    let mut next = FutureRecord::<[u8], [u8]>::to(topic).key(&record.key);
    next.payload = (!record.value.is_empty()).then_some(&record.value);
    next.partition = record.partition.map(|partition| partition as i32);
    loop {
        match producer.send_result(next) {
            Ok(report) => return Ok(report),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                next = refused;
                tokio::time::sleep(QUEUE_FULL).await;
            }
            Err((error, _)) => return Err(error),
        }
    }
}
