//! The baseline: the same rows, inserted by the `clickhouse` crate as it comes.

use std::error::Error;
use std::time::Duration;

use clickhouse::Client;
use grapevine_log::{Log, PollLimits, embedded::EmbeddedLog};
use grapevine_model::{Event, topics, wire};

use super::measure::{Clock, Took};
use super::rows::{MentionRecord, created};
use super::{PARTITIONS, Place};

/// By so many connections side by side. What the engine took comes second. Reading, decoding and making rows happen before
/// the clock starts: between inserts they would give the engine's merges time that nobody counts.
pub async fn run(place: &Place, log: &EmbeddedLog, connections: u32) -> Result<(Took, f64), Box<dyn Error>> {
    let store = place.store().await?;
    let client = Client::default()
        .with_url(place.engine.url())
        .with_user(place.engine.user())
        .with_password(place.engine.password())
        .with_database(store.database())
        .with_setting("async_insert", "0");
    let events = read_all(log, place.batch).await?;
    let batches: Vec<Vec<MentionRecord<'_>>> = events.iter().map(|events| rows(events)).collect();
    let (clock, before) = (Clock::start(), place.engine_cpu());
    for side_by_side in batches.chunks(connections as usize) {
        for outcome in futures::future::join_all(side_by_side.iter().map(|rows| insert(&client, rows))).await {
            outcome?;
        }
    }
    Ok((clock.took(), place.engine_cpu() - before))
}

/// Batches, a partition after the other.
async fn read_all(log: &EmbeddedLog, records: usize) -> Result<Vec<Vec<Event>>, Box<dyn Error>> {
    let (mut next, mut batches) = (vec![0; PARTITIONS as usize], Vec::new());
    loop {
        let before = batches.len();
        for partition in 0..PARTITIONS {
            let events = read(log, partition, &mut next, records).await?;
            batches.extend((!events.is_empty()).then_some(events));
        }
        if batches.len() == before {
            return Ok(batches);
        }
    }
}

async fn read(
    log: &EmbeddedLog,
    partition: u32,
    next: &mut [u64],
    records: usize,
) -> Result<Vec<Event>, Box<dyn Error>> {
    let limits = PollLimits { records, bytes: usize::MAX, wait: Duration::ZERO };
    let next = &mut next[partition as usize];
    let records = log.read(topics::SCORED, partition, *next, limits).await?;
    *next = records.last().map_or(*next, |last| last.offset + 1);
    Ok(records.iter().map(|record| wire::decode(&record.value)).collect::<Result<_, _>>()?)
}

fn rows(events: &[Event]) -> Vec<MentionRecord<'_>> {
    events.iter().filter_map(row).collect()
}

fn row(event: &Event) -> Option<MentionRecord<'_>> {
    let Event::Upsert(mention) = event else { return None };
    let row = MentionRecord::of(mention.id(), mention, mention.brands.first()?, created(mention.created_at));
    Some(MentionRecord { first: true, ..row })
}

async fn insert(client: &Client, rows: &[MentionRecord<'_>]) -> Result<(), clickhouse::error::Error> {
    let mut insert = client.insert::<MentionRecord<'_>>("mentions").await?;
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}
