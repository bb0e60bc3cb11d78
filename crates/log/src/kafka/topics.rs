//! Topics: creating them, their partitions, bounds and tables.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::Client,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    client::{Context, explain, when_settled},
    options::{self, KafkaOptions},
};
use crate::{Commit, Commits, LogError, Offsets, Retention, TopicSpec, without_notes};

/// `topic -> partitions` of the whole cluster. Asking for one topic by name could create it on brokers that allow that.
pub(super) fn cluster<C: rdkafka::ClientContext>(
    client: &Client<C>,
    patience: Duration,
) -> Result<BTreeMap<String, u32>, KafkaError> {
    let metadata = client.fetch_metadata(None, patience)?;
    Ok(metadata.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32)).collect())
}

fn settings(keep: Retention) -> Vec<(&'static str, String)> {
    match keep {
        Retention::For(age) => {
            // Only whole segments are removed: a tenth of the age, within reason, keeps the rest small.
            let segment = (age / 10).clamp(Duration::from_secs(1), Duration::from_secs(24 * 3600));
            vec![
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", age.as_millis().to_string()),
                ("segment.ms", segment.as_millis().to_string()),
            ]
        }
        Retention::Compacted => vec![
            ("cleanup.policy", "compact".to_owned()),
            // Only closed segments are compacted: small ones keep what a table reads close to its keys.
            ("segment.bytes", (16 << 20).to_string()),
            ("segment.ms", (3600 * 1000).to_string()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
        ],
    }
}

/// Creates topics that are missing; one that another process creates meanwhile is as good.
pub(super) async fn create(options: &KafkaOptions, missing: &[TopicSpec]) -> Result<(), LogError> {
    let config = options::base(options)?;
    let admin = AdminClient::from_config_and_context(&config, Context::default())
        .map_err(|error| explain("starting the Kafka admin client", &error))?;
    // -1: what the brokers have as their default.
    let replicas = options.replication.map_or(-1, i32::from);
    let described: Vec<_> = missing.iter().map(|spec| (spec, settings(spec.keep))).collect();
    let topics: Vec<NewTopic<'_>> = described
        .iter()
        .map(|(spec, settings)| {
            let topic = NewTopic::new(&spec.name, spec.partitions as i32, TopicReplication::Fixed(replicas))
                .set("max.message.bytes", options::largest_record(options));
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    let request = AdminOptions::new().request_timeout(Some(options.patience)).operation_timeout(Some(options.patience));
    let results = admin.create_topics(&topics, &request).await;
    for result in results.map_err(|error| explain("creating topics", &error))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(explain(&format!("creating topic {name}"), &KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

pub(super) fn bounds<C: rdkafka::ClientContext>(
    client: &Client<C>,
    (topic, partitions): (&str, u32),
    patience: Duration,
) -> Result<BTreeMap<u32, (u64, u64)>, LogError> {
    let one = |part: u32| {
        let (low, high) = client.fetch_watermarks(topic, part as i32, patience)?;
        Ok((part, (low.max(0) as u64, high.max(0) as u64)))
    };
    let all: Result<_, KafkaError> = (0..partitions).map(one).collect();
    all.map_err(|error| explain(&format!("asking for the offsets of {topic}"), &error))
}

/// What a group has committed; a client that names a group without subscribing does not join it.
pub(super) fn commits(
    client: &BaseConsumer<Context>,
    (topic, partitions): (&str, u32),
    patience: Duration,
) -> Result<Commits, LogError> {
    let ask = || {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions.saturating_sub(1) as i32);
        let list = client.committed_offsets(list, patience)?;
        list.elements().iter().try_for_each(|element| element.error())?;
        Ok(list)
    };
    let list = when_settled(ask).map_err(|error| explain(&format!("asking for the commits on {topic}"), &error))?;
    let commits = list.elements().into_iter().filter_map(|element| match element.offset() {
        Offset::Offset(next) => {
            let commit = Commit { next: next.max(0) as u64, note: element.metadata().to_owned() };
            Some((element.partition().max(0) as u32, commit))
        }
        _ => None,
    });
    Ok(commits.collect())
}

/// Reads a topic from its start to where it ends now, without a group; the newest value of each key stays.
pub(super) fn table(
    options: &KafkaOptions,
    (topic, partitions): (&str, u32),
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError> {
    let failed = |error: &KafkaError| explain(&format!("reading the table {topic}"), error);
    let mut config = options::reader(options)?;
    config.set("enable.partition.eof", "true");
    let reader = BaseConsumer::from_config_and_context(&config, Context::default()).map_err(|error| failed(&error))?;
    let mut held = bounds(reader.client(), (topic, partitions), options.patience)?;
    held.retain(|_, (oldest, next)| oldest < next);
    let starts: Offsets = held.iter().map(|(part, (oldest, _))| (*part, *oldest)).collect();
    reader.assign(&super::commit::offset_list(topic, &without_notes(&starts))?).map_err(|error| failed(&error))?;
    let ends = held.into_iter().map(|(part, (_, next))| (part, next)).collect();
    read_to(&reader, ends, options.patience).map_err(|error| failed(&error))
}

/// The newest value of each key before these offsets, from where the reader stands.
fn read_to(
    reader: &BaseConsumer<Context>,
    mut ends: Offsets,
    patience: Duration,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, KafkaError> {
    let mut table = BTreeMap::new();
    let mut heard = Instant::now();
    while !ends.is_empty() {
        match reader.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let (part, next) = (message.partition().max(0) as u32, message.offset() + 1);
                if ends.get(&part).is_some_and(|end| next.max(0) as u64 >= *end) {
                    ends.remove(&part);
                }
                set(&mut table, message.key().unwrap_or_default(), message.payload().unwrap_or_default());
                heard = Instant::now();
            }
            // The last records may have been compacted away: then the end comes before the offset that was asked for.
            Some(Err(KafkaError::PartitionEOF(part))) => drop(ends.remove(&(part.max(0) as u32))),
            // librdkafka reconnects by itself; only a long silence counts.
            other if heard.elapsed() > patience => {
                return Err(other.and_then(Result::err).unwrap_or(KafkaError::NoMessageReceived));
            }
            _ => {}
        }
    }
    Ok(table)
}

fn set(table: &mut BTreeMap<Vec<u8>, Vec<u8>>, key: &[u8], value: &[u8]) {
    if value.is_empty() {
        table.remove(key);
    } else {
        table.insert(key.to_vec(), value.to_vec());
    }
}
