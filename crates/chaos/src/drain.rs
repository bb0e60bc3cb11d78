//! After the last fault: waits until nothing is under way any more.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use grapevine_model::topics;

use crate::{driver::Driver, truth::Truth, watch::Watch};

/// Longest wait: a pipeline that does not drain by then has lost its way.
const PATIENCE: Duration = Duration::from_secs(180);
/// Of one question.
const ASK: Duration = Duration::from_secs(5);
/// After the last step: a process that was frozen in the middle of a write may still end it.
const REST: Duration = Duration::from_secs(3);

/// What is waited for, in this order. Heartbeats go on for ever, so that the lag never stays at nothing: each step waits
/// for what stood on its topic when the step before it was done.
#[derive(Debug)]
enum Step {
    FileRead,
    Scored(BTreeMap<u32, u64>),
    Stored(BTreeMap<u32, u64>),
    Rebuilt,
    Rest(Instant),
}

/// How long it took, or what still waited.
pub fn drain(driver: &mut Driver<'_>, watch: &Watch, truth: &Truth) -> anyhow::Result<Result<Duration, String>> {
    let started = Instant::now();
    let mut step = Step::FileRead;
    while started.elapsed() < PATIENCE {
        driver.step()?;
        if matches!(step, Step::Rest(since) if since.elapsed() > REST && rebuilt(driver)) {
            return Ok(Ok(started.elapsed()));
        }
        step = step.next(driver, truth).unwrap_or(step);
        thread::sleep(Duration::from_millis(100));
    }
    Ok(Err(format!("still at {step:?} after {} s: {:?}", PATIENCE.as_secs(), watch.progress())))
}

impl Step {
    /// The step after this one, where this one is done.
    fn next(&self, driver: &Driver<'_>, truth: &Truth) -> Option<Step> {
        match self {
            Step::FileRead => file_is_read(driver, truth).then(|| ends(driver, topics::RAW).map(Step::Scored))?,
            Step::Scored(ends_of_raw) => {
                let done = committed(driver, topics::RAW, "score", ends_of_raw);
                done.then(|| ends(driver, topics::SCORED).map(Step::Stored))?
            }
            Step::Stored(ends) => committed(driver, topics::SCORED, "sink", ends).then_some(Step::Rebuilt),
            Step::Rebuilt => rebuilt(driver).then(|| Step::Rest(Instant::now())),
            Step::Rest(_) => None,
        }
    }
}

/// No hour of the rollups waits to be rebuilt.
fn rebuilt(driver: &Driver<'_>) -> bool {
    let sql = "SELECT count() FROM (SELECT 1 FROM rollup_hours AS h GROUP BY brand, hour \
        HAVING sum(h.marks) > max(h.done).2)";
    driver.world.engine.number(sql, ASK).is_ok_and(|dirty| dirty == 0)
}

fn file_is_read(driver: &Driver<'_>, truth: &Truth) -> bool {
    let Some(last) = truth.last_of_file else { return true };
    let sql = format!("SELECT count() FROM mentions WHERE id = toUInt128('{}')", last.0);
    driver.world.engine.number(&sql, ASK).is_ok_and(|count| count > 0)
}

/// Where each partition ends now.
fn ends(driver: &Driver<'_>, topic: &str) -> Option<BTreeMap<u32, u64>> {
    let world = &driver.world;
    let bounds = world.runtime.block_on(async { tokio::time::timeout(ASK, world.log.bounds(topic)).await });
    let bounds = bounds.ok()?.ok()?;
    Some(bounds.into_iter().map(|(partition, (_, end))| (partition, end)).collect())
}

fn committed(driver: &Driver<'_>, topic: &str, group: &str, ends: &BTreeMap<u32, u64>) -> bool {
    let world = &driver.world;
    let asked = async { tokio::time::timeout(ASK, world.log.committed(topic, group)).await };
    let Ok(Ok(committed)) = world.runtime.block_on(asked) else { return false };
    ends.iter().all(|(partition, end)| committed.get(partition).copied().unwrap_or(0) >= *end)
}
