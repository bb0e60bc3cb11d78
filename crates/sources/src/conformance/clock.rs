use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;

use crate::registry::Clock;

/// A clock that moves when someone sleeps by it, and never by itself.
#[derive(Debug, Clone)]
pub struct StepClock(Arc<Mutex<Timestamp>>);

impl StepClock {
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    pub fn advance(&self, time: Duration) {
        let mut now = self.0.lock();
        *now = now.saturating_add(time).unwrap_or(*now);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }

    /// Gives the others a turn, so that a timeout around a source that never stops sleeping still ends it.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        async move {
            clock.advance(time);
            tokio::task::yield_now().await;
        }
        .boxed()
    }
}
