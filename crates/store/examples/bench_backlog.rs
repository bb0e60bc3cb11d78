//! Memory and speed of the stages under a backlog.
//!
//! `cargo xtask bench backlog [-- --records N --log embedded|kafka --scoring]` runs it in release: `mentions.raw` is filled
//! first, then `grapevine score --stage` and `grapevine sink` work it off as processes of their own, the sink with the
//! embedded engine as its child. Their resident memory is sampled while they do. Scoring is off unless asked for: matching
//! and storing alone are faster, which is harder on memory.

#[path = "bench/fill.rs"]
mod fill;
#[path = "bench/memory.rs"]
mod memory;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use grapevine_log::Log;
use grapevine_log::embedded::EmbeddedLog;
use grapevine_log::kafka::{KafkaLog, KafkaOptions};
use grapevine_model::topics;
use grapevine_testkit::kafka::Broker;
use grapevine_testkit::process::Process;
use grapevine_testkit::story;
use memory::Memory;

const USAGE: &str =
    "usage: bench_backlog --binary FILE [--folder FOLDER] [--records N] [--log embedded|kafka] [--scoring]";
const PARTITIONS: u32 = 3;
/// Of these shares of the backlog the memory is shown.
const TENTHS: u64 = 10;

#[derive(Default)]
struct Options {
    binary: PathBuf,
    folder: PathBuf,
    records: usize,
    kafka: bool,
    scoring: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let folder = tempfile::tempdir_in(&options.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&options, folder.path()))
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { records: 5_000_000, folder: std::env::temp_dir(), ..Options::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match name.as_str() {
            "--binary" => options.binary = value()?.into(),
            "--folder" => options.folder = value()?.into(),
            "--records" => options.records = value()?.parse()?,
            "--log" => options.kafka = value()? == "kafka",
            "--scoring" => options.scoring = true,
            _ => return Err(USAGE.into()),
        }
    }
    if options.binary.as_os_str().is_empty() { Err(USAGE.into()) } else { Ok(options) }
}

async fn run(options: &Options, folder: &Path) -> Result<(), Box<dyn Error>> {
    let data = folder.join("data");
    std::fs::create_dir(&data)?;
    let broker = if options.kafka { Some(Broker::start()?) } else { None };
    let log: Box<dyn Log> = match &broker {
        Some(broker) => Box::new(KafkaLog::connect(KafkaOptions::new(broker.address())).await?),
        None => Box::new(EmbeddedLog::open(data.join("log.db"))?),
    };
    let started = Instant::now();
    let bytes = fill::fill(&*log, topics::RAW, PARTITIONS, options.records).await?;
    // Asked about before the stages have made it.
    fill::fill(&*log, topics::SCORED, PARTITIONS, 0).await?;
    let (megabytes, seconds) = (bytes / 1_000_000, started.elapsed().as_secs());
    println!("{} records, {megabytes} MB, written to the log in {seconds} s", options.records);
    std::fs::write(folder.join("grapevine.toml"), text(options, broker.as_ref()))?;
    let mut stages =
        [("sink", start(options, folder, &["sink"])?), ("score", start(options, folder, &["score", "--stage"])?)];
    watch(&*log, &mut stages, options.records as u64).await?;
    for (_, stage) in &mut stages {
        stage.stop(Duration::from_secs(30))?;
    }
    Ok(())
}

fn start(options: &Options, folder: &Path, arguments: &[&str]) -> std::io::Result<Process> {
    let mut command = Command::new(&options.binary);
    command.args(arguments).args(["--config", "grapevine.toml"]).current_dir(folder);
    Process::start(command, &folder.join(format!("{}.log", arguments[0])))
}

fn text(options: &Options, broker: Option<&Broker>) -> String {
    let log = match broker {
        Some(broker) => format!("kind = \"kafka\"\nbrokers = \"{}\"\nreplication = 1", broker.address()),
        None => "kind = \"embedded\"".to_owned(),
    };
    format!(
        "data_dir = \"data\"\n[log]\n{log}\npartitions = {PARTITIONS}\n[scoring]\nenabled = {}\n\n{}",
        options.scoring,
        story::config_toml()
    )
}

/// Prints a line at each tenth of the backlog, and what the memory came to.
async fn watch(log: &dyn Log, stages: &mut [(&str, Process)], all: u64) -> Result<(), Box<dyn Error>> {
    let mut memory = Memory::default();
    let (mut tenth, mut since) = (0, Instant::now());
    println!("{:>5} {:>10}  resident MiB", "done", "records/s");
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        for (name, stage) in stages.iter_mut() {
            if stage.exited()?.is_some() {
                return Err(format!("the stage {name} ended; it printed\n{}", stage.log_tail(20)).into());
            }
            memory.sample(name, stage.id());
        }
        // What is matched waits in the second topic: it is done when it has left that too.
        let left = fill::behind(log, topics::RAW, "score").await? + fill::behind(log, topics::SCORED, "sink").await?;
        let done = all.saturating_sub(left) * TENTHS / all.max(1);
        if done > tenth {
            let rate = (done - tenth) * all / TENTHS * 1000 / u64::try_from(since.elapsed().as_millis())?.max(1);
            println!("{:>4}% {rate:>10}  {}", done * 100 / TENTHS, memory.now());
            memory.keep(done);
            (tenth, since) = (done, Instant::now());
        }
        if left == 0 {
            memory.report();
            return Ok(());
        }
    }
}
