//! What the stage `sink` does with a backlog, without the stage around it.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use grapevine_log::{Commit, Commits, Consumer, Log, PollLimits, Received, StartAt, embedded::EmbeddedLog};
use grapevine_model::{topics, wire};
use grapevine_store::Store;
use tokio::task::JoinSet;

use super::fill::behind;
use super::measure::{Clock, Took};
use super::{Batch, Place};

/// Records that wait or are being inserted, in batches.
const AHEAD: usize = 6;
const POLL: PollLimits = PollLimits { records: 5_000, bytes: 4 << 20, wait: Duration::from_millis(200) };

type Ended = Result<(u32, usize), Box<dyn Error + Send + Sync>>;

/// What the engine took comes second.
pub async fn run(place: &Place, log: &EmbeddedLog, round: usize) -> Result<(Took, f64), Box<dyn Error>> {
    let group = format!("sink-{round}");
    let unread = usize::try_from(behind(log, topics::SCORED, &group).await?)?;
    let mut sink = Sink {
        store: Arc::new(place.store().await?),
        consumer: log.consumer(topics::SCORED, &group, StartAt::Oldest).await?,
        batch: place.batch,
        unread,
        waiting: BTreeMap::new(),
        running: BTreeMap::new(),
        inserts: JoinSet::new(),
        commits: Commits::new(),
    };
    let (clock, before) = (Clock::start(), place.engine_cpu());
    let mut left = unread;
    while left > 0 {
        left -= sink.turn().await?;
    }
    sink.consumer.commit_noted(&sink.commits).await?;
    Ok((clock.took(), place.engine_cpu() - before))
}

struct Sink {
    store: Arc<Store>,
    consumer: Box<dyn Consumer>,
    batch: usize,
    unread: usize,
    waiting: BTreeMap<u32, VecDeque<Received>>,
    /// The offset after the range that is being inserted.
    running: BTreeMap<u32, u64>,
    inserts: JoinSet<Ended>,
    /// Not written yet.
    commits: Commits,
}

impl Sink {
    /// Begins what can begin, then reads or waits. How many records were stored.
    async fn turn(&mut self) -> Result<usize, Box<dyn Error>> {
        self.begin();
        if !self.commits.is_empty() {
            self.consumer.commit_noted(&std::mem::take(&mut self.commits)).await?;
        }
        let gathered: usize = self.waiting.values().map(VecDeque::len).sum();
        let room = self.unread > 0 && gathered < self.batch * AHEAD;
        tokio::select! {
            Some(ended) = self.inserts.join_next() => {
                let (partition, count) = ended?.map_err(|error| error.to_string())?;
                if let Some(next) = self.running.remove(&partition) {
                    self.commits.insert(partition, Commit { next, note: String::new() });
                }
                Ok(count)
            }
            polled = self.consumer.poll(POLL), if room => {
                for record in polled?.records {
                    self.unread -= 1;
                    self.waiting.entry(record.partition).or_default().push_back(record);
                }
                Ok(0)
            }
        }
    }

    /// The next range of each partition that is free; its note goes with the commit of the one before.
    fn begin(&mut self) {
        for (partition, records) in &mut self.waiting {
            let whole = records.len() >= self.batch || (self.unread == 0 && !records.is_empty());
            if whole && !self.running.contains_key(partition) {
                let records: Vec<Received> = records.drain(..records.len().min(self.batch)).collect();
                let (first, last) = (records[0].offset, records[records.len() - 1].offset);
                self.running.insert(*partition, last + 1);
                let note = format!("pending {first}-{last}");
                self.commits.insert(*partition, Commit { next: first, note });
                self.inserts.spawn(insert(self.store.clone(), *partition, records));
            }
        }
    }
}

async fn insert(store: Arc<Store>, partition: u32, records: Vec<Received>) -> Ended {
    let events = records.iter().map(|record| Ok((record.offset, wire::decode(&record.value)?)));
    let events = events.collect::<Result<Vec<_>, wire::WireError>>()?;
    let (first_offset, last_offset) = (events[0].0, events[events.len() - 1].0);
    let (log, topic) = ("0000000000000000".to_owned(), topics::SCORED.to_owned());
    let batch = Batch { log, topic, partition, first_offset, last_offset, events, unreadable: 0, replay: false };
    let inserted = store.insert(&batch).await?;
    let count = batch.events.len();
    if inserted.stored != count as u64 {
        return Err(format!("{} of {count} records were taken as new mentions", inserted.stored).into());
    }
    Ok((partition, count))
}
