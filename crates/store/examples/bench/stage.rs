//! The process `grapevine sink` over the filled log.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use grapevine_log::embedded::EmbeddedLog;
use grapevine_model::topics;
use grapevine_testkit::process::Process;

use super::Place;
use super::fill::{behind, fill};
use super::measure::{self, Clock, Took};

/// The group that the stage reads as.
const GROUP: &str = "sink";

/// Of a log of its own, from its first commit to its last: its start is not in it. What the engine took comes second.
pub async fn run(place: &Place, binary: &Path, count: usize) -> Result<(Took, f64), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("data"))?;
    let log = EmbeddedLog::open(folder.path().join("data/log.db"))?;
    fill(&log, topics::SCORED, super::PARTITIONS, count).await?;
    let config = folder.path().join("grapevine.toml");
    std::fs::write(&config, text(place))?;
    let mut command = Command::new(binary);
    command.arg("sink").arg("--config").arg(&config).env(PASSWORD, place.engine.password());
    let mut process = Process::start(command, &folder.path().join("sink.log"))?;
    let all = behind(&log, topics::SCORED, GROUP).await?;
    wait(&log, &mut process, |left| left < all).await?;
    let first = all - behind(&log, topics::SCORED, GROUP).await?;
    let (clock, own, engine) = (Clock::start(), measure::cpu_of(process.id()), place.engine_cpu());
    wait(&log, &mut process, |left| left == 0).await?;
    let share = count as f64 / (count as u64 - first) as f64;
    let wall = clock.took().wall.mul_f64(share);
    let cpu = Duration::from_secs_f64((measure::cpu_of(process.id()) - own) * share);
    let took = (Took { wall, cpu }, (place.engine_cpu() - engine) * share);
    process.stop(Duration::from_secs(20))?;
    Ok(took)
}

const PASSWORD: &str = "GRAPEVINE_BENCH_PASSWORD";

fn text(place: &Place) -> String {
    let (url, user, database) = (place.engine.url(), place.engine.user(), place.engine.fresh_database());
    format!(
        "data_dir = \"data\"\n[store]\nkind = \"clickhouse\"\nurl = \"{url}\"\nuser = \"{user}\"\n\
         password_env = \"{PASSWORD}\"\ndatabase = \"{database}\"\n[scoring]\nenabled = false\n\
         [[brand]]\nname = \"Kestrovel\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"kestrovel\"\n"
    )
}

async fn wait(log: &EmbeddedLog, process: &mut Process, until: impl Fn(u64) -> bool) -> Result<(), Box<dyn Error>> {
    while !until(behind(log, topics::SCORED, GROUP).await?) {
        if process.exited()?.is_some() {
            return Err(format!("`grapevine sink` ended; it printed\n{}", process.log_tail(20)).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
