use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

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
    /// A short run with two members of each group and no faults yet, in a folder of its own.
    pub fn new(log: LogKind, length: Duration, binary: PathBuf, models: PathBuf) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("grapevine-chaos-{}-{number}", std::process::id()));
        Self {
            seed: 1,
            length,
            log,
            scorers: 2,
            sinks: 2,
            kills: 0,
            others: 0,
            goal: 0,
            scoring: false,
            rate: 100,
            binary,
            models,
            folder,
            keep: false,
        }
    }

    /// A member of a group may be so long without a sign, before its partitions go to others.
    pub const SESSION: Duration = Duration::from_secs(6);
    /// Members of a group at most, joined ones included.
    pub const MOST_MEMBERS: u32 = 3;
    pub const PARTITIONS: u32 = 3;
}
