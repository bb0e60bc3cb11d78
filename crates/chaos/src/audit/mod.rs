//! Every id, every hour and every dead letter, compared with the truth.

mod base;
mod coverage;
mod letters;
mod rollups;
mod status;

use std::time::Duration;

use grapevine_log::{PollLimits, Received};

use crate::{truth::Truth, world::World};

/// Questions over everything that was stored.
const PATIENCE: Duration = Duration::from_secs(120);
/// Examples of each kind of violation.
const EXAMPLES: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub ids: u64,
    /// Rows that must be stored and live, and those that are.
    pub expected: u64,
    pub stored: u64,
    pub lost: u64,
    pub doubled: u64,
    pub wrong: u64,
    /// Brand-hours that disagree with the base or with the truth, and all of them.
    pub rollup_mismatches: u64,
    pub brand_hours: u64,
    pub letters: letters::Letters,
    /// Offsets that the sinks committed, and those of them that no stored range holds.
    pub offsets: u64,
    pub uncovered: u64,
    /// Records of `mentions.scored` that were there before, by id and version.
    pub repeated: u64,
    /// The first line of `grapevine status`, and whether it found something violated or stalled.
    pub status: String,
    pub unwell: u64,
    /// The first of each kind.
    pub examples: Vec<String>,
}

impl Found {
    /// Counts a violation, and keeps the first few.
    fn note(&mut self, count: fn(&mut Found) -> &mut u64, say: impl FnOnce() -> String) {
        let seen = count(self);
        *seen += 1;
        if *seen <= EXAMPLES as u64 {
            self.examples.push(say());
        }
    }

    pub fn violations(&self) -> u64 {
        self.lost
            + self.doubled
            + self.wrong
            + self.rollup_mismatches
            + self.uncovered
            + self.unwell
            + self.letters.violations()
    }
}

pub fn audit(world: &World, truth: &Truth) -> anyhow::Result<Found> {
    let mut found = Found { ids: truth.ids(), ..Found::default() };
    base::compare(world, truth, &mut found)?;
    rollups::compare(world, truth, &mut found)?;
    coverage::compare(world, &mut found)?;
    letters::compare(world, truth, &mut found)?;
    status::ask(world, &mut found)?;
    Ok(found)
}

/// All records of a topic, as they stand now.
fn read_all(world: &World, topic: &str) -> anyhow::Result<Vec<Received>> {
    let limits = PollLimits { records: 10_000, bytes: 32 << 20, wait: Duration::from_secs(5) };
    let all = async {
        let mut all = Vec::new();
        for (partition, (oldest, end)) in world.log.bounds(topic).await? {
            let mut from = oldest;
            while from < end {
                let records = world.log.read(topic, partition, from, limits).await?;
                let Some(last) = records.last() else { break };
                from = last.offset + 1;
                all.extend(records);
            }
        }
        Ok(all)
    };
    world.runtime.block_on(all)
}
