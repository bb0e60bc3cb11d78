use std::time::{Duration, Instant};

/// When a batch is full. Each bound is at least one item, byte or nanosecond in effect: an item always fits an empty
/// batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub count: usize,
    pub bytes: usize,
    /// How long the oldest item may wait.
    pub age: Duration,
}

/// Gathers items into batches, in order, by count, bytes and age.
#[derive(Debug)]
pub struct Batcher<T> {
    limits: BatchLimits,
    items: Vec<T>,
    bytes: usize,
    /// When the oldest item came.
    since: Option<Instant>,
}

impl<T> Batcher<T> {
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, items: Vec::new(), bytes: 0, since: None }
    }

    /// Takes an item of `bytes` bytes. Gives the batch that must be written now, if there is one: without the item
    /// where that would not fit in any more, with it where it fills the batch. Where both hold, the second waits as
    /// due.
    #[must_use = "the batch that is given is in no other place"]
    pub fn push(&mut self, item: T, bytes: usize, now: Instant) -> Option<Vec<T>> {
        let overflows = !self.items.is_empty() && self.bytes.saturating_add(bytes) > self.limits.bytes;
        let before = if overflows { self.take() } else { None };
        self.since.get_or_insert(now);
        self.items.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        match before {
            None if self.is_full() => self.take(),
            before => before,
        }
    }

    /// The batch, if it is full or its oldest item has waited long enough.
    #[must_use = "the batch that is given is in no other place"]
    pub fn due(&mut self, now: Instant) -> Option<Vec<T>> {
        let waited = self.since.is_some_and(|since| now.saturating_duration_since(since) >= self.limits.age);
        if waited || self.is_full() { self.take() } else { None }
    }

    /// When [`due`](Self::due) will give a batch though nothing more comes; `None` while it is empty.
    pub fn deadline(&self) -> Option<Instant> {
        let since = self.since?;
        Some(if self.is_full() { since } else { since + self.limits.age })
    }

    /// All there is, for a shutdown; `None` where there is nothing.
    #[must_use = "the batch that is given is in no other place"]
    pub fn take(&mut self) -> Option<Vec<T>> {
        (self.since, self.bytes) = (None, 0);
        let items = std::mem::take(&mut self.items);
        if items.is_empty() { None } else { Some(items) }
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn is_full(&self) -> bool {
        !self.items.is_empty() && (self.items.len() >= self.limits.count || self.bytes >= self.limits.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AGE: Duration = Duration::from_millis(100);

    fn batcher(count: usize, bytes: usize) -> Batcher<u32> {
        Batcher::new(BatchLimits { count, bytes, age: AGE })
    }

    #[test]
    fn a_batch_is_given_when_it_is_full() {
        let now = Instant::now();
        let mut by_count = batcher(2, 1000);
        assert_eq!(by_count.push(1, 1, now), None);
        assert_eq!(by_count.push(2, 1, now), Some(vec![1, 2]));
        let mut by_bytes = batcher(100, 10);
        assert_eq!(by_bytes.push(1, 6, now), None);
        assert_eq!(by_bytes.push(2, 6, now), Some(vec![1]));
        assert_eq!(by_bytes.push(3, 4, now), Some(vec![2, 3]));
        assert_eq!(by_bytes.push(4, 99, now), Some(vec![4]), "an item that is larger than the bound goes alone");
    }

    #[test]
    fn a_batch_is_given_when_its_oldest_item_has_waited() {
        let now = Instant::now();
        let mut batcher = batcher(100, 1000);
        assert_eq!(batcher.deadline(), None);
        assert_eq!(batcher.push(1, 1, now), None);
        assert_eq!(batcher.push(2, 1, now + AGE / 2), None);
        assert_eq!(batcher.deadline(), Some(now + AGE));
        assert_eq!(batcher.due(now + AGE / 2), None);
        assert_eq!(batcher.due(now + AGE), Some(vec![1, 2]));
        assert_eq!((batcher.due(now + 9 * AGE), batcher.len()), (None, 0));
    }

    proptest! {
        #[test]
        fn every_item_leaves_once_in_order_and_in_time(
            steps in prop::collection::vec((0_usize..15, 0_u64..60), 0..60), count in 1_usize..6, bytes in 1_usize..20,
        ) {
            let mut now = Instant::now();
            let (mut batcher, mut batches, mut sizes) = (batcher(count, bytes), Vec::new(), Vec::new());
            for (item, (size, passed)) in steps.iter().enumerate() {
                now += Duration::from_millis(*passed);
                batches.extend(batcher.due(now));
                prop_assert!(batcher.deadline().is_none_or(|deadline| deadline > now));
                sizes.push(*size);
                batches.extend(batcher.push(item as u32, *size, now));
                prop_assert!(batcher.len() <= count);
            }
            batches.extend(batcher.take());
            for batch in &batches {
                let total: usize = batch.iter().map(|item| sizes[*item as usize]).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= count);
                prop_assert!(total <= bytes || batch.len() == 1, "{total} bytes in {batch:?}");
            }
            prop_assert_eq!(batches.concat(), (0..steps.len() as u32).collect::<Vec<_>>());
        }
    }
}
