//! One run from beginning to end.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use grapevine_testkit::fault_plan::{PlanOptions, Timed, plan};

use crate::{
    audit, drain::drain, driver::Driver, options::Options, producer::Producer, report::Report, watch::Watch,
    world::World,
};

const STEP: Duration = Duration::from_millis(50);
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Breaks a pipeline as the options say, and audits what is left. `say` gets a line every few seconds.
///
/// # Errors
/// Something of the harness itself does not work. What the pipeline does wrong is in the report.
pub fn run(options: &Options, say: impl FnMut(&str)) -> anyhow::Result<Report> {
    run_plan(options, faults(options), say)
}

/// Like [`run`], with these faults instead of random ones.
pub fn run_plan(options: &Options, plan: Vec<Timed>, mut say: impl FnMut(&str)) -> anyhow::Result<Report> {
    std::fs::create_dir_all(&options.folder)?;
    write_plan(options, &plan)?;
    let started = Instant::now();
    let mut world = World::start(options).context("the pipeline does not start")?;
    let (took, folder) = (started.elapsed().as_secs_f64(), options.folder.display());
    say(&format!("everything runs after {took:.0} s; logs in {folder}"));
    let report = break_and_audit(options, plan, &mut world, say)?;
    drop(world);
    match report.passed() && !options.keep {
        true => std::fs::remove_dir_all(&options.folder)?,
        false => std::fs::write(options.folder.join("report.txt"), report.to_string())?,
    }
    Ok(report)
}

fn break_and_audit(
    options: &Options,
    plan: Vec<Timed>,
    world: &mut World,
    mut say: impl FnMut(&str),
) -> anyhow::Result<Report> {
    let watch = Watch::start(world);
    let mut producer = Producer::start(options, world)?;
    let mut driver = Driver::new(options, world, plan);
    let started = Instant::now();
    let mut said = Duration::ZERO;
    while started.elapsed() < options.length {
        driver.step()?;
        if started.elapsed() >= said {
            said += SAY_EVERY;
            say(&line(started, &driver, &watch, &producer));
        }
        thread::sleep(STEP);
    }
    driver.mend()?;
    say("no more faults; draining");
    producer.stop()?;
    let took = started.elapsed();
    let truth = producer.truth.lock();
    let drained = drain(&mut driver, &watch, &truth)?;
    let found = audit::audit(driver.world, &truth).context("the audit could not be done")?;
    let (tally, sent, progress) = (driver.tally, truth.sent, watch.progress());
    Ok(Report { options: options.clone(), tally, found, sent, drained, progress, took })
}

fn faults(options: &Options) -> Vec<Timed> {
    plan(&PlanOptions {
        seed: options.seed,
        length: options.length,
        kills: options.kills,
        others: options.others,
        scorers: options.scorers,
        sinks: options.sinks,
        most_members: Options::MOST_MEMBERS,
        broker: options.log == crate::LogKind::Kafka,
        crash_points: crash_points(options),
        session: Options::SESSION,
    })
}

/// As the program itself lists them.
fn crash_points(options: &Options) -> Vec<String> {
    let output = Command::new(&options.binary).arg("crash-points").output();
    let listed = output.ok().filter(|output| output.status.success());
    let text = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    // Nobody waits for an alert here: its points are tested where alerts are.
    names.filter(|name| !name.starts_with("alert-")).collect()
}

/// The plan beside the logs, so that what is found can be read along with it.
fn write_plan(options: &Options, plan: &[Timed]) -> std::io::Result<()> {
    let line = |timed: &Timed| format!("{:>8.1} s  {:?}\n", timed.at.as_secs_f64(), timed.fault);
    std::fs::write(options.folder.join("plan.txt"), plan.iter().map(line).collect::<String>())
}

fn line(started: Instant, driver: &Driver<'_>, watch: &Watch, producer: &Producer) -> String {
    let progress = watch.progress();
    let (sent, ids) = {
        let truth = producer.truth.lock();
        (truth.sent, truth.ids())
    };
    let known = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    format!(
        "{:>5.0} s  sent {sent} ({ids} ids)  rows {}  to score {}  to store {}  kills {}  faults {}",
        started.elapsed().as_secs_f64(),
        progress.stored.map_or("?".to_owned(), |stored| stored.to_string()),
        known(progress.to_score),
        known(progress.to_store),
        driver.tally.all_kills(),
        driver.tally.all_faults()
    )
}
