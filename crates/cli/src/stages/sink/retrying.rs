//! Which inserts wait for the store: the stage runs well only when none does.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

/// By partition, why its insert is tried again. Clones share it.
#[derive(Clone, Default)]
pub struct Retrying {
    waiting: Arc<Mutex<BTreeMap<u32, String>>>,
}

impl Retrying {
    pub fn failed(&self, partition: u32, why: String) {
        self.waiting.lock().insert(partition, why);
    }

    /// An insert has ended, in whatever way; gives why another still waits.
    pub fn ended(&self, partition: u32) -> Option<String> {
        let mut waiting = self.waiting.lock();
        waiting.remove(&partition);
        waiting.values().next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_one_partition_waits_the_stage_does_whatever_the_others_do() {
        let retrying = Retrying::default();
        retrying.failed(0, "full".into());
        retrying.failed(1, "away".into());
        assert_eq!(retrying.ended(2).as_deref(), Some("full"));
        assert_eq!(retrying.ended(0).as_deref(), Some("away"));
        assert_eq!(retrying.ended(1), None);
    }
}
