//! A member of a Kafka group: polling, tending, and what rebalances do to both.
//!
//! Rebalances are served by polls and by tending alone, on the caller's thread. Until then a partition that is to go stays
//! this member's in the group: the others wait for it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use rdkafka::{
    consumer::{Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    batch::{Batch, received},
    blocking,
    client::{Changes, Context, explain},
    cluster::Cluster,
    commit::{commit_fenced, is_fenced, offset_list, part_list, seek_started},
    ended_abnormally,
};
use crate::{Commits, Consumer, LogError, Offsets, PollLimits, Polled, Received, Record, check_notes, without_notes};

pub(super) struct KafkaConsumer {
    topic: String,
    /// `None` only while dropping.
    client: Option<Arc<StreamConsumer<Context>>>,
    context: Context,
    cluster: Arc<Cluster>,
    /// Were read, but did not fit into the last poll.
    pending: VecDeque<Received>,
    /// Happened since the last answer to a poll.
    changes: Changes,
    /// Paused while tending: read on with the next poll.
    paused: BTreeSet<u32>,
    /// A commit whose caller went away. It ends before the next rebalance is served: until then the group can not have
    /// given its partitions to others under a generation that this member knows.
    unfinished: Option<JoinHandle<Result<(), KafkaError>>>,
}

impl KafkaConsumer {
    pub fn new(topic: &str, client: StreamConsumer<Context>, cluster: Arc<Cluster>) -> Self {
        let context = client.context().as_ref().clone();
        KafkaConsumer {
            topic: topic.to_owned(),
            client: Some(Arc::new(client)),
            context,
            cluster,
            pending: VecDeque::new(),
            changes: Changes::default(),
            paused: BTreeSet::new(),
            unfinished: None,
        }
    }

    fn client(&self) -> Result<Arc<StreamConsumer<Context>>, LogError> {
        let closed = || LogError::Broken { message: "the Kafka consumer is closed".to_owned(), transient: false };
        self.client.clone().ok_or_else(closed)
    }

    fn check_held<'a>(&self, mut parts: impl Iterator<Item = &'a u32>) -> Result<(), LogError> {
        let assigned = self.context.assigned();
        let lost = parts.find(|part| !assigned.contains(part));
        lost.map_or(Ok(()), |part| Err(LogError::NotAssigned(*part)))
    }

    /// Drops what was read of partitions that have gone since.
    fn take_changes(&mut self, records: &mut Vec<Received>) {
        let news = self.context.take_changes();
        if !news.revoked.is_empty() {
            records.retain(|record| !news.revoked.contains(&record.partition));
            self.pending.retain(|record| !news.revoked.contains(&record.partition));
        }
        self.changes.assignment |= news.assignment;
        self.changes.revoked.extend(news.revoked);
    }

    fn answer(&mut self, records: Vec<Received>) -> Polled {
        let changes = std::mem::take(&mut self.changes);
        Polled { records, assignment_changed: changes.assignment, revoked: changes.revoked.into_iter().collect() }
    }

    async fn settle_unfinished(&mut self) {
        if let Some(commit) = &mut self.unfinished {
            if let Ok(Err(error)) = commit.await {
                tracing::debug!(%error, "a commit that nobody waits for any more failed");
            }
            self.unfinished = None;
        }
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

impl KafkaConsumer {
    /// What the group or the brokers have next; `None` at the deadline and after a change of the assignment.
    async fn next(&mut self, until: Option<Instant>) -> Result<Option<Received>, LogError> {
        let (client, changes) = (self.client()?, self.context.changed.clone());
        let mut stream = client.stream();
        let message = match until {
            Some(deadline) => tokio::select! {
                biased;
                message = stream.next() => message,
                () = changes.notified() => None,
                () = tokio::time::sleep_until(deadline) => None,
            },
            None => stream.next().now_or_never().flatten(),
        };
        match message {
            Some(Ok(message)) => Ok(Some(received(&message))),
            Some(Err(error)) if !mends_itself(&error) => Err(explain(&format!("reading {}", self.topic), &error)),
            Some(Err(_)) | None => Ok(None),
        }
    }

    /// Waits for the first record or a change of the assignment, then takes what has arrived. Nothing is awaited once a
    /// record was taken, so a poll that is dropped halfway loses none.
    async fn fill(&mut self, batch: &mut Batch) -> Result<(), LogError> {
        let deadline = Instant::now() + batch.limits.wait;
        loop {
            let until = batch.records.is_empty().then_some(deadline);
            let next = self.next(until).await;
            // Rebalances are served before the record that follows them: what was taken before may be another's now.
            self.take_changes(&mut batch.records);
            match next.inspect_err(|_| self.put_back(batch))? {
                Some(record) => self.pending.extend(batch.push(record).err()),
                None if batch.records.is_empty() && !self.changes.assignment && Instant::now() < deadline => continue,
                None => return Ok(()),
            }
            let late = batch.records.is_empty() && Instant::now() >= deadline;
            if self.changes.assignment || !self.pending.is_empty() || batch.is_full() || late {
                return Ok(());
            }
        }
    }

    /// A poll that fails takes nothing.
    fn put_back(&mut self, batch: &mut Batch) {
        let kept = batch.records.drain(..).chain(self.pending.drain(..)).collect();
        self.pending = kept;
    }

    /// librdkafka forgets what it has fetched of a paused partition, and begins after the last record that it gave when
    /// the partition is resumed. A partition that comes while others are paused is paused with the next call.
    fn pause(&mut self) -> Result<(), LogError> {
        let reading: BTreeSet<u32> = self.context.assigned().difference(&self.paused).copied().collect();
        if reading.is_empty() {
            return Ok(());
        }
        let outcome = self.client()?.pause(&part_list(&self.topic, &reading));
        outcome.map_err(|error| explain(&format!("pausing {}", self.topic), &error))?;
        self.paused.extend(reading);
        Ok(())
    }

    /// Also what went meanwhile: librdkafka keeps the mark, and it would stand still should it come back.
    fn resume(&mut self) -> Result<(), LogError> {
        if self.paused.is_empty() {
            return Ok(());
        }
        let outcome = self.client()?.resume(&part_list(&self.topic, &self.paused));
        outcome.map_err(|error| explain(&format!("resuming {}", self.topic), &error))?;
        self.paused.clear();
        Ok(())
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, LogError> {
        self.settle_unfinished().await;
        self.resume()?;
        let mut batch = Batch::new(limits);
        while let Some(record) = self.pending.pop_front() {
            if let Err(record) = batch.push(record) {
                self.pending.push_front(record);
                break;
            }
        }
        // One large record left over, or more of them: the next poll asks librdkafka again.
        if batch.is_full() || !self.pending.is_empty() {
            self.take_changes(&mut batch.records);
        } else {
            self.fill(&mut batch).await?;
        }
        Ok(self.answer(batch.records))
    }

    async fn commit_noted(&mut self, commits: &Commits) -> Result<(), LogError> {
        check_notes(commits)?;
        self.settle_unfinished().await;
        self.check_held(commits.keys())?;
        let Some(first) = commits.keys().next().copied() else { return Ok(()) };
        let (client, list) = (self.client()?, offset_list(&self.topic, commits)?);
        let task = self.unfinished.insert(tokio::task::spawn_blocking(move || commit_fenced(&client, &list)));
        let outcome = task.await;
        self.unfinished = None;
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if is_fenced(&error) => Err(LogError::NotAssigned(first)),
            Ok(Err(error)) => Err(explain(&format!("committing offsets of {}", self.topic), &error)),
            Err(error) => Err(ended_abnormally(&error)),
        }
    }

    async fn append_and_commit(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        offsets: &Offsets,
    ) -> Result<(), LogError> {
        self.check_held(offsets.keys())?;
        let client = self.client()?;
        if let (true, Some(first)) = (client.assignment_lost(), offsets.keys().next()) {
            return Err(LogError::NotAssigned(*first));
        }
        self.cluster.append(topic, &records).await?;
        (self.cluster.options.appended)();
        self.commit(offsets).await
    }

    async fn tend(&mut self, wait: Duration) -> Result<Polled, LogError> {
        self.settle_unfinished().await;
        self.pause()?;
        let deadline = Instant::now() + wait;
        loop {
            let next = self.next(Some(deadline)).await;
            self.take_changes(&mut Vec::new());
            // Of a partition that was not paused yet: the next poll gives it.
            self.pending.extend(next?);
            if self.changes.assignment || Instant::now() >= deadline {
                return Ok(self.answer(Vec::new()));
            }
        }
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.check_held(offsets.keys())?;
        self.pending.retain(|record| !offsets.contains_key(&record.partition));
        let (client, patience) = (self.client()?, self.cluster.options.patience);
        let list = offset_list(&self.topic, &without_notes(offsets))?;
        let outcome = blocking(move || seek_started(&client, &list, patience)).await?;
        outcome.map_err(|error| explain(&format!("seeking in {}", self.topic), &error))
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
