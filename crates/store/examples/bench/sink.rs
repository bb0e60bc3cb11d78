//! What the stage `sink` does with a backlog, without the stage around it.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use grapevine_log::{Commit, Commits, Log, PollLimits, Received, StartAt, embedded::EmbeddedLog};
use grapevine_model::{topics, wire};
use grapevine_store::Store;
use tokio::task::JoinSet;

use super::fill::behind;
use super::measure::{Clock, Took};
use super::{Batch, Place};

/// Records that wait or are being inserted, in batches.
const AHEAD: usize = 6;

/// What the engine took comes second.
pub async fn run(place: &Place, log: &EmbeddedLog, round: usize) -> Result<(Took, f64), Box<dyn Error>> {
    let store = Arc::new(place.store().await?);
    let group = format!("sink-{round}");
    let mut left = behind(log, topics::SCORED, &group).await? as usize;
    let mut consumer = log.consumer(topics::SCORED, &group, StartAt::Oldest).await?;
    let mut waiting: BTreeMap<u32, VecDeque<Received>> = BTreeMap::new();
    let mut running: BTreeMap<u32, u64> = BTreeMap::new();
    let mut inserts = JoinSet::new();
    let mut read = left;
    let (clock, before) = (Clock::start(), place.engine_cpu());
    let mut commits = Commits::new();
    while left > 0 {
        for (partition, records) in &mut waiting {
            let whole = records.len() >= place.batch || read == 0;
            if whole && !records.is_empty() && !running.contains_key(partition) {
                let records: Vec<Received> = records.drain(..records.len().min(place.batch)).collect();
                let (first, last) = (records[0].offset, records[records.len() - 1].offset);
                running.insert(*partition, last + 1);
                commits.insert(*partition, Commit { next: first, note: format!("pending {first}-{last}") });
                inserts.spawn(insert(store.clone(), *partition, records));
            }
        }
        if !commits.is_empty() {
            consumer.commit_noted(&std::mem::take(&mut commits)).await?;
        }
        let gathered: usize = waiting.values().map(VecDeque::len).sum();
        let room = read > 0 && gathered < place.batch * AHEAD;
        tokio::select! {
            Some(ended) = inserts.join_next() => {
                let (partition, count) = ended?.map_err(|error| error.to_string())?;
                left -= count;
                if let Some(next) = running.remove(&partition) {
                    commits.insert(partition, Commit { next, note: String::new() });
                }
            }
            polled = consumer.poll(PollLimits { records: 5_000, bytes: 4 << 20, wait: Duration::from_millis(200) }), if room => {
                for record in polled?.records {
                    read -= 1;
                    waiting.entry(record.partition).or_default().push_back(record);
                }
            }
        }
    }
    consumer.commit_noted(&commits).await?;
    Ok((clock.took(), place.engine_cpu() - before))
}

async fn insert(
    store: Arc<Store>,
    partition: u32,
    records: Vec<Received>,
) -> Result<(u32, usize), Box<dyn Error + Send + Sync>> {
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
