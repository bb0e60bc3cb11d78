//! One range on its way into the store: decoded, its dead letters parked, inserted, and tried again while that may help.

use anyhow::Context;
use grapevine_api::StageState;
use grapevine_delivery::{DEAD_LETTER, OffsetRange, Tally};
use grapevine_model::{Event, forgotten::Suppressions, topics};
use grapevine_store::{Batch, Inserted};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Pipeline,
        backoff::{self, Backoff},
        crash,
        dead_letter::{self, DeadLetter},
        forgotten::{self, FORGOTTEN},
        status::LOST,
    },
    STAGE,
    intake::Load,
    retrying::Retrying,
    valid,
};

/// What it takes to store a range.
pub struct Job {
    pub pipeline: Pipeline,
    pub retrying: Retrying,
    pub log_id: String,
    pub partition: u32,
    pub load: Load,
    /// Its partition went away: it is not tried again.
    pub given_up: CancellationToken,
}

/// A range that is in the store.
pub struct Stored {
    pub tally: Tally,
    /// Some hours want to be rebuilt.
    pub dirty: bool,
}

impl Job {
    pub async fn run(self) -> anyhow::Result<Stored> {
        let Job { pipeline, retrying, log_id, partition, load, given_up } = self;
        let gate = &pipeline.forgotten;
        let kept_out = backoff::with_log("reading the deletion requests", || gate.now()).await?;
        let decoding = tokio::task::spawn_blocking(move || decode(&log_id, partition, load, &kept_out));
        let (mut batch, dead) = decoding.await.context("decoding a batch panicked")?;
        let mut tally = begin_tally(&batch, dead.len() as u64);
        park(&pipeline, &dead).await?;
        let mut backoff = Backoff::of_store();
        loop {
            match pipeline.store.insert(&batch).await {
                Ok(inserted) => {
                    crash::at("sink-inserted");
                    outcomes(&inserted).into_iter().for_each(|(label, n)| tally.count(label, n));
                    return Ok(Stored { tally, dirty: inserted.dirty_hours > 0 });
                }
                Err(error) if error.is_transient() && !given_up.is_cancelled() => {
                    let Some(wait) = backoff.next() else { return Err(error.into()) };
                    let message = format!("{error}; trying again in {:.1} s", wait.as_secs_f64());
                    tracing::warn!("{STAGE}: {message}");
                    metrics::counter!("grapevine_stage_retries_total", "stage" => STAGE).increment(1);
                    retrying.failed(partition, message.clone());
                    pipeline.status.stage(STAGE, StageState::Retrying, Some(message));
                    // The same batch from memory; what the first try may have left is not told apart.
                    batch.replay = true;
                    let _ = tokio::time::timeout(wait, given_up.cancelled()).await;
                }
                Err(error) => return Err(error).with_context(|| format!("{} could not be stored", batch.token())),
            }
        }
    }
}

async fn park(pipeline: &Pipeline, dead: &[DeadLetter]) -> anyhow::Result<()> {
    if dead.is_empty() {
        return Ok(());
    }
    backoff::with_log("parking dead letters", || dead_letter::park(&*pipeline.log, dead)).await?;
    crash::at("sink-parked");
    Ok(())
}

/// Of every offset of the range: what the log had no more when it was read is lost, and said.
fn begin_tally(batch: &Batch, dead: u64) -> Tally {
    let range = OffsetRange { first: batch.first_offset, last: batch.last_offset };
    let lost = range.width().saturating_sub(batch.events.len() as u64 + batch.unreadable);
    let mut tally = Tally::of(range.width());
    tally.count(DEAD_LETTER, dead);
    tally.count(FORGOTTEN, batch.unreadable.saturating_sub(dead));
    tally.count(LOST, lost);
    if lost > 0 {
        let (topic, partition) = (&batch.topic, batch.partition);
        tracing::error!(
            "{STAGE}: {lost} of the offsets {range} of {topic} partition {partition} were gone from the log before they \
             were stored; raise `retention_hours` under [log], or add sinks"
        );
    }
    tally
}

/// Decodes before batching, so that one record that can not be read costs one record.
fn decode(log_id: &str, partition: u32, load: Load, kept_out: &Suppressions) -> (Batch, Vec<DeadLetter>) {
    let (mut events, mut dead, mut forgotten) = (Vec::with_capacity(load.records.len()), Vec::new(), 0);
    for record in load.records {
        match read(&record.value, kept_out) {
            Ok(Some(event)) => events.push((record.offset, event)),
            Ok(None) => forgotten += 1,
            Err(reason) => dead.push(DeadLetter::of_record(STAGE, &record, reason)),
        }
    }
    let batch = Batch {
        log: log_id.to_owned(),
        topic: topics::SCORED.to_owned(),
        partition,
        first_offset: load.range.first,
        last_offset: load.range.last,
        events,
        unreadable: dead.len() as u64 + forgotten,
        replay: load.replay,
    };
    (batch, dead)
}

/// `None` for what a deletion request keeps out, or took out of the log.
fn read(value: &[u8], kept_out: &Suppressions) -> Result<Option<Event>, String> {
    let Some(event) = forgotten::decode(value, kept_out).map_err(|error| error.to_string())? else { return Ok(None) };
    valid::check(&event).map(|()| Some(event))
}

/// What became of each event, by the label of its counter.
fn outcomes(inserted: &Inserted) -> [(&'static str, u64); 19] {
    [
        ("stored", inserted.stored),
        ("replaced", inserted.replaced),
        ("superseded", inserted.superseded),
        ("duplicates", inserted.duplicates),
        ("expired", inserted.expired),
        ("unbranded", inserted.unbranded),
        ("deleted", inserted.deleted),
        ("unmatched", inserted.unmatched),
        ("tombstones", inserted.tombstones),
        ("engagement", inserted.engagement),
        ("accounts", inserted.accounts),
        ("campaigns", inserted.campaigns),
        ("surveys", inserted.surveys),
        ("gaps", inserted.gaps),
        ("sampled", inserted.sampled),
        ("heartbeats", inserted.heartbeats),
        ("reports", inserted.reports),
        ("cards", inserted.cards),
        ("rescored", inserted.rescored),
    ]
}

#[cfg(test)]
mod tests {
    use grapevine_log::Received;
    use grapevine_model::{Author, Mention, MentionKey, wire};
    use jiff::Timestamp;

    use super::*;

    fn received(offset: u64, value: Vec<u8>) -> Received {
        let appended_at = Timestamp::UNIX_EPOCH;
        Received { topic: topics::SCORED.into(), partition: 2, offset, key: b"k".into(), value, appended_at }
    }

    fn post(created_at: &str) -> Vec<u8> {
        let key = MentionKey::new("test", "", "1");
        let mention = Mention::new(key, Author::default(), created_at.parse().unwrap(), "acme");
        wire::encode(&Event::Upsert(Box::new(mention)))
    }

    #[test]
    fn one_bad_record_costs_one_record_and_the_range_stays() {
        let records = vec![
            received(5, post("2026-03-01T10:00:00Z")),
            received(6, b"{".to_vec()),
            received(8, post("9999-03-01T10:00:00Z")),
            received(9, vec![]),
        ];
        let load = Load { range: OffsetRange::new(5, 9).unwrap(), records, replay: true };
        let (batch, dead) = decode("a1", 2, load, &Suppressions::default());
        assert_eq!((batch.token().as_str(), batch.unreadable, batch.replay), ("a1:mentions.scored:2:5-9", 3, true));
        assert_eq!(batch.events.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [5]);
        let counted: Vec<_> = begin_tally(&batch, 2).outcomes().collect();
        assert_eq!(counted, [(DEAD_LETTER, 2), (FORGOTTEN, 1), (LOST, 1)], "offset 7 was gone before it was read");
        assert_eq!(dead[0].place, "mentions.scored partition 2 offset 6");
        assert!(dead[1].reason.contains("created_at"), "{}", dead[1].reason);
    }

    #[test]
    fn every_event_that_the_store_counts_has_a_label() {
        let ones = Inserted {
            stored: 1,
            replaced: 1,
            superseded: 1,
            duplicates: 1,
            expired: 1,
            unbranded: 1,
            deleted: 1,
            unmatched: 1,
            tombstones: 1,
            engagement: 1,
            accounts: 1,
            campaigns: 1,
            surveys: 1,
            gaps: 1,
            sampled: 1,
            heartbeats: 1,
            reports: 1,
            cards: 1,
            rescored: 1,
            // No `..`: a new outcome has to be counted.
            rows: 0,
            removed_rows: 0,
            dirty_hours: 0,
            replayed: false,
        };
        assert_eq!(outcomes(&ones).iter().map(|(_, n)| n).sum::<u64>(), ones.events());
    }
}
