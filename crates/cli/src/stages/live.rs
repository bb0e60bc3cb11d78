//! The live feed: what is scored from now on, to everyone who has the page open.

use std::time::Duration;

use grapevine_api::LiveMention;
use grapevine_log::{PollLimits, StartAt};
use grapevine_model::{Event, topics, wire};
use tokio::sync::broadcast;

use super::Pipeline;

const LIMITS: PollLimits = PollLimits { records: 500, bytes: 4 << 20, wait: Duration::from_secs(1) };

/// Reads with a group of its own, from the newest record on. What does not decode is the sink's to report.
pub async fn run(pipeline: Pipeline, live: broadcast::Sender<LiveMention>) -> anyhow::Result<()> {
    let group = format!("live-{:016x}", rand::random::<u64>());
    let mut consumer = pipeline.log.consumer(topics::SCORED, &group, StartAt::Newest).await?;
    while !pipeline.stopping() {
        for record in consumer.poll(LIMITS).await?.records {
            if let Ok(Event::Upsert(mention)) = wire::decode(&record.value) {
                // An error means that no page is open.
                let _ = live.send(LiveMention::from(&*mention));
            }
        }
    }
    Ok(())
}
