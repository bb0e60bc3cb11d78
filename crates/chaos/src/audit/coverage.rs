//! Every offset that the sinks committed lies in a range that the store says it has.

use std::collections::BTreeMap;

use grapevine_model::topics;
use serde::Deserialize;

use super::{Found, PATIENCE};
use crate::world::World;

#[derive(Deserialize)]
struct Range {
    partition: u32,
    first_offset: u64,
    last_offset: u64,
}

const SQL: &str = "SELECT partition, first_offset, last_offset FROM batches FINAL ORDER BY partition, first_offset";

pub fn compare(world: &World, found: &mut Found) -> anyhow::Result<()> {
    // Commits first: heartbeats go on, and a range that is stored before its commit is then among those that are read.
    let committed = world.runtime.block_on(world.log.committed(topics::SCORED, "sink"))?;
    let mut ranges: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    for Range { partition, first_offset, last_offset } in world.engine.rows(SQL, PATIENCE)? {
        ranges.entry(partition).or_default().push((first_offset, last_offset));
    }
    for (partition, next) in committed {
        found.offsets += next;
        let of_partition = ranges.get(&partition).map_or(&[][..], Vec::as_slice);
        for (from, to) in holes(of_partition, next) {
            found.uncovered += to - from;
            found.examples.push(format!("partition {partition}: no range holds offsets {from} to {}", to - 1));
        }
    }
    Ok(())
}

/// What the ranges (first and last offset, in order) leave out of the offsets before `next`.
fn holes(ranges: &[(u64, u64)], next: u64) -> Vec<(u64, u64)> {
    let (mut holes, mut reached) = (Vec::new(), 0);
    for (first, last) in ranges {
        if *first > reached {
            holes.push((reached, *first));
        }
        reached = reached.max(last + 1);
    }
    if reached < next {
        holes.push((reached, next));
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_between_ranges_and_after_them_are_holes_and_overlaps_are_not() {
        assert!(holes(&[(0, 4), (3, 9)], 10).is_empty());
        assert_eq!(holes(&[(2, 4), (7, 9)], 12), [(0, 2), (5, 7), (10, 12)]);
        assert_eq!(holes(&[], 3), [(0, 3)]);
    }
}
