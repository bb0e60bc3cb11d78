use std::{path::PathBuf, time::Duration};

use crate::config::LogKind;

/// What to run, for how long, and how hard to break it.
#[derive(Debug, Clone)]
pub struct Options {
    pub seed: u64,
    /// How long faults strike. Starting, draining and the audit come on top, some minutes at most.
    pub length: Duration,
    pub log: LogKind,
    /// Regular members of the groups, 1 to 3; further ones join and leave by the plan.
    pub scorers: u32,
    pub sinks: u32,
    /// Planned kills (some strike what is down already, and are not counted); see `goal`.
    pub kills: u32,
    /// Planned faults of other kinds.
    pub others: u32,
    /// Fewer kills than this are a failure.
    pub goal: u32,
    /// With the model; without it mentions are stored as not scored.
    pub scoring: bool,
    /// Events a second, over both ways in.
    pub rate: u32,
    /// The program under test.
    pub binary: PathBuf,
    /// The folder of models.
    pub models: PathBuf,
    /// Where logs and data go. Removed after a run without violations, unless `keep`.
    pub folder: PathBuf,
    pub keep: bool,
}

impl Options {
    /// A member of a group may be so long without a sign, before its partitions go to others.
    pub const SESSION: Duration = Duration::from_secs(6);
    /// Members of a group at most, joined ones included.
    pub const MOST_MEMBERS: u32 = 3;
    pub const PARTITIONS: u32 = 3;
}
