//! How far each partition is finished, so that a hole before or inside what is read next does not go unseen.

use std::collections::BTreeMap;

use grapevine_delivery::OffsetRange;
use grapevine_log::Offsets;

/// The commits of the partitions that are held. `mentions.raw` has no holes of its own: an offset that is passed over was
/// removed before this stage, slow or stopped for long, came to it.
#[derive(Debug, Default)]
pub struct Reached {
    next: Offsets,
}

impl Reached {
    /// Without a commit nothing is known of what was before: the group begins with the first record that it reads.
    pub fn gain(&mut self, partition: u32, commit: Option<u64>) {
        match commit {
            Some(next) => self.next.insert(partition, next),
            None => self.next.remove(&partition),
        };
    }

    /// Offsets that were gone, of those from the commit to the end of the range, of which so many records were read.
    pub fn gone(&self, partition: u32, range: OffsetRange, records: u64) -> u64 {
        let before = self.next.get(&partition).map_or(0, |next| range.first.saturating_sub(*next));
        before + range.width().saturating_sub(records)
    }

    /// These were committed.
    pub fn pass(&mut self, next: Offsets) {
        self.next.extend(next);
    }
}

/// Of each partition, how many.
pub fn count(partitions: impl Iterator<Item = u32>) -> BTreeMap<u32, u64> {
    partitions.fold(BTreeMap::new(), |mut counts, partition| {
        *counts.entry(partition).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> OffsetRange {
        OffsetRange::new(first, last).unwrap()
    }

    #[test]
    fn what_retention_took_between_the_commit_and_the_first_record_is_seen() {
        let mut reached = Reached::default();
        reached.gain(0, Some(100));
        reached.gain(1, None);
        assert_eq!(reached.gone(0, range(100, 149), 50), 0);
        assert_eq!(reached.gone(0, range(130, 149), 20), 30);
        assert_eq!(reached.gone(1, range(700, 709), 10), 0, "the group begins there");
        reached.pass(Offsets::from([(0, 150), (1, 710)]));
        assert_eq!(reached.gone(0, range(150, 159), 10), 0, "it is counted once");
        assert_eq!(reached.gone(1, range(712, 719), 6), 4, "two before the range, two in it");
        reached.gain(1, None);
        assert_eq!(reached.gone(1, range(5, 9), 5), 0);
    }

    #[test]
    fn what_is_read_again_is_not_gone() {
        let mut reached = Reached::default();
        reached.gain(0, Some(100));
        assert_eq!(reached.gone(0, range(40, 49), 10), 0);
    }
}
