//! How long the broker of the tests takes to start, to stop and to come back, and how much memory it takes.

use std::time::Instant;

use anyhow::{Result, bail};
use grapevine_testkit::kafka::{Broker, Error};

use super::startup::peak_memory;

pub fn run(extra: &[String]) -> Result<()> {
    if !extra.is_empty() {
        bail!("`broker` takes no arguments");
    }
    let mut broker = None;
    timed("format and start until it answers", || {
        broker = Some(Broker::start()?);
        Ok(())
    })?;
    let Some(broker) = broker else { return Ok(()) };
    timed("stop in order", || broker.stop())?;
    timed("start again", || broker.restart())?;
    timed("kill", || broker.kill9())?;
    timed("start after the kill", || broker.restart())?;
    println!("{:<36} {:>6} MiB", "peak memory", broker.id().map_or(0, peak_memory));
    Ok(())
}

fn timed(what: &str, work: impl FnOnce() -> Result<(), Error>) -> Result<()> {
    let started = Instant::now();
    work()?;
    println!("{what:<36} {:>6.1} s", started.elapsed().as_secs_f32());
    Ok(())
}
