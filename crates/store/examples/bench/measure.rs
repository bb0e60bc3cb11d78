//! Time by the clock and time of the processor.

use std::time::{Duration, Instant};

/// A stretch of work of this process.
pub struct Clock {
    started: Instant,
    cpu: Duration,
}

/// What a stretch took.
#[derive(Clone, Copy, Default)]
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
    #[allow(dead_code, reason = "each benchmark uses a part of this file")]
    pub fn rate_per_core(&self, count: usize) -> f64 {
        count as f64 / self.cpu.as_secs_f64()
    }
}

impl std::ops::AddAssign for Took {
    fn add_assign(&mut self, other: Took) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// Seconds of the processor that another process has taken, user and system. 0 where there is no `/proc`.
#[allow(dead_code, reason = "each benchmark uses a part of this file")]
pub fn cpu_of(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name, in brackets, may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    // SAFETY: asks for a constant of the system.
    ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
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

/// The kernel gives no negative times.
fn of(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap_or_default());
    seconds + Duration::from_micros(time.tv_usec.try_into().unwrap_or_default())
}
