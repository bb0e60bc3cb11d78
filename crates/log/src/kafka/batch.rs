//! What one poll gives.

use jiff::Timestamp;
use rdkafka::{Message, message::BorrowedMessage};

use crate::{PollLimits, Received};

pub(super) fn received(message: &BorrowedMessage<'_>) -> Received {
    let millis = message.timestamp().to_millis().unwrap_or(0);
    Received {
        topic: message.topic().to_owned(),
        partition: message.partition().max(0) as u32,
        offset: message.offset().max(0) as u64,
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        appended_at: Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

fn size(record: &Received) -> usize {
    record.key.len() + record.value.len()
}

/// Collects records up to the limits.
pub(super) struct Batch {
    pub records: Vec<Received>,
    pub limits: PollLimits,
    bytes: usize,
}

impl Batch {
    pub fn new(limits: PollLimits) -> Self {
        Batch { records: Vec::new(), limits, bytes: 0 }
    }

    /// Gives the record back where it does not fit. The first always fits.
    pub fn push(&mut self, record: Received) -> Result<(), Received> {
        let full = self.records.len() >= self.limits.records;
        if full || (!self.records.is_empty() && self.bytes + size(&record) > self.limits.bytes) {
            return Err(record);
        }
        self.bytes += size(&record);
        self.records.push(record);
        Ok(())
    }

    pub fn is_full(&self) -> bool {
        self.records.len() >= self.limits.records || self.bytes >= self.limits.bytes
    }
}
