//! What waits of one partition, and how it becomes batches.

use std::{collections::VecDeque, time::Instant};

use grapevine_delivery::{BatchLimits, Batcher, OffsetRange};
use grapevine_log::Received;

/// Records to store as one range.
#[derive(Debug, PartialEq, Eq)]
pub struct Load {
    pub range: OffsetRange,
    pub records: Vec<Received>,
    /// The range stood in the note of the commit: an insert of it may have begun before.
    pub replay: bool,
}

/// Cuts what is read of a partition into ranges. Where the commit's note names one, that range comes first and exactly: a
/// replay must insert what the first attempt inserted, whatever the limits say today.
pub struct Intake {
    pending: Option<OffsetRange>,
    replay: Vec<Received>,
    batcher: Batcher<Received>,
    ready: VecDeque<Vec<Received>>,
    bytes: usize,
}

impl Intake {
    pub fn new(limits: BatchLimits, pending: Option<OffsetRange>) -> Self {
        Self { pending, replay: Vec::new(), batcher: Batcher::new(limits), ready: VecDeque::new(), bytes: 0 }
    }

    pub fn push(&mut self, record: Received, now: Instant) {
        let size = size(&record);
        self.bytes += size;
        if self.pending.is_some_and(|pending| record.offset < pending.first) {
            self.give_up_pending(record.offset, now);
        }
        match self.pending {
            Some(pending) if record.offset <= pending.last => self.replay.push(record),
            _ => self.ready.extend(self.batcher.push(record, size, now)),
        }
    }

    /// Reading begins before the range: the log lost its end (restored, truncated), and what stands at those offsets now is
    /// not what was begun. As ordinary ranges it is stored whole, and what is stored already folds by its ids.
    fn give_up_pending(&mut self, offset: u64, now: Instant) {
        if let Some(pending) = self.pending.take() {
            tracing::error!(
                "the range {pending} was begun, but reading goes on at {offset}, before it: the log was restored or \
                 truncated; what it has is stored as it comes, and what is stored already folds by its ids"
            );
        }
        for record in std::mem::take(&mut self.replay) {
            let size = size(&record);
            self.ready.extend(self.batcher.push(record, size, now));
        }
    }

    /// The next range, where it is complete and large or old enough.
    pub fn next(&mut self, now: Instant) -> Option<Load> {
        let load = match self.pending {
            Some(pending) => {
                if !self.has_all_of(pending) {
                    return None;
                }
                self.pending = None;
                let records = std::mem::take(&mut self.replay);
                Load { range: pending, records, replay: true }
            }
            None => {
                let records = self.ready.pop_front().or_else(|| self.batcher.due(now))?;
                let range = OffsetRange::new(records.first()?.offset, records.last()?.offset)?;
                Load { range, records, replay: false }
            }
        };
        self.bytes -= load.records.iter().map(size).sum::<usize>();
        Some(load)
    }

    /// Its last record is there, or one behind it: then the last was removed from the log.
    fn has_all_of(&self, pending: OffsetRange) -> bool {
        let ends = self.replay.last().is_some_and(|record| record.offset == pending.last);
        ends || !self.batcher.is_empty() || !self.ready.is_empty()
    }

    /// When [`next`](Self::next) will give something though nothing more is read.
    pub fn deadline(&self) -> Option<Instant> {
        if self.pending.is_some() { None } else { self.batcher.deadline() }
    }

    /// Of what waits.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.replay.is_empty() && self.batcher.is_empty() && self.ready.is_empty()
    }
}

/// As it counts against the memory that may be taken.
pub fn size(record: &Received) -> usize {
    record.key.len() + record.value.len() + std::mem::size_of::<Received>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: BatchLimits = BatchLimits { count: 3, bytes: 1 << 20, age: Duration::from_millis(100) };

    fn intake(pending: Option<(u64, u64)>, offsets: &[u64], now: Instant) -> Intake {
        let mut intake = Intake::new(LIMITS, pending.and_then(|(first, last)| OffsetRange::new(first, last)));
        for offset in offsets {
            let appended_at = jiff::Timestamp::UNIX_EPOCH;
            let (topic, key, value) = ("t".into(), vec![], vec![b'x'; 10]);
            intake.push(Received { topic, partition: 0, offset: *offset, key, value, appended_at }, now);
        }
        intake
    }

    fn ranges(intake: &mut Intake, now: Instant) -> Vec<String> {
        let mut ranges = Vec::new();
        while let Some(load) = intake.next(now) {
            ranges.push(format!("{}{} of {}", load.range, if load.replay { "!" } else { "" }, load.records.len()));
        }
        ranges
    }

    #[test]
    fn batches_are_cut_by_count_and_the_rest_waits_for_its_age() {
        let now = Instant::now();
        let mut intake = intake(None, &[5, 6, 7, 9, 10], now);
        assert_eq!(ranges(&mut intake, now), ["5-7 of 3"]);
        assert_eq!(intake.deadline(), Some(now + LIMITS.age));
        assert_eq!(ranges(&mut intake, now + LIMITS.age), ["9-10 of 2"]);
        assert!(intake.is_empty() && intake.bytes() == 0);
    }

    #[test]
    fn a_noted_range_is_replayed_exactly_whatever_was_read_and_whatever_the_limits_say() {
        let now = Instant::now();
        let mut partly = intake(Some((5, 9)), &[5, 6, 7, 8], now);
        assert_eq!((ranges(&mut partly, now + LIMITS.age), partly.deadline()), (vec![], None));
        let mut whole = intake(Some((5, 9)), &[5, 6, 7, 8, 9, 10], now);
        assert_eq!(ranges(&mut whole, now + LIMITS.age), ["5-9! of 5", "10-10 of 1"]);
    }

    #[test]
    fn a_noted_range_that_reading_begins_before_is_given_up() {
        let now = Instant::now();
        let mut intake = intake(Some((500, 509)), &[3, 4, 5, 6], now);
        assert_eq!(ranges(&mut intake, now), ["3-5 of 3"]);
        assert_eq!(ranges(&mut intake, now + LIMITS.age), ["6-6 of 1"]);
        assert!(intake.is_empty() && intake.bytes() == 0);
    }

    #[test]
    fn a_noted_range_keeps_its_ends_though_its_records_were_removed() {
        let now = Instant::now();
        let mut intake = intake(Some((5, 9)), &[7, 12, 13, 14], now);
        assert_eq!(ranges(&mut intake, now), ["5-9! of 1", "12-14 of 3"]);
    }
}
