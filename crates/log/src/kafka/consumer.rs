//! A member of a Kafka group.
//!
//! Commits take the offset of the next record, as everywhere in this crate. (librdkafka's `store_offset` takes that of the
//! record itself and adds one, `store_offsets` and `commit` do not: storing is switched off and only `commit` is used.)

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};

use super::{
    blocking,
    client::{Context, explain, when_settled},
};
use crate::{Consumer, LogError, Offsets, PollLimits, Polled, Received};

pub(super) struct KafkaConsumer {
    topic: String,
    /// `None` only while dropping.
    client: Option<Arc<StreamConsumer<Context>>>,
    context: Context,
    /// Was read, but did not fit into the last poll.
    pending: Option<Received>,
    patience: Duration,
}

impl KafkaConsumer {
    pub fn new(topic: &str, client: StreamConsumer<Context>, patience: Duration) -> Self {
        let context = client.context().as_ref().clone();
        KafkaConsumer { topic: topic.to_owned(), client: Some(Arc::new(client)), context, pending: None, patience }
    }

    fn client(&self) -> Result<Arc<StreamConsumer<Context>>, LogError> {
        let closed = || LogError::Broken { message: "the Kafka consumer is closed".to_owned(), transient: false };
        self.client.clone().ok_or_else(closed)
    }

    fn check_assigned(&self, offsets: &Offsets) -> Result<(), LogError> {
        let assigned = self.context.assigned();
        let lost = offsets.keys().find(|part| !assigned.contains(part));
        lost.map_or(Ok(()), |part| Err(LogError::NotAssigned(*part)))
    }

    /// Drops what was read of partitions that have gone since; true where the assignment changed.
    fn take_changes(&mut self, records: &mut Vec<Received>) -> bool {
        let (changed, revoked) = self.context.take_changes();
        if !revoked.is_empty() {
            records.retain(|record| !revoked.contains(&record.partition));
            self.pending = self.pending.take().filter(|record| !revoked.contains(&record.partition));
        }
        changed
    }
}

/// Of the next record to read, for a commit or a seek.
pub(super) fn offset_list(topic: &str, offsets: &Offsets) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (part, next) in offsets {
        list.add_partition_offset(topic, *part as i32, Offset::Offset(*next as i64))
            .map_err(|error| explain("stating an offset", &error))?;
    }
    Ok(list)
}

fn received(message: &BorrowedMessage<'_>) -> Received {
    let millis = message.timestamp().to_millis().unwrap_or(0);
    Received {
        topic: message.topic().to_owned(),
        partition: message.partition().max(0) as u32,
        offset: message.offset().max(0) as u64,
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        appended_at: Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// librdkafka mends these by itself while it is polled.
fn mends_itself(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::PollExceeded
        )
    )
}

fn size(record: &Received) -> usize {
    record.key.len() + record.value.len()
}

/// Collects records up to the limits.
struct Batch {
    records: Vec<Received>,
    limits: PollLimits,
    bytes: usize,
}

impl Batch {
    /// Gives the record back where it does not fit. The first always fits.
    fn push(&mut self, record: Received) -> Result<(), Received> {
        let full = self.records.len() >= self.limits.records;
        if full || (!self.records.is_empty() && self.bytes + size(&record) > self.limits.bytes) {
            return Err(record);
        }
        self.bytes += size(&record);
        self.records.push(record);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.limits.records || self.bytes >= self.limits.bytes
    }
}

impl KafkaConsumer {
    /// Waits for the first record or a change of the assignment, then takes what has arrived. Nothing is awaited once a
    /// record was taken, so a poll that is dropped halfway loses none.
    async fn fill(&mut self, batch: &mut Batch) -> Result<bool, LogError> {
        let client = self.client()?;
        let mut stream = client.stream();
        let deadline = tokio::time::Instant::now() + batch.limits.wait;
        loop {
            let changes = self.context.changed.clone();
            let next = if batch.records.is_empty() {
                tokio::select! {
                    biased;
                    message = stream.next() => message,
                    () = changes.notified() => None,
                    () = tokio::time::sleep_until(deadline) => None,
                }
            } else {
                stream.next().now_or_never().flatten()
            };
            // Rebalances are served before the record that follows them: what was taken before may be another's now.
            let changed = self.take_changes(&mut batch.records);
            match next {
                Some(Ok(message)) => self.pending = batch.push(received(&message)).err(),
                Some(Err(error)) if !mends_itself(&error) => {
                    return Err(explain(&format!("reading {}", self.topic), &error));
                }
                Some(Err(_)) => {}
                None if batch.records.is_empty() && !changed && tokio::time::Instant::now() < deadline => continue,
                None => return Ok(changed),
            }
            let late = batch.records.is_empty() && tokio::time::Instant::now() >= deadline;
            if changed || self.pending.is_some() || batch.is_full() || late {
                return Ok(changed);
            }
        }
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, LogError> {
        let mut batch = Batch { records: Vec::new(), limits, bytes: 0 };
        if let Some(record) = self.pending.take() {
            self.pending = batch.push(record).err();
        }
        if batch.is_full() {
            // One large record left over: the next poll asks librdkafka again.
            let assignment_changed = self.take_changes(&mut batch.records);
            return Ok(Polled { records: batch.records, assignment_changed });
        }
        let assignment_changed = self.fill(&mut batch).await?;
        Ok(Polled { records: batch.records, assignment_changed })
    }

    async fn commit(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.check_assigned(offsets)?;
        let Some(first) = offsets.keys().next().copied() else { return Ok(()) };
        let (client, list) = (self.client()?, offset_list(&self.topic, offsets)?);
        let outcome = blocking(move || when_settled(|| client.commit(&list, CommitMode::Sync))).await?;
        outcome.map_err(|error| match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::FencedInstanceId,
            ) => LogError::NotAssigned(first),
            _ => explain(&format!("committing offsets of {}", self.topic), &error),
        })
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.check_assigned(offsets)?;
        self.pending = self.pending.take().filter(|record| !offsets.contains_key(&record.partition));
        let (client, list, patience) = (self.client()?, offset_list(&self.topic, offsets)?, self.patience);
        let list = blocking(move || client.seek_partitions(list, patience)).await?;
        let failed = |error: &KafkaError| explain(&format!("seeking in {}", self.topic), error);
        let list = list.map_err(|error| failed(&error))?;
        list.elements().iter().try_for_each(|element| element.error()).map_err(|error| failed(&error))
    }

    fn assignment(&self) -> Vec<u32> {
        self.context.assigned().into_iter().collect()
    }
}

impl Drop for KafkaConsumer {
    /// Leaving the group waits for the coordinator, so it happens where blocking is allowed; the runtime waits for it
    /// when it shuts down.
    fn drop(&mut self) {
        let client = self.client.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(client));
        }
    }
}
