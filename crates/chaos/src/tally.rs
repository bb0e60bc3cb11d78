//! What was broken, counted.

use std::collections::BTreeMap;

/// Counts by kind.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Processes that a SIGKILL or an abort ended, by kind.
    pub kills: BTreeMap<String, u64>,
    /// Faults of other kinds.
    pub faults: BTreeMap<String, u64>,
    /// Planned faults whose target was down already.
    pub skipped: u64,
    /// Stages that ended by themselves with an error, and were started again.
    pub gave_up: BTreeMap<String, u64>,
}

impl Tally {
    pub fn kill(&mut self, kind: impl Into<String>) {
        *self.kills.entry(kind.into()).or_default() += 1;
    }

    pub fn fault(&mut self, kind: impl Into<String>) {
        *self.faults.entry(kind.into()).or_default() += 1;
    }

    pub fn all_kills(&self) -> u64 {
        self.kills.values().sum()
    }

    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}
