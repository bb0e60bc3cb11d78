//! The live feed: what is scored from now on, and what people say of it, to everyone who has the page open.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use grapevine_api::{LiveEvent, LiveMention};
use grapevine_log::{PollLimits, StartAt};
use grapevine_model::{Event, Label, LabelKey, LabelRecord, MentionId, topics, wire};
use parking_lot::RwLock;
use tokio::sync::broadcast;

use super::Pipeline;

const LIMITS: PollLimits = PollLimits { records: 500, bytes: 4 << 20, wait: Duration::from_secs(1) };

/// The labels that stand: a mention that is scored again comes without them.
#[derive(Default)]
struct Standing(HashMap<MentionId, BTreeMap<LabelKey, (u64, Option<Label>)>>);

impl Standing {
    /// Whether the record is newer than what is known of its key.
    fn take(&mut self, record: &LabelRecord) -> bool {
        let (key, version) = (record.key(), record.version());
        let fields = self.0.entry(key.mention).or_default();
        if fields.get(&key).is_some_and(|(known, _)| *known >= version) {
            return false;
        }
        let label = match record {
            LabelRecord::Label(label) => Some(label.clone()),
            LabelRecord::Withdrawn(_) => None,
        };
        fields.insert(key, (version, label));
        true
    }

    fn of(&self, mention: MentionId) -> impl Iterator<Item = &Label> {
        self.0.get(&mention).into_iter().flat_map(BTreeMap::values).filter_map(|(_, label)| label.as_ref())
    }
}

/// Reads with groups of its own, from the newest record on. What does not decode is the sink's to report.
pub async fn run(pipeline: Pipeline, live: broadcast::Sender<LiveEvent>) -> anyhow::Result<()> {
    let group = format!("live-{:016x}", rand::random::<u64>());
    let standing = Arc::new(RwLock::new(Standing::default()));
    tokio::try_join!(
        mentions(&pipeline, &group, &live, standing.clone()),
        labels(&pipeline, &group, &live, standing.clone())
    )?;
    Ok(())
}

async fn mentions(
    pipeline: &Pipeline,
    group: &str,
    live: &broadcast::Sender<LiveEvent>,
    standing: Arc<RwLock<Standing>>,
) -> anyhow::Result<()> {
    let mut consumer = pipeline.log.consumer(topics::SCORED, group, StartAt::Newest).await?;
    while !pipeline.stopping() {
        for record in consumer.poll(LIMITS).await?.records {
            if let Ok(Event::Upsert(mention)) = wire::decode(&record.value) {
                let shown = LiveMention::from(&*mention).with_labels(standing.read().of(mention.id()));
                // An error means that no page is open.
                let _ = live.send(shown.into());
            }
        }
    }
    Ok(())
}

async fn labels(
    pipeline: &Pipeline,
    group: &str,
    live: &broadcast::Sender<LiveEvent>,
    standing: Arc<RwLock<Standing>>,
) -> anyhow::Result<()> {
    // Joined first: what is appended while the table is read comes too.
    let mut consumer = pipeline.log.consumer(topics::LABELS, group, StartAt::Newest).await?;
    for value in pipeline.log.table(topics::LABELS).await?.into_values() {
        if let Ok(record) = LabelRecord::decode(&value) {
            standing.write().take(&record);
        }
    }
    while !pipeline.stopping() {
        for record in consumer.poll(LIMITS).await?.records {
            let Ok(record) = LabelRecord::decode(&record.value) else { continue };
            if standing.write().take(&record) {
                let _ = live.send(LiveEvent::Label(record.into()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Correction, Polarity, Withdrawal};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_newest_record_of_a_field_stands_whatever_comes_later() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let label = |polarity, second| Label {
            mention: MentionId(7),
            brand: "acme".into(),
            correction: Correction::Polarity(polarity),
            by: "ada".into(),
            at: at(second),
            note: String::new(),
            before: Default::default(),
            drawn: false,
        };
        let mut standing = Standing::default();
        let newer = label(Polarity::Negative, 2);
        assert!(standing.take(&LabelRecord::Label(newer.clone())));
        assert!(!standing.take(&LabelRecord::Label(label(Polarity::Neutral, 1))), "older");
        assert_eq!(standing.of(MentionId(7)).collect::<Vec<_>>(), [&newer]);
        let withdrawal = Withdrawal { key: newer.key(), by: "bo".into(), at: at(3) };
        assert!(standing.take(&LabelRecord::Withdrawn(withdrawal)));
        assert!(!standing.take(&LabelRecord::Label(newer)), "it does not come back");
        assert_eq!(standing.of(MentionId(7)).count(), 0);
    }
}
