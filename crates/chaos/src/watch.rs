//! How far the pipeline is, asked beside everything else.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use grapevine_log::Log;
use grapevine_model::topics;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::{engine::Engine, world::World};

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers of the moment; `None` where there was none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Rows of live mentions.
    pub stored: Option<i64>,
    /// Records that the scorers, and the sinks, have not committed.
    pub to_score: Option<u64>,
    pub to_store: Option<u64>,
    pub most_to_score: u64,
    pub most_to_store: u64,
}

pub struct Watch {
    progress: Arc<Mutex<Progress>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn start(world: &World) -> Watch {
        let (progress, stop) = (Arc::new(Mutex::new(Progress::default())), Arc::new(AtomicBool::new(false)));
        let watcher = Watcher {
            runtime: world.runtime.clone(),
            log: world.log.clone(),
            engine: world.engine.clone(),
            progress: progress.clone(),
        };
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                watcher.look();
                thread::sleep(EVERY);
            }
        });
        Watch { progress, stop, thread: Some(thread) }
    }

    pub fn progress(&self) -> Progress {
        *self.progress.lock()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watcher {
    runtime: Arc<Runtime>,
    log: Arc<dyn Log>,
    engine: Arc<Engine>,
    progress: Arc<Mutex<Progress>>,
}

impl Watcher {
    fn look(&self) {
        let stored = self.engine.number("SELECT count() FROM mentions FINAL", PATIENCE).ok();
        let (to_score, to_store) = (self.lag(topics::RAW, "score"), self.lag(topics::SCORED, "sink"));
        let mut progress = self.progress.lock();
        *progress = Progress {
            stored: stored.or(progress.stored),
            to_score,
            to_store,
            most_to_score: progress.most_to_score.max(to_score.unwrap_or(0)),
            most_to_store: progress.most_to_store.max(to_store.unwrap_or(0)),
        };
    }

    fn lag(&self, topic: &str, group: &str) -> Option<u64> {
        let ask = async {
            let both = async { (self.log.bounds(topic).await, self.log.committed(topic, group).await) };
            tokio::time::timeout(PATIENCE, both).await
        };
        match self.runtime.block_on(ask) {
            Ok((Ok(bounds), Ok(committed))) => Some(behind(&bounds, &committed)),
            _ => None,
        }
    }
}

fn behind(bounds: &BTreeMap<u32, (u64, u64)>, committed: &BTreeMap<u32, u64>) -> u64 {
    let of_one = |(partition, (oldest, end)): (&u32, &(u64, u64))| {
        end - committed.get(partition).copied().unwrap_or_default().clamp(*oldest, *end)
    };
    bounds.iter().map(of_one).sum()
}
