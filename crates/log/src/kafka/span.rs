//! Records of one partition, read without a group.

use std::time::{Duration, Instant};

use rdkafka::{
    Message,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

use super::{
    batch::received,
    client::{Context, explain},
    commit::offset_list,
    options::{self, KafkaOptions},
};
use crate::{LogError, Offsets, PollLimits, Received, without_notes};

/// What stands there now, from an offset on. May block.
pub(super) fn read(
    options: &KafkaOptions,
    (topic, partition): (&str, u32),
    from: u64,
    limits: PollLimits,
) -> Result<Vec<Received>, LogError> {
    let failed = |error: &KafkaError| explain(&format!("reading {topic}"), error);
    let mut config = options::reader(options)?;
    config.set("enable.partition.eof", "true");
    let reader = BaseConsumer::from_config_and_context(&config, Context::default()).map_err(|error| failed(&error))?;
    let watermarks = reader.fetch_watermarks(topic, partition as i32, options.patience);
    let (oldest, next) = watermarks.map_err(|error| failed(&error))?;
    let (from, end) = (from.max(oldest.max(0) as u64), next.max(0) as u64);
    if from >= end {
        return Ok(Vec::new());
    }
    let start = without_notes(&Offsets::from([(partition, from)]));
    reader.assign(&offset_list(topic, &start)?).map_err(|error| failed(&error))?;
    take(&reader, end, limits, options.patience).map_err(|error| failed(&error))
}

/// Up to an offset or the limits, whichever comes first.
fn take(
    reader: &BaseConsumer<Context>,
    end: u64,
    limits: PollLimits,
    patience: Duration,
) -> Result<Vec<Received>, KafkaError> {
    let (mut records, mut bytes, mut heard) = (Vec::new(), 0, Instant::now());
    while records.len() < limits.records {
        match reader.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                bytes += message.key_len() + message.payload_len();
                let at = message.offset().max(0) as u64;
                if at >= end || (bytes > limits.bytes && !records.is_empty()) {
                    break;
                }
                records.push(received(&message));
                heard = Instant::now();
                if at + 1 >= end {
                    break;
                }
            }
            // The last records may have been compacted away: then the end comes before the offset that was asked for.
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            // librdkafka reconnects by itself; only a long silence counts.
            other if heard.elapsed() > patience => {
                return Err(other.and_then(Result::err).unwrap_or(KafkaError::NoMessageReceived));
            }
            _ => {}
        }
    }
    Ok(records)
}
