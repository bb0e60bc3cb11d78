use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

use crate::registry::Clock;

/// A clock that moves when someone sleeps by it, and never by itself.
#[derive(Debug, Clone)]
pub struct StepClock {
    now: Arc<Mutex<Timestamp>>,
    ticks: Arc<watch::Sender<()>>,
}

impl StepClock {
    pub fn at(start: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(start)), ticks: Arc::new(watch::Sender::new(())) }
    }

    pub fn advance(&self, time: Duration) {
        {
            let mut now = self.now.lock();
            *now = now.saturating_add(time).unwrap_or(*now);
        }
        self.wake();
    }

    /// Whoever waits for a tick looks again.
    pub(super) fn wake(&self) {
        self.ticks.send_replace(());
    }

    /// Until the clock moves, counted from this call.
    pub(super) fn tick(&self) -> BoxFuture<'static, ()> {
        let mut ticks = self.ticks.subscribe();
        async move { drop(ticks.changed().await) }.boxed()
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        *self.now.lock()
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
