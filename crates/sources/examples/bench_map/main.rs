//! What one core does from the bytes of a platform's stream to an event, and on to the bytes of a record on the log,
//! against parsing the same bytes to `serde_json::Value` and nothing more.
//!
//! `cargo xtask bench map [-- --frames N --rounds N]` runs it in release. "Per core" counts the time of the processor.

mod frames;

use std::{error::Error, hint::black_box, time::Duration};

use grapevine_model::{Event, wire};
use grapevine_sources::{bluesky, x};
use jiff::Timestamp;

/// As in the binary `grapevine`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: bench_map [--frames N] [--rounds N]";
/// The frames are read so often in one measurement.
const TIMES: usize = 25;

type Map = fn(&[u8], Timestamp) -> Result<Vec<Event>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let (count, rounds) = sizes()?;
    let shapes: [(&str, Vec<Vec<u8>>, Map); 2] =
        [("Jetstream", frames::jetstream(count), jetstream), ("X stream", frames::x_stream(count), x_stream)];
    println!("{:46} {:>12} {:>9} {:>7}", "", "events/s", "MB/s", "ratio");
    for round in 1..=rounds {
        for (name, frames, map) in &shapes {
            let bytes: usize = frames.iter().map(Vec::len).sum();
            println!("round {round}, {name}: {} frames of {} bytes", frames.len(), bytes / frames.len());
            let parsed = measure(frames, |frame| {
                black_box(serde_json::from_slice::<serde_json::Value>(frame)?);
                Ok(())
            })?;
            let base = line("serde_json::Value of the same bytes", parsed, frames.len(), bytes, None);
            let mapped = measure(frames, |frame| {
                black_box(map(frame, Timestamp::UNIX_EPOCH)?);
                Ok(())
            })?;
            line("bytes to event", mapped, frames.len(), bytes, Some(base));
            let encoded = measure(frames, |frame| {
                map(frame, Timestamp::UNIX_EPOCH)?.iter().for_each(|event| drop(black_box(wire::encode(event))));
                Ok(())
            })?;
            line("bytes to event to record", encoded, frames.len(), bytes, Some(base));
        }
    }
    Ok(())
}

fn sizes() -> Result<(usize, usize), Box<dyn Error>> {
    let (mut count, mut rounds) = (4000, 2);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value: usize = arguments.next().ok_or(USAGE)?.parse()?;
        match name.as_str() {
            "--frames" if value > 0 => count = value,
            "--rounds" => rounds = value,
            _ => return Err(USAGE.into()),
        }
    }
    Ok((count, rounds))
}

fn jetstream(frame: &[u8], now: Timestamp) -> Result<Vec<Event>, Box<dyn Error>> {
    Ok(bluesky::map(frame, now)?.event.into_iter().collect())
}

fn x_stream(line: &[u8], now: Timestamp) -> Result<Vec<Event>, Box<dyn Error>> {
    let mapped = x::map(line, now)?;
    if !mapped.rejected.is_empty() {
        return Err(format!("a made line is rejected: {:?}", mapped.rejected).into());
    }
    Ok(mapped.mentions.into_iter().map(|mention| Event::Upsert(Box::new(mention))).collect())
}

/// The time of the processor for all frames, [`TIMES`] times, after one time that does not count.
fn measure(
    frames: &[Vec<u8>],
    mut work: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    frames.iter().try_for_each(|frame| work(frame))?;
    let began = cpu();
    for _ in 0..TIMES {
        frames.iter().try_for_each(|frame| work(frame))?;
    }
    Ok(cpu() - began)
}

/// Prints the line; gives its rate.
fn line(what: &str, took: Duration, frames: usize, bytes: usize, base: Option<f64>) -> f64 {
    let per_second = |amount: usize| (amount * TIMES) as f64 / took.as_secs_f64();
    let rate = per_second(frames);
    println!("  {what:44} {rate:>12.0} {:>9.0} {:>7.2}", per_second(bytes) / 1e6, rate / base.unwrap_or(rate));
    rate
}

/// Of this process, user and system.
fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to memory of the right size, which is zeroed where the call should fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let of = |time: libc::timeval| {
        let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap_or_default());
        seconds + Duration::from_micros(time.tv_usec.try_into().unwrap_or_default())
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}
