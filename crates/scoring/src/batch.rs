//! Batches of token ids. Texts of about the same length share a batch, so that little is computed on padding.

/// Texts that are sorted by length together. More gives less padding; fewer gives earlier answers.
pub const WINDOW: usize = 1024;
/// Texts in a batch. More than this gains nothing on a CPU, and the activations leave the cache.
pub const ROWS: usize = 32;
/// A small call is split over the workers down to this many texts a batch.
const FEWEST_ROWS: usize = 8;

/// A padded batch: `rows` x `width`, row by row. Padding has id 0 and mask 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub ids: Vec<i64>,
    pub mask: Vec<i64>,
    pub rows: usize,
    pub width: usize,
}

impl Batch {
    /// Pads every row to the longest of them.
    pub fn of(rows: &[&[u32]]) -> Self {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut ids = vec![0; rows.len() * width];
        let mut mask = vec![0; rows.len() * width];
        for (index, row) in rows.iter().enumerate() {
            for (column, &id) in row.iter().enumerate() {
                ids[index * width + column] = i64::from(id);
                mask[index * width + column] = 1;
            }
        }
        Self { ids, mask, rows: rows.len(), width }
    }
}

/// Which texts of a window go together: positions in `lengths`, each exactly once.
///
/// The longest come first: with several workers, the last batch to finish is then a short one.
pub fn plan(lengths: &[usize], workers: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(lengths[at]));
    let rows = lengths.len().div_ceil(workers.max(1)).clamp(FEWEST_ROWS, ROWS);
    order.chunks(rows).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_rows_are_padded_to_the_longest() {
        let batch = Batch::of(&[&[101, 7, 102], &[101, 102]]);
        assert_eq!((batch.rows, batch.width), (2, 3));
        assert_eq!(batch.ids, [101, 7, 102, 101, 102, 0]);
        assert_eq!(batch.mask, [1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn a_small_call_is_shared_by_the_workers() {
        let sizes = |n: usize, workers| plan(&vec![5; n], workers).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(32, 2), [16, 16]);
        assert_eq!(sizes(10, 4), [8, 2]);
        assert_eq!(sizes(100, 2), [32, 32, 32, 4]);
        assert_eq!(sizes(0, 2), [0; 0]);
    }

    proptest! {
        #[test]
        fn every_text_is_planned_once_and_no_batch_is_longer_than_the_one_before(
            lengths in prop::collection::vec(2usize..64, 0..200), workers in 1usize..5
        ) {
            let batches = plan(&lengths, workers);
            let mut seen: Vec<usize> = batches.concat();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert!(batches.iter().all(|b| b.len() <= ROWS));
            for pair in batches.windows(2) {
                let shortest = pair[0].iter().map(|&at| lengths[at]).min();
                prop_assert!(shortest >= pair[1].iter().map(|&at| lengths[at]).max());
            }
        }
    }
}
