//! Offsets of batches: pure arithmetic that the stages share.

use std::collections::BTreeMap;

use grapevine_log::{Offsets, Received};
use serde::{Deserialize, Serialize};

/// `first` to `last`, both in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub first: u64,
    pub last: u64,
}

/// The offset after the newest record of each partition: what to commit once all of them are done.
pub fn next_offsets(records: &[Received]) -> Offsets {
    let mut next = Offsets::new();
    for record in records {
        let entry = next.entry(record.partition).or_default();
        *entry = (*entry).max(record.offset + 1);
    }
    next
}

/// Records that are there and that the group has not committed, over all partitions.
pub fn behind(bounds: &BTreeMap<u32, (u64, u64)>, committed: &Offsets) -> u64 {
    let of_one = |(partition, (oldest, end)): (&u32, &(u64, u64))| {
        end - committed.get(partition).copied().unwrap_or_default().clamp(*oldest, *end)
    };
    bounds.iter().map(of_one).sum()
}

/// Takes the next batch of one partition off the front of `waiting`.
///
/// With a pending range that begins where `waiting` begins, the batch is exactly that range, or nothing until all of it has
/// been read: a replay must insert what the first attempt inserted. Without one, it is up to `at_most` records.
pub fn take_batch(waiting: &mut Vec<Received>, pending: Option<Range>, at_most: usize) -> Option<Vec<Received>> {
    let first = waiting.first()?.offset;
    let count = match pending.filter(|range| range.first == first) {
        Some(range) => {
            let within = waiting.iter().take_while(|record| record.offset <= range.last).count();
            let complete = waiting.last().is_some_and(|record| record.offset >= range.last);
            if !complete {
                return None;
            }
            within
        }
        None => waiting.len().min(at_most),
    };
    Some(waiting.drain(..count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(offsets: impl IntoIterator<Item = u64>) -> Vec<Received> {
        let record = |offset| Received {
            topic: "t".into(),
            partition: 0,
            offset,
            key: vec![],
            value: vec![],
            appended_at: jiff::Timestamp::UNIX_EPOCH,
        };
        offsets.into_iter().map(record).collect()
    }

    fn offsets(batch: Option<Vec<Received>>) -> Option<Vec<u64>> {
        batch.map(|batch| batch.iter().map(|record| record.offset).collect())
    }

    #[test]
    fn a_pending_range_is_replayed_exactly_whatever_was_polled() {
        let pending = Some(Range { first: 5, last: 7 });
        assert_eq!(offsets(take_batch(&mut records(5..7), pending, 100)), None, "not all of it has been read");
        let mut waiting = records(5..20);
        assert_eq!(offsets(take_batch(&mut waiting, pending, 2)), Some(vec![5, 6, 7]), "though more was asked for");
        assert_eq!(waiting[0].offset, 8);
    }

    #[test]
    fn a_pending_range_with_holes_ends_at_its_last_offset() {
        let pending = Some(Range { first: 5, last: 7 });
        assert_eq!(offsets(take_batch(&mut records([5, 9]), pending, 100)), Some(vec![5]));
    }

    #[test]
    fn a_pending_range_that_was_committed_is_past() {
        let pending = Some(Range { first: 0, last: 4 });
        assert_eq!(offsets(take_batch(&mut records(5..8), pending, 2)), Some(vec![5, 6]));
    }

    #[test]
    fn lag_counts_every_partition_and_no_record_that_is_gone() {
        let bounds = BTreeMap::from([(0, (0, 10)), (1, (3, 4)), (2, (5, 9))]);
        assert_eq!(behind(&bounds, &Offsets::from([(0, 7), (1, 4)])), 3 + 4);
    }
}
