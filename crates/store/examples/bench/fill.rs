//! A log full of mentions.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use grapevine_log::{Log, Record, Retention, TopicSpec, partition_of};
use grapevine_model::{Event, Mention, topics, wire};
use grapevine_testkit::story::Story;

/// Records of one append.
const APPEND: usize = 20_000;

/// Mentions of the story, as many as asked for.
pub fn story() -> Result<Story, Box<dyn Error>> {
    Ok(Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse()?))
}

/// Appends `count` mentions to the topic, which is made where it is missing: scored ones to [`topics::SCORED`], to any other
/// as a source gives them. Gives the bytes of them all.
pub async fn fill(log: &dyn Log, topic: &str, partitions: u32, count: usize) -> Result<usize, Box<dyn Error>> {
    let keep = Retention::For(Duration::from_secs(7 * 24 * 3600));
    log.ensure_topics(&[TopicSpec { name: topic.to_owned(), partitions, keep }]).await?;
    let story = story()?;
    let mut mentions = story.scored(count);
    let mut bytes = 0;
    loop {
        let next = mentions.by_ref().take(APPEND);
        let next = next.map(|mention| if topic == topics::SCORED { mention } else { unscored(mention) });
        let records: Vec<Record> = next.map(|mention| record(mention, partitions)).collect();
        if records.is_empty() {
            return Ok(bytes);
        }
        bytes += records.iter().map(|record| record.value.len()).sum::<usize>();
        log.append(topic, records).await?;
    }
}

fn unscored(mention: Mention) -> Mention {
    Mention { brands: Vec::new(), scores: None, ..mention }
}

/// As the stages append it.
fn record(mention: Mention, partitions: u32) -> Record {
    let key = mention.key.to_string().into_bytes();
    let partition = Some(partition_of(&key, partitions));
    Record { key, value: wire::encode(&Event::Upsert(Box::new(mention))), partition }
}

/// Records of the topic that no member of `group` has committed yet.
pub async fn behind(log: &dyn Log, topic: &str, group: &str) -> Result<u64, Box<dyn Error>> {
    let committed: BTreeMap<u32, u64> = log.committed(topic, group).await?;
    let bounds = log.bounds(topic).await?;
    let of_one = |(partition, (oldest, next)): (&u32, &(u64, u64))| {
        next - committed.get(partition).copied().unwrap_or_default().clamp(*oldest, *next)
    };
    Ok(bounds.iter().map(of_one).sum())
}
