//! Time by the clock and time of the processor.

use std::time::{Duration, Instant};

/// A stretch of work of this process.
pub struct Clock {
    started: Instant,
    cpu: Duration,
}

/// What a stretch took.
#[derive(Clone, Copy)]
pub struct Took {
    pub wall: Duration,
    /// Of all threads of this process, user and system. Children are not in it.
    pub cpu: Duration,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { started: Instant::now(), cpu: cpu() }
    }

    pub fn took(&self) -> Took {
        Took { wall: self.started.elapsed(), cpu: cpu() - self.cpu }
    }
}

impl Took {
    /// Of `count` things: a second by the clock.
    pub fn rate(&self, count: usize) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }

    /// A second of one core.
    pub fn rate_per_core(&self, count: usize) -> f64 {
        count as f64 / self.cpu.as_secs_f64()
    }
}

fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of the right size, which is zeroed where the call should fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

fn of(time: libc::timeval) -> Duration {
    Duration::from_micros(u64::try_from(time.tv_sec * 1_000_000 + i64::from(time.tv_usec)).unwrap_or_default())
}
