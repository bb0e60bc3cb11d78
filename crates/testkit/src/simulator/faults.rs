//! What goes wrong, by a seed.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// How often something goes wrong. The same seed and the same order of requests give the same faults.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Share of requests, of frames and of deliveries.
    rate: f64,
    rng: Arc<Mutex<SmallRng>>,
}

/// What befalls one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An answer with this status, and nothing in it.
    Status(u16),
    /// As when a platform says so, for a second.
    Limited,
    /// A page for people.
    Html,
    /// Half of the answer, then the connection breaks.
    Cut,
    Slow(Duration),
    /// The right answer, after which the platform has the same to say again.
    Twice,
}

impl Faults {
    pub fn none() -> Self {
        Self::of(0.0)
    }

    pub fn of(rate: f64) -> Self {
        Self { rate, rng: Arc::new(Mutex::new(SmallRng::seed_from_u64(0))) }
    }

    pub(super) fn seeded(&self, seed: u64) -> Self {
        Self { rate: self.rate, rng: Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))) }
    }

    /// Draws.
    pub fn next(&self) -> Option<Fault> {
        let mut rng = self.rng.lock();
        if self.rate <= 0.0 || !rng.random_bool(self.rate.min(1.0)) {
            return None;
        }
        Some(match rng.random_range(0..7) {
            0 => Fault::Status(500),
            1 => Fault::Status(503),
            2 => Fault::Limited,
            3 => Fault::Html,
            4 => Fault::Cut,
            5 => Fault::Slow(Duration::from_millis(rng.random_range(50..400))),
            _ => Fault::Twice,
        })
    }
}
